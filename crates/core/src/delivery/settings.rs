//! How many deliveries are in memory and on the wire at once, and how long a drain may take.

use std::time::Duration;

use http::HeaderValue;

/// Bounds of the dispatcher.
#[derive(Debug, Clone)]
pub struct DispatcherSettings {
    /// Requests on the wire at once, over all configurations.
    pub max_in_flight: usize,
    /// Deliveries of one configuration in memory; beyond it they wait in the queue table.
    pub lane_capacity: usize,
    /// Payload bytes in memory, over all lanes.
    pub memory_limit_bytes: usize,
    /// Deliveries claimed from the queue table in one statement.
    pub claim_batch: usize,
    /// How often the queue table is searched for lanes with due work that nobody announced.
    pub poll_interval: Duration,
    /// Outcomes recorded in one transaction.
    pub record_batch: usize,
    /// Time between a pause after failures and the first probe, doubled after each failed probe.
    pub probe_cool_down: Duration,
    /// Failed probes after which a configuration is marked FAILED.
    pub max_failed_probes: i32,
    /// Whether `maxCallbacksPerMinute` is enforced where it has the contract's default (100).
    pub enforce_default_domain_rate: bool,
    /// Who asks an endpoint for its consent in the CloudEvents handshake; endpoints repeat it.
    pub request_origin: HeaderValue,
    /// Whether nothing is sent at all: every delivery is recorded as a dry run.
    pub dry_run: bool,
}

impl Default for DispatcherSettings {
    fn default() -> Self {
        Self {
            max_in_flight: 4096,
            lane_capacity: 8192,
            memory_limit_bytes: 64 * 1024 * 1024,
            claim_batch: 500,
            poll_interval: Duration::from_secs(1),
            record_batch: 1000,
            probe_cool_down: Duration::from_secs(60),
            max_failed_probes: 5,
            enforce_default_domain_rate: false,
            request_origin: HeaderValue::from_static("callbacks"),
            dry_run: false,
        }
    }
}
