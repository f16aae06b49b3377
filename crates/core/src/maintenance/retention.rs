//! Hourly housekeeping: tomorrow's partitions, yesterday's rows.

use std::sync::Arc;
use std::time::Duration;

use callbacks_models::retention::{self, Retained};
use callbacks_models::store::Store;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

const HOUR: Duration = Duration::from_secs(3600);

/// How long what is kept.
#[derive(Debug, Clone)]
pub struct RetentionSettings {
    /// Days that events are kept.
    pub events_days: u16,
    /// Days that executions are kept.
    pub executions_days: u16,
    /// How long an event id is remembered to recognise duplicates.
    pub dedup_window: Duration,
    /// How long answers to idempotent requests are kept.
    pub idempotency: Duration,
    /// Days that quarantined messages are remembered after they were replayed or discarded.
    pub quarantine_days: u16,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            events_days: 30,
            executions_days: 30,
            dedup_window: 7 * 24 * HOUR,
            idempotency: 24 * HOUR,
            quarantine_days: 30,
        }
    }
}

/// Runs hourly until cancelled.
pub(crate) async fn run(store: Arc<Store>, settings: RetentionSettings, stop: CancellationToken) {
    let kept = Retained {
        events_days: settings.events_days,
        executions_days: settings.executions_days,
        dedup_window: settings.dedup_window,
        idempotency: settings.idempotency,
        quarantine_days: settings.quarantine_days,
    };
    loop {
        match retention::sweep_across_tenants(&store, &kept).await {
            Ok(dropped) if dropped.is_empty() => {}
            Ok(dropped) => info!(?dropped, "retention dropped {} partitions", dropped.len()),
            Err(error) => {
                warn!(%error, "retention could not finish; it tries again in an hour. Check locks on the partitioned tables");
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(HOUR)).await.is_none() {
            return;
        }
    }
}
