//! Keeps the directory current: at once when the database notifies, and by looking every second in case it did not.

use std::sync::Arc;
use std::time::Duration;

use callbacks_interfaces::tenant::TenantId;
use callbacks_models::directory as stored;
use callbacks_models::error::StoreError;
use callbacks_models::notify::{self, Listener};
use callbacks_models::store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::directory::CurrentDirectory;
use super::target::TargetDefaults;

/// How often the stored versions are compared when nothing was heard.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Loads what changed and swaps the snapshot.
pub struct Refresher {
    store: Arc<Store>,
    current: Arc<CurrentDirectory>,
    defaults: TargetDefaults,
    refreshed: Arc<Notify>,
}

impl Refresher {
    /// `refreshed` is notified after every change.
    pub fn new(
        store: Arc<Store>,
        current: Arc<CurrentDirectory>,
        defaults: TargetDefaults,
        refreshed: Arc<Notify>,
    ) -> Self {
        Self { store, current, defaults, refreshed }
    }

    /// Brings the snapshot up to date. Versions are compared for inequality per tenant, so that commits in any order are seen.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.current.refreshing().await;
        let versions = stored::versions_across_tenants(&self.store).await?;
        let changed: Vec<TenantId> = {
            let directory = self.current.load();
            versions
                .into_iter()
                .filter(|(tenant, version)| directory.version(tenant) != Some(*version))
                .map(|(tenant, _)| tenant)
                .collect()
        };
        if changed.is_empty() {
            return Ok(());
        }
        let rows = stored::load_tenants(&self.store, &changed).await?;
        let directory = self.current.load().with(rows, &self.defaults);
        self.current.replace(directory);
        self.refreshed.notify_waiters();
        Ok(())
    }

    /// Runs until cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let mut changes = Listener::new(&self.store, notify::DIRECTORY_CHANNEL);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = changes.heard() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if let Err(error) = self.refresh().await {
                warn!(%error, "configurations could not be refreshed; events are routed by the last known ones until the database answers");
            }
        }
    }
}
