-- Answers of writes made with an idempotency key, kept for replay.
CREATE TABLE idempotency_keys (
    tenant_id  text        NOT NULL,
    method     text        NOT NULL,
    path       text        NOT NULL,
    key        text        NOT NULL,
    body_hash  bytea       NOT NULL,
    status     smallint,             -- NULL = the first request is still running
    headers    text,
    body       bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, method, path, key)
);

CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at);
