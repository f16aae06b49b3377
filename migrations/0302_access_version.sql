-- Counts what changes the effect of keys, so that every replica reloads them exactly then. Use of a key does not count.
CREATE TABLE access_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint  NOT NULL
);
INSERT INTO access_version (version) VALUES (1);

CREATE FUNCTION touch_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE access_version SET version = version + 1;
    PERFORM pg_notify('callbacks_access', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER api_keys_changed
    AFTER INSERT OR DELETE OR UPDATE OF tenant_id, role, secret_hash, expires_at, revoked_at
    ON api_keys FOR EACH STATEMENT EXECUTE FUNCTION touch_access();
CREATE TRIGGER tenants_changed AFTER DELETE OR UPDATE OF active
    ON tenants FOR EACH STATEMENT EXECUTE FUNCTION touch_access();
