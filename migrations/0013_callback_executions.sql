-- Every attempt, refusal and skip: the audit row. By day of the attempt's start.
CREATE TABLE callback_executions (
    id               uuid        NOT NULL, -- version 7
    started_at       timestamptz NOT NULL,
    tenant_id        text        NOT NULL,
    configuration_id uuid        NOT NULL,
    event_row_id     uuid        NOT NULL,
    event_id         text,
    source_event_id  uuid,
    event_type       text        NOT NULL,
    status           text        NOT NULL,
    attempt          smallint    NOT NULL, -- counts from 1; 0 = never reached the wire
    max_attempts     smallint    NOT NULL,
    response_status  smallint,
    duration_us      integer,              -- NULL = no request was made
    dns_us           integer,
    connect_us       integer,
    tls_us           integer,
    first_byte_us    integer,
    next_retry_at    timestamptz,
    request_headers  text,
    response_headers text,
    response_body    text,
    error_message    text,
    PRIMARY KEY (id, started_at)
) PARTITION BY RANGE (started_at);

CREATE INDEX callback_executions_configuration ON callback_executions (configuration_id, id);
CREATE INDEX callback_executions_event ON callback_executions (event_row_id);
-- Costs a delivered event nothing, and lists failures without reading the successes between them.
CREATE INDEX callback_executions_unsuccessful ON callback_executions (status, id) WHERE status <> 'SUCCESS';

CREATE TABLE callback_executions_default PARTITION OF callback_executions DEFAULT;
