-- Leading zeros are not part of a citizen's id. Without this, records of earlier releases would be
-- neither shown nor erased. An id of zeros alone stays. The audit log has digests too, which are
-- longer.
UPDATE affiliation_checks SET citizen_id = ltrim(citizen_id, '0')
  WHERE citizen_id GLOB '0*' AND ltrim(citizen_id, '0') <> '';

UPDATE document_authentications SET id_citizen = ltrim(id_citizen, '0')
  WHERE id_citizen GLOB '0*' AND ltrim(id_citizen, '0') <> '';

UPDATE access_audit SET citizen = ltrim(citizen, '0')
  WHERE citizen GLOB '0*' AND length(citizen) <= 12 AND ltrim(citizen, '0') <> '';
