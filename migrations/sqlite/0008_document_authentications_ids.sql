-- The id as the caller gave it, in rows whose key (message_id) is not that id: ids are unique per
-- origin and, over HTTP, per subject. And the properties of a message that its result repeats.
ALTER TABLE document_authentications ADD COLUMN given_message_id TEXT NULL;
ALTER TABLE document_authentications ADD COLUMN correlation_id TEXT NULL;
ALTER TABLE document_authentications ADD COLUMN reply_to TEXT NULL;

-- Every pending row is in the outbox now, so that it is handed to the queue again. Rows from the
-- queue were not.
UPDATE document_authentications
  SET outbox = 'REQUEST', outbox_due_at = strftime('%Y-%m-%d %H:%M:%f000', 'now', '+15 minutes')
  WHERE status = 'PENDING' AND outbox IS NULL;
