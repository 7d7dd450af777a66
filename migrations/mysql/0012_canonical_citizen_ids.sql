-- Leading zeros are not part of a citizen's id. Without this, records of earlier releases would be
-- neither shown nor erased. An id of zeros alone stays. The audit log has digests too, which are
-- longer.
UPDATE affiliation_checks SET citizen_id = TRIM(LEADING '0' FROM citizen_id)
  WHERE citizen_id LIKE '0%' AND TRIM(LEADING '0' FROM citizen_id) <> '';

UPDATE document_authentications SET id_citizen = TRIM(LEADING '0' FROM id_citizen)
  WHERE id_citizen LIKE '0%' AND TRIM(LEADING '0' FROM id_citizen) <> '';

UPDATE access_audit SET citizen = TRIM(LEADING '0' FROM citizen)
  WHERE citizen LIKE '0%' AND CHAR_LENGTH(citizen) <= 12 AND TRIM(LEADING '0' FROM citizen) <> '';
