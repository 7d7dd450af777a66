-- When the account got the secret that the session started with: a copy of its rotated_at. A
-- session of an earlier secret is not refreshed. NULL in rows from before this step.
-- unless: SELECT 1 FROM information_schema.columns
--   WHERE table_schema = DATABASE() AND table_name = 'sessions' AND column_name = 'secret_at'
ALTER TABLE sessions ADD COLUMN secret_at DATETIME(6) NULL;
