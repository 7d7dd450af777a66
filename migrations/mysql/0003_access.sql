-- Service accounts, the sessions that their tokens belong to, and the audit log of logins and
-- refusals. MySQL 8 and MariaDB 10.11. Times are UTC.
CREATE TABLE IF NOT EXISTS service_accounts (
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- The Argon2id hash of the secret, as a PHC string.
  secret_hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  scopes VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  disabled BOOLEAN NOT NULL,
  -- A digest of the entry of the variable service_accounts that was last written into this row;
  -- NULL for an account that was created through the API.
  seed VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  created_at DATETIME(6) NOT NULL,
  rotated_at DATETIME(6) NOT NULL,
  last_used_at DATETIME(6) NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB;

-- One row per login. All tokens issued from it carry its id (`sid`) and are revoked with it. A
-- token of another issuer has no row until it is revoked; then its `jti` is the id.
CREATE TABLE IF NOT EXISTS sessions (
  id VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  subject VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  -- The `jti` of the only refresh token that is still valid; NULL if there is none.
  refresh_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
  created_at DATETIME(6) NOT NULL,
  expires_at DATETIME(6) NOT NULL,
  revoked_at DATETIME(6) NULL,
  PRIMARY KEY (id),
  KEY sessions_by_subject (subject),
  KEY sessions_expired (expires_at),
  KEY sessions_revoked (revoked_at)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS access_audit (
  id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  at DATETIME(6) NOT NULL,
  event VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  actor VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  address VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  request_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  KEY access_audit_by_time (at),
  KEY access_audit_by_subject (subject, at)
) ENGINE = InnoDB;
