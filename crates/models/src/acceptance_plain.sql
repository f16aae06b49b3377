-- Stores a flush of events and the lease of their first attempts. No row = the worker has lost its own lease.
WITH fence AS MATERIALIZED (
    SELECT now() AS accepted_at FROM workers WHERE id = $1 FOR KEY SHARE
), batch AS (
    INSERT INTO intake_batches (worker_id, accepted_at, first_event, last_event)
    SELECT $1, accepted_at, $2, $3 FROM fence WHERE $4
    RETURNING id
), stored AS (
    INSERT INTO events (id, accepted_at, batch_id, tenant_id, source, source_event_id, event_type, content_type,
                        occurred_at, headers, targets, payload)
    SELECT e.id, f.accepted_at, b.id, e.tenant_id, e.source, e.source_event_id, e.event_type, e.content_type,
           e.occurred_at, e.headers, ($16::uuid[])[e.first_target:e.last_target], e.payload
    FROM fence f
    CROSS JOIN UNNEST($5::uuid[], $6::text[], $7::text[], $8::uuid[], $9::text[], $10::text[], $11::timestamptz[],
                      $12::text[], $13::int[], $14::int[], $15::bytea[])
        AS e(id, tenant_id, source, source_event_id, event_type, content_type, occurred_at, headers,
             first_target, last_target, payload)
    LEFT JOIN batch b ON true
)
SELECT accepted_at AS "accepted_at!", (SELECT id FROM batch) AS batch_id FROM fence
