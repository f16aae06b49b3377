-- What a tenant wants done with events that are not as its catalogue says; without a row the service's setting applies.
CREATE TABLE event_type_enforcement (
    tenant_id   text        PRIMARY KEY,
    enforcement text        NOT NULL CHECK (enforcement IN ('off', 'warn', 'reject')),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

SELECT protect_tenant_rows('event_type_enforcement');
