-- A running process. The row is its lease: whoever deletes it takes over its batches and leases, and whatever the
-- old owner writes afterwards is refused, because every write of outcomes locks this row first.
CREATE TABLE workers (
    id           uuid        PRIMARY KEY,
    started_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
