-- Broker messages that could not be made into events: kept, counted, listed, and replayed or discarded by people.
CREATE TABLE quarantined_messages (
    id              uuid        PRIMARY KEY, -- version 7
    tenant_id       text        NOT NULL,
    subscription_id uuid        NOT NULL REFERENCES event_subscriptions (id) ON DELETE CASCADE,
    topic           text        NOT NULL,
    partition       text        NOT NULL,
    position        text        NOT NULL,    -- offset, sequence or entry id: what the broker calls a place
    reason          text        NOT NULL,
    quarantined_at  timestamptz NOT NULL DEFAULT now(),
    message_at      timestamptz,             -- the broker's time of the message
    message_key     bytea,
    content_type    text,
    headers         jsonb       NOT NULL,
    payload         bytea,                   -- NULL = a tombstone, or discarded
    payload_size    bigint      NOT NULL,    -- larger than payload when only its head was kept
    state           text        NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'REPLAYED', 'DISCARDED')),
    settled_at      timestamptz
);

-- A message that is delivered again is quarantined once.
CREATE UNIQUE INDEX quarantined_messages_place ON quarantined_messages (subscription_id, topic, partition, position);
CREATE INDEX quarantined_messages_open ON quarantined_messages (subscription_id, id) WHERE state = 'OPEN';
CREATE INDEX quarantined_messages_tenant ON quarantined_messages (tenant_id, id);
