-- A value that is encrypted for its tenant is longer than what was kept of it.
ALTER TABLE quarantined_messages ADD COLUMN kept_size integer; -- NULL = as long as payload, which is stored as it is
