-- The two roles the service works in, whoever it connects as. callbacks_engine sees every tenant's rows: routing,
-- delivery, housekeeping, operators. callbacks_api sees the rows of the one tenant a transaction names in the setting
-- callbacks.tenant, and none when it names none. Superusers pass every policy, and so would a service that worked as one.
-- Roles belong to the whole cluster: another database's migration may have made them.
DO $$
DECLARE
    role_name   text;
    member_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['callbacks_engine', 'callbacks_api'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- made by another database at this moment
            END;
        END IF;
        -- The session's user takes the role; the current one, where they differ, owns the tables and must see their rows.
        FOREACH member_name IN ARRAY ARRAY[session_user::text, current_user::text] LOOP
            IF NOT pg_has_role(member_name, role_name, 'USAGE') THEN
                EXECUTE format('GRANT %I TO %I', role_name, member_name);
            END IF;
        END LOOP;
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION USING
        ERRCODE = 'insufficient_privilege',
        MESSAGE = format('the user %I may not make the roles of row-level security; have an administrator run once: '
            'CREATE ROLE callbacks_engine NOLOGIN; CREATE ROLE callbacks_api NOLOGIN; '
            'GRANT callbacks_engine, callbacks_api TO %I;', session_user, session_user);
END
$$;

-- What every table with tenants' rows gets, in the migration that makes it. `owned` says which rows are the tenant's own.
-- A setting that was set in an earlier transaction reads as empty afterwards, and empty is no tenant.
-- Partitions get nothing: they are reached through their parent, whose policies count then, and neither role may reach
-- them directly.
CREATE FUNCTION protect_tenant_rows(
    protected regclass, owned text DEFAULT 'tenant_id = nullif(current_setting(''callbacks.tenant'', true), '''')'
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', protected);
    EXECUTE format('CREATE POLICY every_tenant ON %s TO callbacks_engine USING (true)', protected);
    EXECUTE format('CREATE POLICY own_tenant ON %s TO callbacks_api USING (%s)', protected, owned);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO callbacks_engine, callbacks_api', protected);
END
$$;
