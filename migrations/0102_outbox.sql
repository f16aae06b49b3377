-- The transactional outbox: producers publish in their own transaction; an event exists exactly when it commits.
-- This file stands on its own and may be run in a producer's database as well (psql -f).
CREATE SCHEMA IF NOT EXISTS callbacks;

CREATE TABLE callbacks.outbox (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tenant_id    text        NOT NULL CHECK (length(tenant_id) BETWEEN 1 AND 100),
    event_id     text        NOT NULL CHECK (length(event_id) BETWEEN 1 AND 255),
    source       text        NOT NULL CHECK (length(source) <= 255),
    event_type   text        NOT NULL CHECK (length(event_type) BETWEEN 1 AND 255),
    content_type text,
    occurred_at  timestamptz,
    headers      jsonb,
    payload      bytea       NOT NULL
) WITH (
    -- Rows live for milliseconds. Vacuum early, or every claim walks over the dead ones.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1,
    autovacuum_vacuum_cost_delay = 0
);

-- What a message broker would refuse is refused here, in the producer's transaction, where it can be seen.
-- The definer's rights let a producer publish without any right on the table: grant USAGE on schema callbacks to it.
CREATE FUNCTION callbacks.publish_bytes(
    tenant text, type text, payload bytea, id text, headers jsonb, source text, occurred_at timestamptz, content_type text
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given CONSTANT text := coalesce(publish_bytes.id, gen_random_uuid()::text);
    refused text;
BEGIN
    refused := CASE
        WHEN tenant IS NULL OR btrim(tenant) = '' OR length(tenant) > 100 OR tenant ~ '[[:cntrl:]]' THEN 'tenant must have 1 to 100 characters'
        WHEN type IS NULL OR btrim(type) = '' OR length(type) > 255 OR type ~ '[[:cntrl:]]' THEN 'type must have 1 to 255 characters'
        WHEN btrim(given) = '' OR length(given) > 255 OR given ~ '[[:cntrl:]]' THEN 'id must have 1 to 255 characters'
        WHEN payload IS NULL THEN 'payload must not be null'
        WHEN source IS NULL OR length(source) > 255 OR source ~ '[[:cntrl:]]' THEN 'source must not exceed 255 characters'
        WHEN headers IS NOT NULL AND jsonb_typeof(headers) <> 'object' THEN 'headers must be a JSON object'
    END;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'callbacks.publish: %', refused USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO callbacks.outbox (tenant_id, event_id, source, event_type, content_type, occurred_at, headers, payload)
    VALUES (tenant, given, source, type, content_type, occurred_at, headers, payload);
    -- Without a payload, so that a transaction that publishes much notifies once.
    PERFORM pg_notify('callbacks_outbox', '');
    RETURN given;
END
$$;

-- One name for every way a payload is written. A quoted literal is taken as text, and sent byte for byte as written.
CREATE FUNCTION callbacks.publish(
    tenant text, type text, payload text, id text DEFAULT NULL, headers jsonb DEFAULT NULL, source text DEFAULT '',
    occurred_at timestamptz DEFAULT NULL, content_type text DEFAULT 'application/json'
) RETURNS text LANGUAGE sql AS $$
    SELECT callbacks.publish_bytes(tenant, type, convert_to(payload, 'UTF8'), id, headers, source, occurred_at, content_type)
$$;
CREATE FUNCTION callbacks.publish(
    tenant text, type text, payload json, id text DEFAULT NULL, headers jsonb DEFAULT NULL, source text DEFAULT '',
    occurred_at timestamptz DEFAULT NULL, content_type text DEFAULT 'application/json'
) RETURNS text LANGUAGE sql AS $$
    SELECT callbacks.publish_bytes(tenant, type, convert_to(payload::text, 'UTF8'), id, headers, source, occurred_at, content_type)
$$;
CREATE FUNCTION callbacks.publish(
    tenant text, type text, payload jsonb, id text DEFAULT NULL, headers jsonb DEFAULT NULL, source text DEFAULT '',
    occurred_at timestamptz DEFAULT NULL, content_type text DEFAULT 'application/json'
) RETURNS text LANGUAGE sql AS $$
    SELECT callbacks.publish_bytes(tenant, type, convert_to(payload::text, 'UTF8'), id, headers, source, occurred_at, content_type)
$$;
CREATE FUNCTION callbacks.publish(
    tenant text, type text, payload bytea, id text DEFAULT NULL, headers jsonb DEFAULT NULL, source text DEFAULT '',
    occurred_at timestamptz DEFAULT NULL, content_type text DEFAULT NULL
) RETURNS text LANGUAGE sql AS $$
    SELECT callbacks.publish_bytes(tenant, type, payload, id, headers, source, occurred_at, content_type)
$$;
