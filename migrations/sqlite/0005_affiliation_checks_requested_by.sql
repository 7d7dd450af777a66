-- The subject of the token that asked for the check; NULL in rows from before this step.
ALTER TABLE affiliation_checks ADD COLUMN requested_by TEXT NULL;
