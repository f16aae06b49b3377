-- One row per intake flush covers the first attempts of all its events while they are in the worker's memory.
CREATE TABLE intake_batches (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    worker_id   uuid        NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    first_event uuid        NOT NULL,
    last_event  uuid        NOT NULL
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0
);
