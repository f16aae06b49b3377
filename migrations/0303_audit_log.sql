-- Every change made over the API: who, what, and what it was before and after. Entries of a tenant form a chain: each
-- carries the hash of the one before it, so that a change or a gap shows. Tenant '' is the service itself.
CREATE TABLE audit_log (
    tenant_id     text        NOT NULL,
    number        bigint      NOT NULL CHECK (number > 0),
    id            uuid        NOT NULL UNIQUE,
    at            timestamptz NOT NULL,
    actor         text        NOT NULL,
    role          text        NOT NULL,
    operation     text        NOT NULL,
    target        text        NOT NULL,
    status        smallint    NOT NULL,
    before        text,                  -- JSON, as hashed
    after         text,                  -- JSON, as hashed
    previous_hash bytea       NOT NULL,
    hash          bytea       NOT NULL,
    PRIMARY KEY (tenant_id, number)
);

-- The end of each chain; its row lock orders the writers, and shows entries cut off at the end.
CREATE TABLE audit_heads (
    tenant_id text   PRIMARY KEY,
    number    bigint NOT NULL DEFAULT 0,
    hash      bytea  NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_log_is_not_truncated BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
