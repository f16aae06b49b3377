-- Payloads of a tenant encrypted with a key of its own, which is encrypted with the service's. To delete the tenant is to
-- delete that key. A deleted tenant keeps its line, so that its name is never given to another one.
ALTER TABLE tenants
    ADD COLUMN payload_encryption boolean NOT NULL DEFAULT false,
    ADD COLUMN deleted_at         timestamptz;

CREATE TABLE tenant_data_keys (
    id         uuid        PRIMARY KEY,
    tenant_id  text        NOT NULL UNIQUE REFERENCES tenants (id),
    sealed_key text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT protect_tenant_rows('tenant_data_keys');
-- Only the engine decrypts.
REVOKE ALL ON tenant_data_keys FROM callbacks_api;

-- Replicas learn of it as they learn of configurations.
CREATE FUNCTION touch_tenant_directory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM touch_directory(NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER tenants_payloads_changed AFTER UPDATE OF payload_encryption, deleted_at ON tenants
    FOR EACH ROW EXECUTE FUNCTION touch_tenant_directory();
