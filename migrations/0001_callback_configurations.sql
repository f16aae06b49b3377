-- One endpoint of one tenant: what it wants, how to sign, how to retry.
-- What delivery changes all the time (counters, probes, holds) lives in configuration_state.
CREATE TABLE callback_configurations (
    id                         uuid             PRIMARY KEY,
    tenant_id                  text             NOT NULL,
    name                       text             NOT NULL,
    description                text,
    url                        text             NOT NULL,
    http_method                text             NOT NULL DEFAULT 'POST'
        CHECK (http_method IN ('POST', 'PUT', 'PATCH')),
    status                     text             NOT NULL DEFAULT 'ACTIVE'
        CHECK (status IN ('ACTIVE', 'PAUSED', 'DISABLED', 'FAILED')),
    subscribed_event_types     text[]           NOT NULL,
    -- Encrypted, as are the secrets; see secret_column in the models crate. They often carry credentials.
    custom_headers             text,
    -- Never returned by the API.
    secret                     text,
    -- Signs beside the current secret until it expires.
    previous_secret            text,
    previous_secret_expires_at timestamptz,
    signature_enabled          boolean          NOT NULL DEFAULT false,
    signature_header           text,
    max_retries                integer          NOT NULL DEFAULT 3,
    retry_delay_ms             integer          NOT NULL DEFAULT 1000,
    retry_backoff_multiplier   double precision NOT NULL DEFAULT 2.0,
    timeout_ms                 integer          NOT NULL DEFAULT 30000,
    active                     boolean          NOT NULL DEFAULT true,
    filter_expression          text,
    metadata                   jsonb,
    failure_threshold          integer          NOT NULL DEFAULT 10,
    wire_profile               text             NOT NULL DEFAULT 'FIREFLY',
    retry_policy               jsonb,
    circuit_breaker            jsonb,
    max_in_flight              integer,
    max_per_second             integer,
    allowed_domains            text[],
    paused_deliveries          text             NOT NULL DEFAULT 'KEEP'
        CHECK (paused_deliveries IN ('KEEP', 'SKIP')),
    created_at                 timestamptz      NOT NULL DEFAULT now(),
    updated_at                 timestamptz      NOT NULL DEFAULT now(),
    created_by                 text,
    updated_by                 text
);

CREATE INDEX callback_configurations_tenant ON callback_configurations (tenant_id, id);
