-- What delivering to a configuration changes: apart from the configuration, so that counting never touches
-- the row the directory is built from. No foreign key: a settlement that crosses a deletion must not fail.
CREATE TABLE configuration_state (
    configuration_id uuid    PRIMARY KEY,
    tenant_id        text    NOT NULL,
    failure_count    integer NOT NULL DEFAULT 0,
    last_success_at  timestamptz,
    last_failure_at  timestamptz,
    -- Set exactly while the service itself paused the configuration: when to try one delivery again.
    probe_at         timestamptz,
    failed_probes    integer NOT NULL DEFAULT 0,
    -- The endpoint asked for silence (Retry-After) until then.
    hold_until       timestamptz
) WITH (fillfactor = 50);
