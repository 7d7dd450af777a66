-- One row per affiliation check, written before the caller is answered. MySQL 8 and MariaDB 10.11.
-- Times are UTC.
CREATE TABLE IF NOT EXISTS affiliation_checks (
  id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  citizen_id VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  exists_in_system BOOLEAN NULL,
  citizen_data MEDIUMTEXT CHARACTER SET utf8mb4 NULL,
  message VARCHAR(500) CHARACTER SET utf8mb4 NOT NULL,
  checked_at DATETIME(6) NOT NULL,
  external_api_status_code SMALLINT UNSIGNED NULL,
  PRIMARY KEY (id),
  KEY affiliation_checks_by_citizen (citizen_id, checked_at, id)
) ENGINE = InnoDB;
