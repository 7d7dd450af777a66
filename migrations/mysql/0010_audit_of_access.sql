-- Which request made a record or an entry of the audit log, and whose data an entry is about. The
-- columns are NULL in rows from before this step.
-- unless: SELECT 1 FROM information_schema.columns
--   WHERE table_schema = DATABASE() AND table_name = 'affiliation_checks'
--   AND column_name = 'request_id'
ALTER TABLE affiliation_checks
  ADD COLUMN request_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL;

-- unless: SELECT 1 FROM information_schema.columns
--   WHERE table_schema = DATABASE() AND table_name = 'document_authentications'
--   AND column_name = 'request_id'
ALTER TABLE document_authentications
  -- The subject of the token that asked for the authentication.
  ADD COLUMN requested_by VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  ADD COLUMN request_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL;

-- unless: SELECT 1 FROM information_schema.columns
--   WHERE table_schema = DATABASE() AND table_name = 'access_audit'
--   AND column_name = 'outcome'
ALTER TABLE access_audit
  -- The id of a citizen, or a digest after an erasure.
  ADD COLUMN citizen VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
  -- What was asked for: the id of a record, or the name of a route.
  ADD COLUMN target VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
  -- The status of the response.
  ADD COLUMN outcome SMALLINT UNSIGNED NULL,
  ADD KEY access_audit_by_citizen (citizen, at, id);
