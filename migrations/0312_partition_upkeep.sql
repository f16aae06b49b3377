-- Partitions are made and dropped by the owner of the tables, at the engine's word: the engine's role owns nothing.
CREATE OR REPLACE FUNCTION drop_daily_partition(child text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Only what is one: these are the owner's rights.
    IF EXISTS (
        SELECT FROM pg_inherits WHERE inhrelid = to_regclass(quote_ident(child))
            AND inhparent IN ('events'::regclass, 'callback_executions'::regclass)
    ) THEN
        EXECUTE format('DROP TABLE %I', child);
    END IF;
END
$$;

DO $$
DECLARE
    upkeep text;
BEGIN
    FOREACH upkeep IN ARRAY ARRAY['create_daily_partition(text, text, date)', 'drop_daily_partition(text)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', upkeep, current_schema());
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', upkeep);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO callbacks_engine', upkeep);
    END LOOP;
END
$$;
