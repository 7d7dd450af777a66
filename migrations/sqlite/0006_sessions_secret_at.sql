-- When the account got the secret that the session started with: a copy of its rotated_at. A
-- session of an earlier secret is not refreshed. NULL in rows from before this step.
ALTER TABLE sessions ADD COLUMN secret_at TEXT NULL;
