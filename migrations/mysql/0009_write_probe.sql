-- One row, which the readiness check writes to find out whether records can be written.
CREATE TABLE IF NOT EXISTS write_probe (
  id TINYINT NOT NULL,
  written_at DATETIME(6) NOT NULL,
  PRIMARY KEY (id)
) ENGINE = InnoDB;
