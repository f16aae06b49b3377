//! Names of every metric the core emits. docs/METRICS.md lists them; a test compares the two.

/// Counter: events stored, by `result` (`stored`, `duplicate`).
pub const EVENTS_ACCEPTED: &str = "callbacks_events_accepted_total";
/// Counter: events that matched no configuration.
pub const EVENTS_UNMATCHED: &str = "callbacks_events_unmatched_total";
/// Counter: events that are not as their tenant's catalogue of event types says, by `reason` (`unknown`, `payload`) and
/// `enforcement` (`warn`, `reject`).
pub const EVENT_TYPE_VIOLATIONS: &str = "callbacks_event_type_violations_total";
/// Counter: intake transactions that failed, by `reason` (`unavailable`, `fenced`, `refused`).
pub const INTAKE_FAILURES: &str = "callbacks_intake_failures_total";
/// Histogram: events stored in one transaction.
pub const INTAKE_BATCH_SIZE: &str = "callbacks_intake_batch_size";
/// Counter: attempts, by `outcome` (`success`, `retry`, `permanent`, `gone`, `breaker_open`, `dry_run`).
pub const ATTEMPTS: &str = "callbacks_attempts_total";
/// Histogram: seconds from sending a request to its outcome.
pub const ATTEMPT_SECONDS: &str = "callbacks_attempt_seconds";
/// Histogram: seconds from an event's acceptance to the first attempt's end (Firefly's name for it).
pub const PROCESSING_SECONDS: &str = "callbacks_processing_time_seconds";
/// Counter: deliveries refused before the wire, by `reason` (`domain`, `allow_list`).
pub const REFUSED: &str = "callbacks_refused_total";
/// Counter: deliveries put off without an attempt, by `reason`.
pub const POSTPONED: &str = "callbacks_postponed_total";
/// Gauge: requests on the wire.
pub const IN_FLIGHT: &str = "callbacks_in_flight";
/// Gauge: payload bytes held in memory by the lanes.
pub const MEMORY_BYTES: &str = "callbacks_lane_memory_bytes";
/// Gauge: deliveries in the queue table.
pub const QUEUE_DEPTH: &str = "callbacks_queue_depth";
/// Gauge: seconds by which the oldest due delivery in the queue table is late.
pub const QUEUE_LAG_SECONDS: &str = "callbacks_queue_lag_seconds";
/// Counter: outcome transactions that failed and were tried again.
pub const RECORD_FAILURES: &str = "callbacks_record_failures_total";
/// Histogram: outcomes recorded in one transaction.
pub const RECORD_BATCH_SIZE: &str = "callbacks_record_batch_size";
/// Counter: circuit breakers that opened.
pub const BREAKERS_OPENED: &str = "callbacks_circuit_breakers_opened_total";
/// Counter: configurations whose status the engine changed, by `to` (`PAUSED`, `ACTIVE`, `FAILED`).
pub const STATUS_CHANGES: &str = "callbacks_status_changes_total";

/// Counter: gates asked before an event, by `reply` (`proceed`, `cancel`, `none`, `dry_run`).
pub const GATES_ASKED: &str = "callbacks_gates_asked_total";
/// Histogram: seconds from putting an event before its gates to the decision, by `decision` (`proceed`, `cancelled`).
pub const GATE_SECONDS: &str = "callbacks_gate_decision_seconds";

/// All of them.
pub const ALL: [&str; 20] = [
    EVENTS_ACCEPTED,
    EVENTS_UNMATCHED,
    EVENT_TYPE_VIOLATIONS,
    INTAKE_FAILURES,
    INTAKE_BATCH_SIZE,
    ATTEMPTS,
    ATTEMPT_SECONDS,
    PROCESSING_SECONDS,
    REFUSED,
    POSTPONED,
    IN_FLIGHT,
    MEMORY_BYTES,
    QUEUE_DEPTH,
    QUEUE_LAG_SECONDS,
    RECORD_FAILURES,
    RECORD_BATCH_SIZE,
    BREAKERS_OPENED,
    STATUS_CHANGES,
    GATES_ASKED,
    GATE_SECONDS,
];
