//! This process's registration as a worker. The row in `workers` is the lease for everything it holds: as long as the
//! heartbeat is on time nobody else touches it; once the row is gone, whatever this process still holds is worthless.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use callbacks_interfaces::ids::WorkerId;
use callbacks_models::error::StoreError;
use callbacks_models::store::Store;
use callbacks_models::{recovery, worker_registration};
use parking_lot::RwLock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Heartbeat and the death of others.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// How often this worker says that it lives.
    pub heartbeat: Duration,
    /// Silence after which another worker is taken for dead and its work is taken over. At least three heartbeats.
    pub dead_after: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(1), dead_after: Duration::from_secs(5) }
    }
}

/// A registration, and how many there were before it in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) worker: WorkerId,
    pub(crate) epoch: u64,
}

/// The current registration.
#[derive(Debug)]
pub(crate) struct WorkerLease {
    store: Arc<Store>,
    current: RwLock<Registration>,
    renewing: tokio::sync::Mutex<()>,
    replaced: Notify,
    /// Workers there were at the latest heartbeat, this one among them.
    workers: AtomicU32,
}

impl WorkerLease {
    /// Registers this process.
    pub(crate) async fn register(store: Arc<Store>) -> Result<Self, StoreError> {
        let worker = WorkerId::now_v7();
        worker_registration::register(&store, worker).await?;
        info!(%worker, "worker {worker} registered");
        let workers = AtomicU32::new(1);
        let current = RwLock::new(Registration { worker, epoch: 0 });
        Ok(Self { store, current, renewing: tokio::sync::Mutex::new(()), replaced: Notify::new(), workers })
    }

    /// How many workers share the work, at least one.
    pub(crate) fn workers(&self) -> u32 {
        self.workers.load(Ordering::Relaxed).max(1)
    }

    pub(crate) fn current(&self) -> Registration {
        *self.current.read()
    }

    /// True while leases of that epoch are good.
    pub(crate) fn holds(&self, epoch: u64) -> bool {
        self.current.read().epoch == epoch
    }

    /// Registers anew after `lost` was taken over by another worker.
    pub(crate) async fn replace(&self, lost: Registration) -> Result<(), StoreError> {
        let _one_at_a_time = self.renewing.lock().await;
        if self.current() != lost {
            return Ok(());
        }
        let worker = WorkerId::now_v7();
        worker_registration::register(&self.store, worker).await?;
        *self.current.write() = Registration { worker, epoch: lost.epoch + 1 };
        error!(
            lost = %lost.worker, %worker,
            "worker {} was taken for dead and its deliveries were taken over; it goes on as {worker}. \
             If this repeats, look for pauses of the process or the database longer than worker.dead_after_ms", lost.worker
        );
        self.replaced.notify_waiters();
        Ok(())
    }

    /// Resolves when a registration was replaced.
    pub(crate) async fn replaced(&self) {
        self.replaced.notified().await;
    }

    /// Gives everything back: batches and claimed rows become due at once, for whichever worker comes first.
    pub(crate) async fn give_up(&self) -> Result<(), StoreError> {
        recovery::release_worker(&self.store, self.current().worker).await.map(|_| ())
    }

    /// Beats until cancelled, and takes over the work of workers that fell silent. `recovered` is called after a takeover.
    pub(crate) async fn beat(
        &self,
        settings: &WorkerSettings,
        stop: CancellationToken,
        recovered: impl Fn(),
    ) {
        let mut outage_ended: Option<Instant> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(settings.heartbeat) => {}
            }
            match self.beat_once().await {
                Ok(()) => {}
                Err(problem) => {
                    warn!(error = %problem, "heartbeat failed; deliveries in hand go on, nothing new is taken until the database answers");
                    outage_ended = Some(Instant::now());
                    continue;
                }
            }
            // Right after an outage everybody looks dead: give the others time to be heard first.
            let others_were_heard = outage_ended.is_none_or(|ended| ended.elapsed() >= settings.dead_after);
            if others_were_heard && self.take_over(settings.dead_after).await {
                recovered();
            }
        }
    }

    async fn beat_once(&self) -> Result<(), StoreError> {
        let registration = self.current();
        if let Some(workers) = worker_registration::heartbeat(&self.store, registration.worker).await? {
            self.workers.store(workers, Ordering::Relaxed);
            return Ok(());
        }
        self.replace(registration).await
    }

    async fn take_over(&self, dead_after: Duration) -> bool {
        match recovery::recover_dead_across_tenants(&self.store, dead_after).await {
            Ok(recovered) if recovered.is_empty() => false,
            Ok(recovered) => {
                for one in &recovered {
                    warn!(worker = %one.worker, deliveries = one.deliveries,
                        "took over {} deliveries of worker {}, which has been silent for {} ms", one.deliveries, one.worker, dead_after.as_millis());
                }
                true
            }
            Err(problem) => {
                warn!(error = %problem, "work of silent workers could not be taken over; trying again at the next heartbeat");
                false
            }
        }
    }
}
