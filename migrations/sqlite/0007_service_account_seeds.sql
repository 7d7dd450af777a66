-- The entries of the variable service_accounts that have been applied. A row stays when its account
-- is deleted, so that the account is not created again. The column service_accounts.seed is no
-- longer used.
CREATE TABLE IF NOT EXISTS service_account_seeds (
  name TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  -- The instance that has applied the version recognises it by this id.
  applied_by TEXT NOT NULL,
  applied_at TEXT NOT NULL
) STRICT;

-- The entries that earlier releases have applied, also those whose account was deleted since.
INSERT OR IGNORE INTO service_account_seeds (name, version, applied_by, applied_at)
  SELECT name, 1, '', rotated_at FROM service_accounts WHERE seed IS NOT NULL;
INSERT OR IGNORE INTO service_account_seeds (name, version, applied_by, applied_at)
  SELECT subject, 1, '', MAX(at) FROM access_audit WHERE event = 'ACCOUNT_SEEDED' GROUP BY subject;
