-- Who may call: service accounts, the sessions that their tokens belong to, and an audit of who came and who was refused.
-- Times are UTC, as text. Run at every start, so everything here may be repeated.
CREATE TABLE IF NOT EXISTS service_accounts (
  name TEXT NOT NULL PRIMARY KEY,
  -- Argon2id, as a PHC string. Never the secret.
  secret_hash TEXT NOT NULL,
  scopes TEXT NOT NULL,
  disabled INTEGER NOT NULL,
  -- Which content of the variable service_accounts was last written into this row; NULL: none was.
  seed TEXT NULL,
  created_at TEXT NOT NULL,
  rotated_at TEXT NOT NULL,
  last_used_at TEXT NULL
) STRICT;

-- One row per login. All tokens that descend from it carry its id (`sid`) and end with it. A token that was not issued
-- here has no row until it is revoked; its `jti` is the id then.
CREATE TABLE IF NOT EXISTS sessions (
  id TEXT NOT NULL PRIMARY KEY,
  subject TEXT NOT NULL,
  -- The `jti` of the one refresh token that is still good; NULL: there is none.
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
