//! Names of the metrics of the way out. docs/METRICS.md lists them; a test compares the two.

/// Counter: connections that failed at the outgoing proxy, by `reason` (`unreachable`, `refused`, `malformed`, `no_tunnel`).
pub const PROXY_FAILURES: &str = "callbacks_egress_proxy_failures_total";
