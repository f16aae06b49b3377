use config::ValueKind;

use super::{error::SettingsError, layers::Layers};

const MINUTE_MS: f64 = 60_000.0;
const DAY_MS: f64 = 24.0 * 60.0 * MINUTE_MS;

/// (key, least, most): every number has a row here, which a test sees to.
pub(super) const LIMITS: [(&str, f64, f64); 53] = [
    ("server.port", 0.0, 65_535.0),
    ("server.max_body_bytes", 1024.0, 67_108_864.0),
    ("server.request_timeout_ms", 100.0, 10.0 * MINUTE_MS),
    ("database.api_connections", 1.0, 1000.0),
    ("database.intake_connections", 1.0, 64.0),
    ("database.settlement_connections", 1.0, 64.0),
    ("database.queue_connections", 1.0, 64.0),
    ("database.connect_timeout_ms", 100.0, MINUTE_MS),
    ("database.statement_timeout_ms", 100.0, 10.0 * MINUTE_MS),
    ("database.lock_timeout_ms", 100.0, 10.0 * MINUTE_MS),
    ("security.requests_per_second_per_key", 0.0, 1_000_000.0),
    ("security.jwt.leeway_ms", 0.0, 5.0 * MINUTE_MS),
    ("security.jwt.jwks_timeout_ms", 100.0, MINUTE_MS),
    ("security.jwt.jwks_refresh_ms", 1000.0, DAY_MS),
    ("security.jwt.jwks_refresh_floor_ms", 1000.0, DAY_MS),
    ("security.jwt.jwks_trusted_ms", 1000.0, 7.0 * DAY_MS),
    ("egress.connect_timeout_ms", 10.0, 5.0 * MINUTE_MS),
    ("egress.dns_timeout_ms", 10.0, 5.0 * MINUTE_MS),
    ("egress.pool_idle_timeout_ms", 0.0, 60.0 * MINUTE_MS),
    ("egress.max_connection_age_ms", 1000.0, DAY_MS),
    ("egress.max_idle_per_host", 0.0, 100_000.0),
    ("egress.max_idle_total", 0.0, 1_000_000.0),
    ("dispatcher.max_in_flight", 1.0, 100_000.0),
    ("dispatcher.max_in_flight_per_configuration", 1.0, 10_000.0),
    ("dispatcher.lane_capacity", 1.0, 1_000_000.0),
    ("dispatcher.memory_limit_bytes", 1_048_576.0, 1.0e12),
    ("dispatcher.claim_batch", 1.0, 10_000.0),
    ("dispatcher.poll_interval_ms", 10.0, MINUTE_MS),
    ("dispatcher.record_batch", 1.0, 10_000.0),
    ("dispatcher.probe_cool_down_ms", 10.0, DAY_MS),
    ("dispatcher.max_failed_probes", 1.0, 1000.0),
    ("dispatcher.drain_timeout_ms", 0.0, 60.0 * MINUTE_MS),
    ("intake.batch", 1.0, 10_000.0),
    ("intake.flushers", 1.0, 64.0),
    ("intake.queue", 1.0, 1_000_000.0),
    ("intake.patience_ms", 0.0, MINUTE_MS),
    ("intake.max_hops", 1.0, 1000.0),
    ("worker.heartbeat_ms", 50.0, MINUTE_MS),
    ("worker.dead_after_ms", 150.0, 60.0 * MINUTE_MS),
    ("retry.max_delay_ms", 100.0, 7.0 * DAY_MS),
    ("retry.jitter", 0.0, 1.0),
    ("circuit_breaker.failure_rate_threshold", 1.0, 100.0),
    ("circuit_breaker.slow_call_rate_threshold", 1.0, 100.0),
    ("circuit_breaker.slow_call_duration_ms", 1.0, 60.0 * MINUTE_MS),
    ("circuit_breaker.sliding_window_size", 1.0, 100_000.0),
    ("circuit_breaker.minimum_number_of_calls", 1.0, 100_000.0),
    ("circuit_breaker.wait_duration_in_open_state_ms", 1.0, DAY_MS),
    ("circuit_breaker.permitted_calls_in_half_open_state", 1.0, 10_000.0),
    ("sources.stop_timeout_ms", 0.0, 10.0 * MINUTE_MS),
    ("retention.events_days", 1.0, 3650.0),
    ("retention.executions_days", 1.0, 3650.0),
    ("retention.quarantine_days", 1.0, 3650.0),
    ("retention.dedup_window_hours", 0.0, 8760.0),
];

/// Refuses the first number that is out of its range.
pub(super) fn check(layers: &Layers) -> Result<(), SettingsError> {
    for (key, least, most) in LIMITS {
        let Some(entry) = layers.entries.get(key) else { continue };
        let Some(number) = number(&entry.kind) else { continue };
        if !(least..=most).contains(&number) {
            return Err(SettingsError::OutOfRange {
                key: key.to_owned(),
                origin: entry.origin.clone(),
                value: entry.kind.to_string(),
                least,
                most,
            });
        }
    }
    Ok(())
}

/// The value as a number, if it is one. Whole numbers beyond 2^53 lose digits, and are out of every range anyway.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(super) fn number(kind: &ValueKind) -> Option<f64> {
    match kind {
        ValueKind::I64(whole) => Some(*whole as f64),
        ValueKind::Float(fraction) => Some(*fraction),
        _ => None,
    }
}
