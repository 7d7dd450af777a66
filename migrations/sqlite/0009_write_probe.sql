-- One row, which the readiness check writes to find out whether records can be written.
CREATE TABLE IF NOT EXISTS write_probe (
  id INTEGER NOT NULL PRIMARY KEY,
  written_at TEXT NOT NULL
) STRICT;
