-- The subject of the token that asked for the check; NULL in rows from before this step.
-- unless: SELECT 1 FROM information_schema.columns
--   WHERE table_schema = DATABASE() AND table_name = 'affiliation_checks'
--   AND column_name = 'requested_by'
ALTER TABLE affiliation_checks
  ADD COLUMN requested_by VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL;
