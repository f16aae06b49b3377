-- Who the service works for. Rows of other tables may name tenants that nobody registered (a service without
-- authentication); a tenant needs a row here to have keys.
CREATE TABLE tenants (
    id         text        PRIMARY KEY CHECK (char_length(id) BETWEEN 1 AND 100),
    name       text,
    active     boolean     NOT NULL DEFAULT true,  -- false: none of its keys is accepted
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
