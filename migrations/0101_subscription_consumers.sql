-- How each replica's consumers of a subscription are doing, reported every few seconds. A row that is not reported
-- any more belongs to a replica that stopped.
CREATE TABLE subscription_consumers (
    subscription_id uuid        NOT NULL REFERENCES event_subscriptions (id) ON DELETE CASCADE,
    replica_id      uuid        NOT NULL,
    reported_at     timestamptz NOT NULL DEFAULT now(),
    consumers       integer     NOT NULL,
    connected       boolean     NOT NULL,
    partitions      text[]      NOT NULL,
    lag             bigint,                  -- messages not yet read; NULL = the broker does not tell
    lag_seconds     double precision,
    last_message_at timestamptz,
    last_error      text,
    last_error_at   timestamptz,
    rebalances      bigint      NOT NULL,
    reconnects      bigint      NOT NULL,
    filtered        bigint      NOT NULL,
    PRIMARY KEY (subscription_id, replica_id)
) WITH (fillfactor = 50);
