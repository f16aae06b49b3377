-- Daily partitions (UTC days) of events and executions. Built beside the parent and attached, because attaching lets
-- readers and writers of the parent go on, which CREATE TABLE … PARTITION OF does not.
-- Rows that reached the default partition meanwhile are moved over.
CREATE FUNCTION create_daily_partition(parent text, range_column text, day date) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    child     text        := parent || '_' || to_char(day, 'YYYYMMDD');
    from_time timestamptz := day::timestamp AT TIME ZONE 'UTC';
    to_time   timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass(child) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
    EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= %L AND %I < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
                   parent || '_default', range_column, from_time, range_column, to_time, child);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child, from_time, to_time);
    RETURN true;
END
$$;

-- The child partitions of a parent whose whole day lies before the given day.
CREATE FUNCTION daily_partitions_before(parent text, day date) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    SELECT c.relname::text
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = parent::regclass
      AND c.relname ~ ('^' || parent || '_[0-9]{8}$')
      AND to_date(right(c.relname, 8), 'YYYYMMDD') < day
    ORDER BY c.relname
$$;

CREATE FUNCTION drop_daily_partition(child text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I', child);
END
$$;
