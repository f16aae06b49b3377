-- Producers' ids seen within the deduplication window.
CREATE TABLE event_ids (
    tenant_id   text        NOT NULL,
    event_id    text        NOT NULL,
    source      text        NOT NULL,
    row_id      uuid        NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    matched     integer     NOT NULL,
    PRIMARY KEY (tenant_id, event_id, source)
) WITH (fillfactor = 90);

-- Tiny beside a B-tree: rows arrive in order of acceptance, and the purge only asks for the oldest.
CREATE INDEX event_ids_accepted_at ON event_ids USING brin (accepted_at) WITH (pages_per_range = 32);
