//! Waiting for something that is promised to happen.

use std::time::{Duration, Instant};

/// Asks every 50 ms until `ask` answers with a value, and returns it with the time it took.
///
/// # Panics
/// When `limit` passes: the test has failed, `what` says what was waited for.
pub(crate) async fn eventually<T>(
    limit: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> (T, Duration) {
    let start = Instant::now();
    loop {
        if let Some(value) = ask().await {
            return (value, start.elapsed());
        }
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// [`eventually`] for a plain condition.
pub(crate) async fn eventually_true(
    limit: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> bool,
) -> Duration {
    eventually(limit, what, async || ask().await.then_some(())).await.1
}
