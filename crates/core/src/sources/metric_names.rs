//! Names of every metric of the sources. Labels: `subscription` (its id, or `outbox`) and `system` (its broker).

/// Counter: messages received.
pub const RECEIVED: &str = "callbacks_source_messages_received_total";
/// Counter: messages set aside because they are no events.
pub const QUARANTINED: &str = "callbacks_source_messages_quarantined_total";
/// Counter: messages acknowledged without an event, by `reason` (`pattern`).
pub const FILTERED: &str = "callbacks_source_messages_filtered_total";
/// Counter: messages recognised as delivered before.
pub const DUPLICATES: &str = "callbacks_source_messages_duplicate_total";
/// Counter: messages with the id of an earlier event and another value; the first one counts, they go to quarantine.
pub const CONFLICTS: &str = "callbacks_source_messages_conflicting_total";
/// Counter: times a consumer was opened anew.
pub const RECONNECTS: &str = "callbacks_source_reconnects_total";
/// Counter: times partitions were assigned anew.
pub const REBALANCES: &str = "callbacks_source_rebalances_total";
/// Gauge: 1 while at least one consumer here is connected.
pub const CONNECTED: &str = "callbacks_source_connected";
/// Gauge: messages not yet read by the consumers here.
pub const LAG_MESSAGES: &str = "callbacks_source_lag_messages";
/// Gauge: seconds by which the consumers here are behind.
pub const LAG_SECONDS: &str = "callbacks_source_lag_seconds";
/// Histogram: messages of one batch.
pub const BATCH_SIZE: &str = "callbacks_source_batch_size";

/// All of them.
pub const ALL: [&str; 11] = [
    RECEIVED,
    QUARANTINED,
    FILTERED,
    DUPLICATES,
    CONFLICTS,
    RECONNECTS,
    REBALANCES,
    CONNECTED,
    LAG_MESSAGES,
    LAG_SECONDS,
    BATCH_SIZE,
];
