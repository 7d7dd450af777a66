-- One row per request to authenticate a document. A row is its own outbox: one UPDATE stores the
-- verdict and marks the row as still to be published. Times are UTC, as text.
CREATE TABLE IF NOT EXISTS document_authentications (
  id TEXT NOT NULL PRIMARY KEY,
  message_id TEXT NOT NULL UNIQUE,
  document_id TEXT NULL,
  id_citizen TEXT NOT NULL,
  url_document TEXT NOT NULL,
  document_title TEXT NOT NULL,
  status TEXT NOT NULL,
  auth_success INTEGER NULL,
  external_api_status_code INTEGER NULL,
  external_api_response TEXT NULL,
  error_message TEXT NULL,
  received_at TEXT NOT NULL,
  processed_at TEXT NULL,
  event_published_at TEXT NULL,
  traceparent TEXT NULL,
  tracestate TEXT NULL,
  claim TEXT NOT NULL,
  claimed_until TEXT NOT NULL,
  outbox TEXT NULL,
  outbox_due_at TEXT NULL,
  outbox_lease TEXT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS document_authentications_by_citizen
  ON document_authentications (id_citizen, received_at, id);
CREATE INDEX IF NOT EXISTS document_authentications_due ON document_authentications (outbox_due_at);
CREATE INDEX IF NOT EXISTS document_authentications_leased ON document_authentications (outbox_lease);
