-- Retries, overflow, holds, replays and recovered work: everything that waits outside a worker's memory.
-- A claim sets leased_by and nothing else, so it is a heap-only update; the index keeps lanes apart.
CREATE TABLE delivery_queue (
    event_row_id      uuid        NOT NULL,
    configuration_id  uuid        NOT NULL,
    tenant_id         text        NOT NULL,
    event_accepted_at timestamptz NOT NULL,
    attempt           smallint    NOT NULL, -- number of the next attempt, counts from 1
    due_at            timestamptz NOT NULL,
    leased_by         uuid,
    hold_reason       text,
    PRIMARY KEY (event_row_id, configuration_id)
) WITH (
    fillfactor = 80,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX delivery_queue_due ON delivery_queue (configuration_id, due_at);
