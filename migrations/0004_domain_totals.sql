-- Counters of authorized domains, apart from them for the same reason as configuration_state.
CREATE TABLE domain_totals (
    domain_id        uuid   PRIMARY KEY,
    tenant_id        text   NOT NULL,
    last_callback_at timestamptz,
    total_callbacks  bigint NOT NULL DEFAULT 0,
    total_failed     bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
