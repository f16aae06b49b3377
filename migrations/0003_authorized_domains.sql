-- Hosts a tenant may send callbacks to.
CREATE TABLE authorized_domains (
    id                       uuid        PRIMARY KEY,
    tenant_id                text        NOT NULL,
    domain                   text        NOT NULL,
    organization             text,
    contact_email            text,
    verified                 boolean     NOT NULL DEFAULT false,
    verification_method      text,
    verification_token       text,
    verified_at              timestamptz,
    active                   boolean     NOT NULL DEFAULT true,
    allowed_paths            text[],
    max_callbacks_per_minute integer     NOT NULL DEFAULT 100,
    ip_whitelist             text[],
    require_https            boolean     NOT NULL DEFAULT true,
    notes                    text,
    metadata                 jsonb,
    expires_at               timestamptz,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    authorized_by            text,
    CONSTRAINT authorized_domains_tenant_domain UNIQUE (tenant_id, domain)
);

CREATE INDEX authorized_domains_tenant ON authorized_domains (tenant_id, id);
