-- What happened at a tenant, as received. By day of acceptance, so that retention drops whole partitions.
CREATE TABLE events (
    id              uuid        NOT NULL, -- version 7, drawn in increasing order within a flush
    accepted_at     timestamptz NOT NULL,
    batch_id        bigint,               -- the intake batch it came with; NULL when no delivery started in memory
    tenant_id       text        NOT NULL,
    event_id        text,                 -- the producer's id; NULL = none was given, then id is it
    source          text        NOT NULL DEFAULT '',
    source_event_id uuid,                 -- NULL = id
    event_type      text        NOT NULL,
    content_type    text,
    occurred_at     timestamptz,
    headers         text,
    targets         uuid[]      NOT NULL, -- configurations that get a delivery
    payload         bytea       NOT NULL,
    PRIMARY KEY (id, accepted_at)
) PARTITION BY RANGE (accepted_at);

CREATE INDEX events_producer_id ON events (tenant_id, event_id) WHERE event_id IS NOT NULL;

CREATE TABLE events_default PARTITION OF events DEFAULT;
