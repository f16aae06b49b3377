//! The only writer of outcomes. Outcomes of all lanes gather here and are written in batches: executions, queue rows,
//! counters and finished intake batches in one fenced transaction. Until that commits a delivery is not done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_interfaces::ids::{ConfigurationId, DomainId};
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::settlement::{
    self, ConfigurationDelta, DomainDelta, Next, SettleError, Settled, Settlement,
};
use callbacks_models::store::Store;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::in_hand::{Lease, LeaseRow, Room};
use super::open_batches::OpenBatches;
use super::schedule::Schedule;
use super::settlement_watch::SettlementWatch;
use super::status_changes::StatusChanges;
use crate::maintenance::worker_lease::WorkerLease;
use crate::metric_names;

/// How long finished intake batches wait for outcomes to be deleted along with.
const LINGER: Duration = Duration::from_millis(20);

/// One delivery's outcome on its way into the database.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) settled: Settled,
    pub(crate) receipt: Receipt,
}

/// What stays in memory until an outcome is committed. Its room is free only then.
#[derive(Debug)]
pub(crate) struct Receipt {
    pub(crate) lease: Lease,
    pub(crate) tally: Tally,
    pub(crate) _room: Room,
}

/// What an outcome means for the counters of its configuration and domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tally {
    /// No call was made, or what became of it is not theirs to answer for.
    None,
    /// The call succeeded.
    Success { domain: Option<DomainId> },
    /// The call failed; `last` when the delivery has failed with it.
    Failure { domain: Option<DomainId>, last: bool },
}

/// Takes outcomes off a bounded channel and commits them.
pub(crate) struct Recorder {
    pub(crate) store: Arc<Store>,
    pub(crate) lease: Arc<WorkerLease>,
    pub(crate) batches: Arc<OpenBatches>,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) status: Arc<StatusChanges>,
    pub(crate) watch: Arc<SettlementWatch>,
    pub(crate) outcomes: Arc<Mutex<mpsc::Receiver<Finished>>>,
    pub(crate) batch: usize,
    /// Cancelled when no more outcomes will come.
    pub(crate) closing: CancellationToken,
}

impl Recorder {
    /// Runs until the channel is closed and everything in it is committed.
    pub(crate) async fn run(self) {
        let mut gathered = Vec::with_capacity(self.batch);
        loop {
            let open = self.gather(&mut gathered).await;
            if !gathered.is_empty() || self.batches.has_closed() {
                self.commit(&mut gathered).await;
            }
            if !open {
                return;
            }
        }
    }

    /// Takes what is there, waiting for the first, or for a finished intake batch whose row can go; false when nothing will
    /// come any more.
    async fn gather(&self, gathered: &mut Vec<Finished>) -> bool {
        let mut outcomes = self.outcomes.lock().await;
        tokio::select! {
            biased;
            taken = outcomes.recv_many(gathered, self.batch) => taken > 0,
            () = self.batches.some_closed() => {
                let more = tokio::time::timeout(LINGER, outcomes.recv_many(gathered, self.batch)).await;
                more.map_or(true, |taken| taken > 0)
            }
            () = self.closing.cancelled() => {
                outcomes.close();
                outcomes.recv_many(gathered, self.batch).await > 0
            }
        }
    }

    /// Writes the batch, however long the database is away: what is in hand stays in hand, and the bounded channel behind it
    /// slows everything else down.
    async fn commit(&self, gathered: &mut Vec<Finished>) {
        let mut pause = Duration::from_millis(50);
        let closed = self.batches.take_closed();
        let (mut settled, mut receipts): (Vec<_>, Vec<_>) =
            gathered.drain(..).map(|one| (one.settled, one.receipt)).unzip();
        loop {
            self.drop_stale(&mut settled, &mut receipts);
            let registration = self.lease.current();
            let (configurations, domains) =
                tallies(settled.iter().zip(receipts.iter().map(|receipt| receipt.tally)));
            match settlement::settle(
                &self.store,
                registration.worker,
                &settled,
                &closed,
                &configurations,
                &domains,
            )
            .await
            {
                Ok(settlement) => return self.committed(&settled, &receipts, settlement),
                Err(SettleError::Fenced) => {
                    if let Err(error) = self.lease.replace(registration).await {
                        warn!(%error, "this worker was fenced off and could not register anew; trying again");
                    }
                }
                Err(SettleError::Store(error)) => {
                    metrics::counter!(metric_names::RECORD_FAILURES).increment(1);
                    warn!(%error, outcomes = settled.len(), "{} outcomes could not be recorded; trying again in {} ms. Check the database", settled.len(), pause.as_millis());
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Outcomes of a registration that was taken over are not ours to write.
    fn drop_stale(&self, settled: &mut Vec<Settled>, receipts: &mut Vec<Receipt>) {
        if receipts.iter().all(|receipt| self.lease.holds(receipt.lease.epoch)) {
            return;
        }
        let kept = settled
            .drain(..)
            .zip(receipts.drain(..))
            .filter(|(_, receipt)| self.lease.holds(receipt.lease.epoch));
        (*settled, *receipts) = kept.collect::<Vec<_>>().into_iter().unzip();
    }

    fn committed(&self, settled: &[Settled], receipts: &[Receipt], settlement: Settlement) {
        metrics::histogram!(metric_names::RECORD_BATCH_SIZE).record(settled.len() as f64);
        let batches = receipts.iter().filter_map(|receipt| match receipt.lease.held_by {
            LeaseRow::IntakeBatch(batch) => Some(batch),
            LeaseRow::DeliveryQueue => None,
        });
        self.batches.committed(batches);
        self.watch.committed(settled);
        let now = Instant::now();
        for one in settled {
            if let Next::Attempt { after, .. } = one.next {
                self.schedule.wake_at(one.configuration_id, now + after);
            }
        }
        for (configuration, tenant, failures) in settlement.over_threshold {
            self.status.failed_too_often(configuration, tenant, failures);
        }
    }
}

/// Sums up the batch's tallies by configuration and by domain, keys sorted so that concurrent flushes lock in one order.
pub(crate) fn tallies<'a>(
    outcomes: impl Iterator<Item = (&'a Settled, Tally)>,
) -> (Vec<ConfigurationDelta>, Vec<DomainDelta>) {
    let mut configurations: BTreeMap<ConfigurationId, ConfigurationDelta> = BTreeMap::new();
    let mut domains: BTreeMap<DomainId, DomainDelta> = BTreeMap::new();
    for (one, tally) in outcomes {
        let tenant = &one.event.tenant;
        let id = one.configuration_id;
        match tally {
            Tally::None => {}
            Tally::Success { domain } => {
                let delta = configuration_delta(&mut configurations, id, tenant);
                delta.succeeded = true;
                delta.failures = 0;
                count_domain(&mut domains, domain, tenant, false);
            }
            Tally::Failure { domain, last } => {
                let delta = configuration_delta(&mut configurations, id, tenant);
                delta.failed = true;
                delta.failures += i32::from(last);
                count_domain(&mut domains, domain, tenant, true);
            }
        }
    }
    (configurations.into_values().collect(), domains.into_values().collect())
}

fn configuration_delta<'a>(
    deltas: &'a mut BTreeMap<ConfigurationId, ConfigurationDelta>,
    configuration_id: ConfigurationId,
    tenant: &TenantId,
) -> &'a mut ConfigurationDelta {
    deltas.entry(configuration_id).or_insert_with(|| ConfigurationDelta {
        configuration_id,
        tenant: tenant.clone(),
        failures: 0,
        succeeded: false,
        failed: false,
    })
}

fn count_domain(
    deltas: &mut BTreeMap<DomainId, DomainDelta>,
    domain: Option<DomainId>,
    tenant: &TenantId,
    failed: bool,
) {
    let Some(domain_id) = domain else { return };
    let delta = deltas.entry(domain_id).or_insert_with(|| DomainDelta {
        domain_id,
        tenant: tenant.clone(),
        callbacks: 0,
        failed: 0,
    });
    delta.callbacks += 1;
    delta.failed += i64::from(failed);
}
