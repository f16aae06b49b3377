-- Bindings of broker topics and queues to the service.
CREATE TABLE event_subscriptions (
    id                       uuid        PRIMARY KEY,
    tenant_id                text        NOT NULL,
    name                     text        NOT NULL,
    description              text,
    messaging_system_type    text        NOT NULL,
    -- Encrypted, as are the consumer's properties: they carry the broker's credentials.
    connection_config        text,
    topic_or_queue           text        NOT NULL,
    consumer_group_id        text,
    active                   boolean     NOT NULL DEFAULT true,
    consumer_properties      text,
    event_type_patterns      text[],
    max_concurrent_consumers integer     NOT NULL DEFAULT 1,
    polling_interval_ms      integer     NOT NULL DEFAULT 1000,
    metadata                 jsonb,
    last_message_at          timestamptz,
    total_messages_received  bigint      NOT NULL DEFAULT 0,
    total_messages_failed    bigint      NOT NULL DEFAULT 0,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    created_by               text,
    updated_by               text
);

CREATE INDEX event_subscriptions_tenant ON event_subscriptions (tenant_id, id);
