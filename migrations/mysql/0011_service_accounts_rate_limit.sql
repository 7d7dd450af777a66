-- The rate limit of an account: `N/second|minute|hour|day` or `off`. NULL stands for the default.
-- unless: SELECT 1 FROM information_schema.columns
--   WHERE table_schema = DATABASE() AND table_name = 'service_accounts' AND column_name = 'rate_limit'
ALTER TABLE service_accounts ADD COLUMN rate_limit VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL;
