-- Service accounts, the sessions that their tokens belong to, and the audit log of logins and
-- refusals. Times are UTC, as text.
CREATE TABLE IF NOT EXISTS service_accounts (
  name TEXT NOT NULL PRIMARY KEY,
  -- The Argon2id hash of the secret, as a PHC string.
  secret_hash TEXT NOT NULL,
  scopes TEXT NOT NULL,
  disabled INTEGER NOT NULL,
  -- A digest of the entry of the variable service_accounts that was last written into this row;
  -- NULL for an account that was created through the API.
  seed TEXT NULL,
  created_at TEXT NOT NULL,
  rotated_at TEXT NOT NULL,
  last_used_at TEXT NULL
) STRICT;

-- One row per login. All tokens issued from it carry its id (`sid`) and are revoked with it. A
-- token of another issuer has no row until it is revoked; then its `jti` is the id.
CREATE TABLE IF NOT EXISTS sessions (
  id TEXT NOT NULL PRIMARY KEY,
  subject TEXT NOT NULL,
  -- The `jti` of the only refresh token that is still valid; NULL if there is none.
  refresh_id TEXT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  revoked_at TEXT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS sessions_by_subject ON sessions (subject);
CREATE INDEX IF NOT EXISTS sessions_expired ON sessions (expires_at);
CREATE INDEX IF NOT EXISTS sessions_revoked ON sessions (revoked_at);

CREATE TABLE IF NOT EXISTS access_audit (
  id TEXT NOT NULL PRIMARY KEY,
  at TEXT NOT NULL,
  event TEXT NOT NULL,
  subject TEXT NOT NULL,
  actor TEXT NULL,
  address TEXT NULL,
  request_id TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS access_audit_by_time ON access_audit (at);
CREATE INDEX IF NOT EXISTS access_audit_by_subject ON access_audit (subject, at);
