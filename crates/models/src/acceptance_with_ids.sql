-- As acceptance_plain, and recognises producers' ids, queues what does not fit in memory, records what is skipped.
-- A repeated id within the window ($17, in milliseconds) leaves its row as it was and answers with it; a forgotten one is
-- taken over. Positions count from 1.
WITH fence AS MATERIALIZED (
    SELECT now() AS accepted_at FROM workers WHERE id = $1 FOR KEY SHARE
), input AS MATERIALIZED (
    SELECT f.accepted_at, e.*
    FROM fence f
    CROSS JOIN UNNEST($4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::timestamptz[],
                      $11::text[], $12::int[], $13::int[], $14::bytea[], $15::text[], $16::bool[])
        WITH ORDINALITY
        AS e(id, tenant_id, source, source_event_id, event_type, content_type, occurred_at, headers,
             first_target, last_target, payload, event_id, held, position)
), seen AS (
    INSERT INTO event_ids AS known (tenant_id, event_id, source, row_id, accepted_at, matched)
    SELECT tenant_id, event_id, source, id, accepted_at, last_target - first_target + 1
    FROM input WHERE event_id IS NOT NULL
    ORDER BY tenant_id, event_id, source
    ON CONFLICT (tenant_id, event_id, source) DO UPDATE SET
        row_id = CASE WHEN known.accepted_at < now() - $17::bigint * interval '1 millisecond'
                      THEN EXCLUDED.row_id ELSE known.row_id END,
        matched = CASE WHEN known.accepted_at < now() - $17::bigint * interval '1 millisecond'
                       THEN EXCLUDED.matched ELSE known.matched END,
        accepted_at = CASE WHEN known.accepted_at < now() - $17::bigint * interval '1 millisecond'
                           THEN EXCLUDED.accepted_at ELSE known.accepted_at END
    RETURNING tenant_id, event_id, source, row_id, matched
), repeated AS (
    SELECT i.position, s.row_id, s.matched
    FROM input i
    JOIN seen s ON s.tenant_id = i.tenant_id AND s.event_id = i.event_id AND s.source = i.source
    WHERE s.row_id <> i.id
), fresh AS MATERIALIZED (
    SELECT * FROM input i WHERE NOT EXISTS (SELECT FROM repeated r WHERE r.position = i.position)
), batch AS (
    INSERT INTO intake_batches (worker_id, accepted_at, first_event, last_event)
    SELECT $1, accepted_at, $2, $3 FROM fence WHERE EXISTS (SELECT FROM fresh WHERE held)
    RETURNING id
), stored AS (
    INSERT INTO events (id, accepted_at, batch_id, tenant_id, event_id, source, source_event_id, event_type,
                        content_type, occurred_at, headers, targets, payload)
    SELECT e.id, e.accepted_at, b.id, e.tenant_id, e.event_id, e.source, e.source_event_id, e.event_type,
           e.content_type, e.occurred_at, e.headers, ($18::uuid[])[e.first_target:e.last_target], e.payload
    FROM fresh e LEFT JOIN batch b ON true
), queued AS (
    INSERT INTO delivery_queue (event_row_id, configuration_id, tenant_id, event_accepted_at, attempt, due_at,
                                hold_reason)
    SELECT e.id, q.configuration_id, e.tenant_id, e.accepted_at, 1, e.accepted_at, q.hold_reason
    FROM UNNEST($19::uuid[], $20::uuid[], $21::text[]) AS q(event_row_id, configuration_id, hold_reason)
    JOIN fresh e ON e.id = q.event_row_id
    ORDER BY e.id, q.configuration_id
), skipped AS (
    INSERT INTO callback_executions (id, started_at, tenant_id, configuration_id, event_row_id, event_id,
                                     source_event_id, event_type, status, attempt, max_attempts, error_message)
    SELECT s.id, e.accepted_at, e.tenant_id, s.configuration_id, e.id, e.event_id, e.source_event_id,
           e.event_type, 'SKIPPED', 0, 0, s.reason
    FROM UNNEST($22::uuid[], $23::uuid[], $24::uuid[], $25::text[])
        AS s(id, event_row_id, configuration_id, reason)
    JOIN fresh e ON e.id = s.event_row_id
)
SELECT accepted_at AS "accepted_at!",
       (SELECT id FROM batch) AS batch_id,
       (SELECT array_agg(position ORDER BY position) FROM repeated) AS "positions?",
       (SELECT array_agg(row_id ORDER BY position) FROM repeated) AS "row_ids?",
       (SELECT array_agg(matched ORDER BY position) FROM repeated) AS "matched?"
FROM fence
