-- The rate limit of an account: `N/second|minute|hour|day` or `off`. NULL stands for the default.
ALTER TABLE service_accounts ADD COLUMN rate_limit TEXT NULL;
