//! Names of the metrics this crate records; docs/METRICS.md describes them.

/// Histogram of seconds from the request's head to the response's head; labels `method`, `route`, `status`.
pub const HTTP_REQUEST_SECONDS: &str = "callbacks_http_request_seconds";
/// Gauge of open client connections.
pub const HTTP_CONNECTIONS: &str = "callbacks_http_connections";
/// Counter of connections closed because they asked for nothing and every place was taken.
pub const HTTP_CONNECTIONS_SENT_AWAY_TOTAL: &str = "callbacks_http_connections_sent_away_total";
/// Counter of handlers that panicked; always 0 in a healthy build.
pub const HTTP_PANICS_TOTAL: &str = "callbacks_http_panics_total";
/// Counter of answers replayed because of `X-Idempotency-Key`.
pub const HTTP_IDEMPOTENT_REPLAYS_TOTAL: &str = "callbacks_http_idempotent_replays_total";
