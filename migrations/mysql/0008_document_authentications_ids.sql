-- The id as the caller gave it, in rows whose key (message_id) is not that id: ids are unique per
-- origin and, over HTTP, per subject. And the properties of a message that its result repeats.
-- unless: SELECT 1 FROM information_schema.columns
--   WHERE table_schema = DATABASE() AND table_name = 'document_authentications'
--   AND column_name = 'given_message_id'
ALTER TABLE document_authentications
  ADD COLUMN given_message_id VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NULL,
  ADD COLUMN correlation_id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  ADD COLUMN reply_to VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL;

-- Every pending row is in the outbox now, so that it is handed to the queue again. Rows from the
-- queue were not.
UPDATE document_authentications
  SET outbox = 'REQUEST', outbox_due_at = UTC_TIMESTAMP(6) + INTERVAL 15 MINUTE
  WHERE status = 'PENDING' AND outbox IS NULL;
