-- Whether a tenant's callbacks need an authorized domain, and which networks operators opened for it alone.
ALTER TABLE tenants
    ADD COLUMN domain_policy text NOT NULL DEFAULT 'REQUIRE_AUTHORIZED'
        CHECK (domain_policy IN ('REQUIRE_AUTHORIZED', 'ALLOW_IF_EMPTY', 'ALLOW_ALL')),
    ADD COLUMN allowed_networks text[] NOT NULL DEFAULT '{}';
