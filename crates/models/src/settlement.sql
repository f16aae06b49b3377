-- Records a flush of outcomes. No row = the worker has lost its own lease. Otherwise one row a configuration whose failures
-- in a row reached its threshold, or a single row of NULLs.
-- Counters are written in the order of their keys, so that two flushes cannot wait for each other.
WITH fence AS MATERIALIZED (
    SELECT now() AS now FROM workers WHERE id = $1 FOR KEY SHARE
), executions AS (
    INSERT INTO callback_executions (
        id, started_at, tenant_id, configuration_id, event_row_id, event_id, source_event_id, event_type,
        status, attempt, max_attempts, response_status, duration_us, dns_us, connect_us, tls_us,
        first_byte_us, next_retry_at, request_headers, response_headers, response_body, error_message)
    SELECT x.id, x.started_at, x.tenant_id, x.configuration_id, x.event_row_id, x.event_id,
           x.source_event_id, x.event_type, x.status, x.attempt, x.max_attempts, x.response_status,
           x.duration_us, x.dns_us, x.connect_us, x.tls_us, x.first_byte_us,
           f.now + x.next_retry_ms * interval '1 millisecond',
           x.request_headers, x.response_headers, x.response_body, x.error_message
    FROM fence f
    CROSS JOIN UNNEST($2::uuid[], $3::timestamptz[], $4::text[], $5::uuid[], $6::uuid[], $7::text[],
                      $8::uuid[], $9::text[], $10::text[], $11::smallint[], $12::smallint[],
                      $13::smallint[], $14::int[], $15::int[], $16::int[], $17::int[], $18::int[],
                      $19::bigint[], $20::text[], $21::text[], $22::text[], $23::text[])
        AS x(id, started_at, tenant_id, configuration_id, event_row_id, event_id, source_event_id,
             event_type, status, attempt, max_attempts, response_status, duration_us, dns_us, connect_us,
             tls_us, first_byte_us, next_retry_ms, request_headers, response_headers, response_body,
             error_message)
), finished AS (
    DELETE FROM delivery_queue q
    USING fence, UNNEST($24::uuid[], $25::uuid[]) AS d(event_row_id, configuration_id)
    WHERE q.event_row_id = d.event_row_id AND q.configuration_id = d.configuration_id AND q.leased_by = $1
), postponed AS (
    UPDATE delivery_queue q
    SET attempt = p.attempt, due_at = f.now + p.after_ms * interval '1 millisecond', leased_by = NULL,
        hold_reason = p.hold_reason
    FROM fence f, UNNEST($26::uuid[], $27::uuid[], $28::smallint[], $29::bigint[], $30::text[])
        AS p(event_row_id, configuration_id, attempt, after_ms, hold_reason)
    WHERE q.event_row_id = p.event_row_id AND q.configuration_id = p.configuration_id AND q.leased_by = $1
), queued AS (
    INSERT INTO delivery_queue AS q (event_row_id, configuration_id, tenant_id, event_accepted_at, attempt,
                                     due_at, hold_reason)
    SELECT n.event_row_id, n.configuration_id, n.tenant_id, n.event_accepted_at, n.attempt,
           f.now + n.after_ms * interval '1 millisecond', n.hold_reason
    FROM fence f, UNNEST($31::uuid[], $32::uuid[], $33::text[], $34::timestamptz[], $35::smallint[],
                         $36::bigint[], $37::text[])
        AS n(event_row_id, configuration_id, tenant_id, event_accepted_at, attempt, after_ms, hold_reason)
    ORDER BY n.event_row_id, n.configuration_id
    ON CONFLICT (event_row_id, configuration_id) DO UPDATE SET
        attempt = EXCLUDED.attempt, due_at = EXCLUDED.due_at, leased_by = NULL,
        hold_reason = EXCLUDED.hold_reason
), closed AS (
    DELETE FROM intake_batches b USING fence WHERE b.id = ANY ($38::bigint[]) AND b.worker_id = $1
), state AS (
    INSERT INTO configuration_state AS s (configuration_id, tenant_id, failure_count, last_success_at,
                                          last_failure_at)
    SELECT d.configuration_id, d.tenant_id, d.failures, CASE WHEN d.succeeded THEN f.now END,
           CASE WHEN d.failed THEN f.now END
    FROM fence f, UNNEST($39::uuid[], $40::text[], $41::int[], $42::bool[], $43::bool[])
        AS d(configuration_id, tenant_id, failures, succeeded, failed)
    WHERE EXISTS (SELECT FROM callback_configurations c
                  WHERE c.id = d.configuration_id AND c.tenant_id = d.tenant_id)
    ORDER BY d.configuration_id
    ON CONFLICT (configuration_id) DO UPDATE SET
        failure_count = EXCLUDED.failure_count
            + CASE WHEN EXCLUDED.last_success_at IS NULL THEN s.failure_count ELSE 0 END,
        last_success_at = coalesce(EXCLUDED.last_success_at, s.last_success_at),
        last_failure_at = coalesce(EXCLUDED.last_failure_at, s.last_failure_at)
    RETURNING configuration_id, failure_count
), totals AS (
    INSERT INTO domain_totals AS t (domain_id, tenant_id, last_callback_at, total_callbacks, total_failed)
    SELECT d.domain_id, d.tenant_id, CASE WHEN d.callbacks > 0 THEN f.now END, d.callbacks, d.failed
    FROM fence f, UNNEST($44::uuid[], $45::text[], $46::bigint[], $47::bigint[])
        AS d(domain_id, tenant_id, callbacks, failed)
    WHERE EXISTS (SELECT FROM authorized_domains a WHERE a.id = d.domain_id AND a.tenant_id = d.tenant_id)
    ORDER BY d.domain_id
    ON CONFLICT (domain_id) DO UPDATE SET
        last_callback_at = coalesce(EXCLUDED.last_callback_at, t.last_callback_at),
        total_callbacks = t.total_callbacks + EXCLUDED.total_callbacks,
        total_failed = t.total_failed + EXCLUDED.total_failed
), over_threshold AS (
    SELECT s.configuration_id, c.tenant_id, s.failure_count
    FROM state s JOIN callback_configurations c ON c.id = s.configuration_id
    WHERE c.status = 'ACTIVE' AND s.failure_count >= c.failure_threshold AND s.failure_count > 0
)
SELECT o.configuration_id AS "configuration_id?", o.tenant_id AS "tenant_id?",
       o.failure_count AS "failure_count?"
FROM fence LEFT JOIN over_threshold o ON true
