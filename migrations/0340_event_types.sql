-- The catalogue: which types of events a tenant's producers send, and what their payloads look like.
-- Schema and example are the text of their JSON: what they hold is the business of the service alone.
CREATE TABLE event_types (
    id          uuid        PRIMARY KEY, -- version 7
    tenant_id   text        NOT NULL,
    name        text        NOT NULL,
    description text,
    schema      text,
    example     text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT event_types_tenant_name UNIQUE (tenant_id, name)
);

SELECT protect_tenant_rows('event_types');
