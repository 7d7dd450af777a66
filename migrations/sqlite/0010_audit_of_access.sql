-- Which request made a record or an entry of the audit log, and whose data an entry is about. The
-- columns are NULL in rows from before this step.
ALTER TABLE affiliation_checks ADD COLUMN request_id TEXT NULL;

-- The subject of the token that asked for the authentication.
ALTER TABLE document_authentications ADD COLUMN requested_by TEXT NULL;
ALTER TABLE document_authentications ADD COLUMN request_id TEXT NULL;

-- The id of a citizen, or a digest after an erasure.
ALTER TABLE access_audit ADD COLUMN citizen TEXT NULL;
-- What was asked for: the id of a record, or the name of a route.
ALTER TABLE access_audit ADD COLUMN target TEXT NULL;
-- The status of the response.
ALTER TABLE access_audit ADD COLUMN outcome INTEGER NULL;
CREATE INDEX access_audit_by_citizen ON access_audit (citizen, at, id) WHERE citizen IS NOT NULL;
