//! Waiting, with an end to it.

use std::time::{Duration, Instant};

/// Waits until something is true; panics with `what` and what is told about the state when it takes too long.
pub(crate) async fn eventually(
    limit: Duration,
    what: &str,
    truth: impl AsyncFn() -> bool,
    state: impl AsyncFn() -> String,
) {
    let start = Instant::now();
    while !truth().await {
        if start.elapsed() > limit {
            panic!("not within {} s: {what}; {}", limit.as_secs(), state().await);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
