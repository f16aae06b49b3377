-- Retention finds what was replayed or discarded long ago without reading what waits.
CREATE INDEX quarantined_messages_settled ON quarantined_messages (settled_at) WHERE settled_at IS NOT NULL;
