-- One row per affiliation check, written before the caller is answered. Times are UTC, as text.
CREATE TABLE IF NOT EXISTS affiliation_checks (
  id TEXT NOT NULL PRIMARY KEY,
  citizen_id TEXT NOT NULL,
  status TEXT NOT NULL,
  exists_in_system INTEGER NULL,
  citizen_data TEXT NULL,
  message TEXT NOT NULL,
  checked_at TEXT NOT NULL,
  external_api_status_code INTEGER NULL
) STRICT;

CREATE INDEX IF NOT EXISTS affiliation_checks_by_citizen ON affiliation_checks (citizen_id, checked_at, id);
