-- Replays of many events to one configuration. A row is the job: any replica takes the next page of it, and after a
-- crash it goes on behind the last page that was committed.
CREATE TABLE replays (
    id               uuid        PRIMARY KEY, -- version 7
    tenant_id        text        NOT NULL,
    configuration_id uuid        NOT NULL REFERENCES callback_configurations (id) ON DELETE CASCADE,
    state            text        NOT NULL DEFAULT 'RUNNING' CHECK (state IN ('RUNNING', 'DONE', 'CANCELLED')),
    accepted_from    timestamptz NOT NULL,
    accepted_to      timestamptz NOT NULL,
    event_types      text[],                  -- patterns; NULL = all
    statuses         text[],                  -- of the last execution; NULL = all
    per_second       integer     NOT NULL,
    position         uuid,                    -- the last execution looked at
    queued           bigint      NOT NULL DEFAULT 0,
    next_page_at     timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    finished_at      timestamptz
);

CREATE INDEX replays_due ON replays (next_page_at) WHERE state = 'RUNNING';
CREATE INDEX replays_configuration ON replays (configuration_id, id);

SELECT protect_tenant_rows('replays');
