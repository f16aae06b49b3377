-- Which tenants' directories changed, so that every replica reloads exactly those.
-- Readers compare versions tenant by tenant, so the order in which concurrent changes commit does not matter.
CREATE SEQUENCE directory_version_numbers;

CREATE TABLE directory_versions (
    tenant_id  text        PRIMARY KEY,
    version    bigint      NOT NULL DEFAULT nextval('directory_version_numbers'),
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- The number is drawn under the row's lock, so a tenant's versions only grow.
CREATE FUNCTION touch_directory(tenant text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO directory_versions (tenant_id) VALUES (tenant)
    ON CONFLICT (tenant_id) DO UPDATE
        SET version = nextval('directory_version_numbers'), changed_at = now();
    PERFORM pg_notify('callbacks_directory', tenant);
END
$$;
