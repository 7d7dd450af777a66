-- Who may call: service accounts, the sessions that their tokens belong to, and an audit of who came and who was refused.
-- MySQL 8 and MariaDB 10.11. Times are UTC.
CREATE TABLE IF NOT EXISTS service_accounts (
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- Argon2id, as a PHC string. Never the secret.
  secret_hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  scopes VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  disabled BOOLEAN NOT NULL,
  -- Which content of the variable service_accounts was last written into this row; NULL: none was.
  seed VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  created_at DATETIME(6) NOT NULL,
  rotated_at DATETIME(6) NOT NULL,
  last_used_at DATETIME(6) NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB;

-- One row per login. All tokens that descend from it carry its id (`sid`) and end with it. A token that was not issued
-- here has no row until it is revoked; its `jti` is the id then.
CREATE TABLE IF NOT EXISTS sessions (
  id VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  subject VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  -- The `jti` of the one refresh token that is still good; NULL: there is none.
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
