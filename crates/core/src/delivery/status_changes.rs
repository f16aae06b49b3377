//! Changes the engine makes to configurations by itself: pauses after failures, probes that end a pause or prolong it,
//! endpoints that are gone, and holds an endpoint asked for. Written one at a time, off the hot path.

use std::sync::Arc;
use std::time::Duration;

use callbacks_interfaces::callback_configuration::CallbackStatus;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::configuration_status;
use callbacks_models::error::StoreError;
use callbacks_models::store::Store;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::settings::DispatcherSettings;
use crate::metric_names;
use crate::routing::target::Target;

/// Changes waiting to be written. When it overflows the next failure asks for the change again.
const QUEUE: usize = 1024;

/// One change to write.
#[derive(Debug)]
pub(crate) enum StatusChange {
    /// Too many failed deliveries in a row: pause, and probe after the cool-down.
    Pause { configuration: ConfigurationId, tenant: TenantId, failures: i32 },
    /// A probe of a paused configuration succeeded.
    Reactivate { configuration: ConfigurationId, tenant: TenantId },
    /// A probe failed: pause longer, or give up.
    ProbeFailed { configuration: ConfigurationId, tenant: TenantId, failed_probes: i32 },
    /// The endpoint answered 410 Gone.
    Gone { configuration: ConfigurationId, tenant: TenantId },
    /// The endpoint asked to wait.
    Hold { configuration: ConfigurationId, tenant: TenantId, wait: Duration },
}

/// Where changes are handed in.
#[derive(Debug)]
pub(crate) struct StatusChanges {
    sender: mpsc::Sender<StatusChange>,
}

impl StatusChanges {
    /// The place to hand changes in, and the queue the writer reads.
    pub(crate) fn new() -> (Arc<Self>, mpsc::Receiver<StatusChange>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Arc::new(Self { sender }), receiver)
    }

    pub(crate) fn failed_too_often(&self, configuration: ConfigurationId, tenant: TenantId, failures: i32) {
        self.hand_in(StatusChange::Pause { configuration, tenant, failures });
    }

    pub(crate) fn probe_succeeded(&self, target: &Target) {
        self.hand_in(StatusChange::Reactivate { configuration: target.id, tenant: target.tenant.clone() });
    }

    pub(crate) fn probe_failed(&self, target: &Target) {
        let failed_probes = target.failed_probes + 1;
        self.hand_in(StatusChange::ProbeFailed {
            configuration: target.id,
            tenant: target.tenant.clone(),
            failed_probes,
        });
    }

    pub(crate) fn gone(&self, target: &Target) {
        self.hand_in(StatusChange::Gone { configuration: target.id, tenant: target.tenant.clone() });
    }

    pub(crate) fn hold(&self, target: &Target, wait: Duration) {
        self.hand_in(StatusChange::Hold { configuration: target.id, tenant: target.tenant.clone(), wait });
    }

    fn hand_in(&self, change: StatusChange) {
        if let Err(error) = self.sender.try_send(change) {
            warn!(%error, "a status change could not be queued; it will be asked for again at the next failure");
        }
    }
}

/// Writes changes until every sender is gone.
pub(crate) async fn write_changes(
    store: Arc<Store>,
    settings: DispatcherSettings,
    mut changes: mpsc::Receiver<StatusChange>,
) {
    while let Some(change) = changes.recv().await {
        if let Err(error) = write(&store, &settings, &change).await {
            warn!(%error, ?change, "a status change could not be written; it will be asked for again at the next failure");
        }
    }
}

async fn write(
    store: &Store,
    settings: &DispatcherSettings,
    change: &StatusChange,
) -> Result<(), StoreError> {
    let changed = match change {
        StatusChange::Pause { configuration, tenant, .. } => {
            configuration_status::pause_automatically(store, tenant, *configuration, settings.probe_cool_down)
                .await?
        }
        StatusChange::Reactivate { configuration, tenant } => {
            configuration_status::reactivate(store, tenant, *configuration).await?
        }
        StatusChange::ProbeFailed { configuration, tenant, failed_probes }
            if *failed_probes >= settings.max_failed_probes =>
        {
            configuration_status::mark_failed(store, tenant, *configuration).await?
        }
        StatusChange::ProbeFailed { configuration, tenant, failed_probes } => {
            let wait = probe_wait(settings.probe_cool_down, *failed_probes);
            configuration_status::probe_again(store, tenant, *configuration, wait).await?
        }
        StatusChange::Gone { configuration, tenant } => {
            configuration_status::mark_failed(store, tenant, *configuration).await?
        }
        StatusChange::Hold { configuration, tenant, wait } => {
            configuration_status::set_hold(store, tenant, *configuration, *wait).await?
        }
    };
    if changed {
        announce(change, settings);
    }
    Ok(())
}

/// The cool-down, doubled for every failed probe, at most a day.
fn probe_wait(cool_down: Duration, failed_probes: i32) -> Duration {
    let doublings = failed_probes.clamp(0, 16) as u32;
    cool_down.saturating_mul(2_u32.saturating_pow(doublings)).min(Duration::from_secs(24 * 3600))
}

fn announce(change: &StatusChange, settings: &DispatcherSettings) {
    let count = |to: CallbackStatus| {
        metrics::counter!(metric_names::STATUS_CHANGES, "to" => to.as_str()).increment(1);
    };
    match change {
        StatusChange::Pause { configuration, tenant, failures } => {
            count(CallbackStatus::Paused);
            warn!(%configuration, %tenant, failures, "configuration {configuration} was paused after {failures} failed deliveries in a row; \
                its deliveries wait and it is probed in {} s. Resume it with POST /api/v1/callback-configurations/{configuration}/resume", settings.probe_cool_down.as_secs());
        }
        StatusChange::Reactivate { configuration, tenant } => {
            count(CallbackStatus::Active);
            info!(%configuration, %tenant, "configuration {configuration} answered its probe and is ACTIVE again");
        }
        StatusChange::ProbeFailed { configuration, tenant, failed_probes }
            if *failed_probes >= settings.max_failed_probes =>
        {
            count(CallbackStatus::Failed);
            warn!(%configuration, %tenant, failed_probes, "configuration {configuration} is FAILED after {failed_probes} failed probes; \
                mend the endpoint, then set its status to ACTIVE: its deliveries are still there");
        }
        StatusChange::Gone { configuration, tenant } => {
            count(CallbackStatus::Failed);
            warn!(%configuration, %tenant, "configuration {configuration} is FAILED: its endpoint answered 410 Gone");
        }
        StatusChange::ProbeFailed { .. } | StatusChange::Hold { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_become_rarer_but_not_for_ever() {
        let minute = Duration::from_secs(60);
        assert_eq!(probe_wait(minute, 1), 2 * minute);
        assert_eq!(probe_wait(minute, 3), 8 * minute);
        assert_eq!(probe_wait(minute, 1000), Duration::from_secs(24 * 3600));
    }
}
