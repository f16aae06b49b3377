-- Keys of the API. The secret half is never stored: it has 256 random bits, so its SHA-256 is as good as a slow hash.
CREATE TABLE api_keys (
    id           uuid        PRIMARY KEY,
    tenant_id    text        REFERENCES tenants (id),  -- NULL = an operator, who belongs to no tenant
    role         text        NOT NULL CHECK (role IN ('operator', 'tenant-admin', 'tenant-producer', 'tenant-viewer')),
    name         text        NOT NULL,
    secret_hash  bytea       NOT NULL CHECK (octet_length(secret_hash) = 32),
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   text        NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,                          -- to the minute
    CONSTRAINT api_keys_operators_have_no_tenant CHECK ((role = 'operator') = (tenant_id IS NULL))
);

CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id, id);
