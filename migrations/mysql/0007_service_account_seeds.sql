-- The entries of the variable service_accounts that have been applied. A row stays when its account
-- is deleted, so that the account is not created again. The column service_accounts.seed is no
-- longer used.
CREATE TABLE IF NOT EXISTS service_account_seeds (
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version BIGINT NOT NULL,
  -- The instance that has applied the version recognises it by this id.
  applied_by CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  applied_at DATETIME(6) NOT NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB;

-- The entries that earlier releases have applied, also those whose account was deleted since.
INSERT IGNORE INTO service_account_seeds (name, version, applied_by, applied_at)
  SELECT name, 1, '', rotated_at FROM service_accounts WHERE seed IS NOT NULL;
INSERT IGNORE INTO service_account_seeds (name, version, applied_by, applied_at)
  SELECT subject, 1, '', MAX(at) FROM access_audit WHERE event = 'ACCOUNT_SEEDED' GROUP BY subject;
