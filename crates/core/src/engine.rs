//! The engine: every part of the service's main job, started together and drained together. Embedding the service as a
//! library means starting one of these.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_interfaces::event::EventAccepted;
use callbacks_interfaces::event_explanation::EventExplanation;
use callbacks_interfaces::event_submission::EventSubmission;
use callbacks_interfaces::event_type_entry::EventTypeEnforcement;
use callbacks_interfaces::gate_answer::GateAnswer;
use callbacks_interfaces::ids::{ConfigurationId, EventRowId};
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::delivery_queue;
use callbacks_models::error::StoreError;
use callbacks_models::partitions;
use callbacks_models::store::Store;
use http::HeaderValue;
use ipnet::IpNet;
use tokio::sync::{Mutex, Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::before::{GateError, Gatekeeper};
use crate::clock::Clock;
use crate::delivery::attempt;
use crate::delivery::claimer::Claimer;
use crate::delivery::dispatcher::Dispatcher;
use crate::delivery::domain_budgets::DomainBudgets;
use crate::delivery::lanes::Lanes;
use crate::delivery::memory_gauge::MemoryGauge;
use crate::delivery::open_batches::OpenBatches;
use crate::delivery::recorder::{Finished, Recorder};
use crate::delivery::schedule::Schedule;
use crate::delivery::settings::DispatcherSettings;
use crate::delivery::settlement_watch::{SettlementWatch, Watching};
use crate::delivery::status_changes::{StatusChange, StatusChanges, write_changes};
use crate::delivery::transport::Transport;
use crate::domain_proof::prover::Prover;
use crate::entropy::Entropy;
use crate::event_types::gate::{self, TypeRefusal};
use crate::gates::address_policy::AddressPolicy;
use crate::gates::circuit_breaker::BreakerState;
use crate::hop_count::{self, HopRefusal};
use crate::intake::acceptor::{Acceptor, Audience, IntakeRequest};
use crate::intake::error::IntakeError;
use crate::intake::flusher::Flusher;
use crate::intake::received_event::ReceivedEvent;
use crate::intake::settings::IntakeSettings;
use crate::maintenance::replays;
use crate::maintenance::retention::{self, RetentionSettings};
use crate::maintenance::worker_lease::{WorkerLease, WorkerSettings};
use crate::metric_names;
use crate::routing::directory::{CurrentDirectory, Directory};
use crate::routing::event_document::EventDocument;
use crate::routing::explain::explain;
use crate::routing::refresher::Refresher;
use crate::routing::target::TargetDefaults;

/// Tasks that record outcomes. Two keep the database busy while one waits for its commit; more gained nothing.
const RECORDERS: usize = 2;
/// Outcomes that may wait to be recorded.
const OUTCOME_QUEUE: usize = 8192;

/// Everything that can be tuned about the engine.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Lanes and the wire.
    pub dispatcher: DispatcherSettings,
    /// The way in.
    pub intake: IntakeSettings,
    /// Heartbeat and takeover.
    pub worker: WorkerSettings,
    /// What is kept for how long.
    pub retention: RetentionSettings,
    /// What applies where a configuration leaves something to the service.
    pub defaults: TargetDefaults,
    /// Addresses that may be dialled although they are not public.
    pub addresses: AddressPolicy,
}

/// Who the engine works with.
pub struct Surroundings<T> {
    /// The database.
    pub store: Arc<Store>,
    /// The way to the endpoints.
    pub transport: Arc<T>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// A running engine. Cheap to share; stop it with [`Engine::drain`].
pub struct Engine {
    store: Arc<Store>,
    acceptor: Acceptor,
    gatekeeper: Gatekeeper,
    watch: Arc<SettlementWatch>,
    dispatcher: Arc<Dispatcher>,
    refresher: Refresher,
    /// Where a tenant has not chosen itself.
    enforcement: EventTypeEnforcement,
    max_hops: u16,
    /// Background loops, apart from the workers on the wire.
    loops: TaskTracker,
    flushers: TaskTracker,
    recorders: TaskTracker,
    /// Cancelled when the intake takes no more.
    closing_intake: CancellationToken,
    /// Cancelled when no more outcomes will come.
    closing_outcomes: CancellationToken,
    stop: CancellationToken,
}

/// The engine's condition, for health and metrics.
#[derive(Debug, Clone)]
pub struct EngineHealth {
    /// False once a drain has begun.
    pub accepting: bool,
    /// Requests on the wire.
    pub in_flight: usize,
    /// Deliveries in the queue table.
    pub queue_depth: u64,
    /// By how much the oldest due one is late.
    pub queue_lag: Duration,
    /// Configurations whose circuit breaker is not closed, with the state's name.
    pub breakers: Vec<(ConfigurationId, &'static str)>,
    /// Configurations known.
    pub configurations: usize,
}

impl Engine {
    /// Registers this process as a worker, loads the directory and starts every loop.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn start<T: Transport>(
        settings: EngineSettings,
        around: Surroundings<T>,
    ) -> Result<Arc<Self>, StoreError> {
        let store = around.store;
        // Before the first event: rows that reach the default partition while today's is being made would be turned away.
        partitions::ensure_partitions_across_tenants(&store).await?;
        let lease = Arc::new(WorkerLease::register(Arc::clone(&store)).await?);
        let (status, changes) = StatusChanges::new();
        let (outcomes, recorded) = mpsc::channel(OUTCOME_QUEUE);
        let (requests, gathered) = mpsc::channel(settings.intake.queue);
        let dispatcher = Arc::new(Dispatcher {
            lanes: Lanes::new(settings.dispatcher.lane_capacity),
            directory: Arc::new(CurrentDirectory::default()),
            transport: around.transport,
            addresses: settings.addresses.clone(),
            clock: around.clock,
            entropy: around.entropy,
            outcomes,
            schedule: Arc::new(Schedule::new(Instant::now())),
            status,
            lease,
            memory: MemoryGauge::new(settings.dispatcher.memory_limit_bytes),
            request_origin: settings.dispatcher.request_origin.clone(),
            budgets: DomainBudgets::new(settings.dispatcher.enforce_default_domain_rate),
            dry_run: settings.dispatcher.dry_run,
            on_the_wire: Semaphore::new(settings.dispatcher.max_in_flight),
            workers: TaskTracker::new(),
            draining: CancellationToken::new(),
            aborting: CancellationToken::new(),
        });
        let refreshed = Arc::new(Notify::new());
        let directory = Arc::clone(&dispatcher.directory);
        let refresher = |store| {
            Refresher::new(store, Arc::clone(&directory), settings.defaults.clone(), Arc::clone(&refreshed))
        };
        let engine = Arc::new(Self {
            acceptor: Acceptor::new(Arc::clone(&dispatcher), requests, settings.intake.clone()),
            gatekeeper: Gatekeeper::new(Arc::clone(&dispatcher), Arc::clone(&store)),
            watch: Arc::default(),
            refresher: refresher(Arc::clone(&store)),
            enforcement: settings.intake.event_types,
            max_hops: settings.intake.max_hops,
            loops: TaskTracker::new(),
            flushers: TaskTracker::new(),
            recorders: TaskTracker::new(),
            closing_intake: CancellationToken::new(),
            closing_outcomes: CancellationToken::new(),
            stop: CancellationToken::new(),
            store,
            dispatcher,
        });
        engine.refresher.refresh().await?;
        let background = refresher(Arc::clone(&engine.store));
        engine.loops.spawn(background.run(engine.stop.clone()));
        engine.start_intake_and_recording(&settings, gathered, recorded);
        engine.start_loops(settings, changes, refreshed);
        Ok(engine)
    }

    fn start_intake_and_recording(
        &self,
        settings: &EngineSettings,
        gathered: mpsc::Receiver<IntakeRequest>,
        recorded: mpsc::Receiver<Finished>,
    ) {
        let batches = Arc::new(OpenBatches::default());
        let (gathered, recorded) = (Arc::new(Mutex::new(gathered)), Arc::new(Mutex::new(recorded)));
        for _ in 0..settings.intake.flushers.max(1) {
            let flusher = Flusher {
                store: Arc::clone(&self.store),
                dispatcher: Arc::clone(&self.dispatcher),
                batches: Arc::clone(&batches),
                requests: Arc::clone(&gathered),
                batch: settings.intake.batch,
                flushers: settings.intake.flushers.max(1),
                closing: self.closing_intake.clone(),
            };
            self.flushers.spawn(flusher.run());
        }
        for _ in 0..RECORDERS {
            let recorder = Recorder {
                store: Arc::clone(&self.store),
                lease: Arc::clone(&self.dispatcher.lease),
                batches: Arc::clone(&batches),
                schedule: Arc::clone(&self.dispatcher.schedule),
                status: Arc::clone(&self.dispatcher.status),
                watch: Arc::clone(&self.watch),
                outcomes: Arc::clone(&recorded),
                batch: settings.dispatcher.record_batch,
                closing: self.closing_outcomes.clone(),
            };
            self.recorders.spawn(recorder.run());
        }
        let lease = Arc::clone(&self.dispatcher.lease);
        let dispatcher = Arc::clone(&self.dispatcher);
        let stop = self.stop.clone();
        self.loops.spawn(async move {
            // A replaced registration takes everything in memory with it: somebody else has it now.
            while stop.run_until_cancelled(lease.replaced()).await.is_some() {
                batches.clear();
                for lane in dispatcher.lanes.all() {
                    drop(lane.take_pending());
                }
            }
        });
    }

    fn start_loops(
        &self,
        settings: EngineSettings,
        changes: mpsc::Receiver<StatusChange>,
        refreshed: Arc<Notify>,
    ) {
        let claimer = Claimer {
            store: Arc::clone(&self.store),
            dispatcher: Arc::clone(&self.dispatcher),
            settings: settings.dispatcher.clone(),
            claimed: Arc::default(),
        };
        self.loops.spawn(claimer.run(self.dispatcher.draining.clone()));
        let schedule = Arc::clone(&self.dispatcher.schedule);
        self.loops.spawn(replays::run(Arc::clone(&self.store), schedule, self.dispatcher.draining.clone()));
        self.loops.spawn(retention::run(Arc::clone(&self.store), settings.retention, self.stop.clone()));
        let (store, stop) = (Arc::clone(&self.store), self.stop.clone());
        self.loops.spawn(async move {
            stop.run_until_cancelled(write_changes(store, settings.dispatcher, changes)).await
        });
        let dispatcher = Arc::clone(&self.dispatcher);
        let (lease, schedule, stop) =
            (Arc::clone(&dispatcher.lease), Arc::clone(&dispatcher.schedule), self.stop.clone());
        self.loops.spawn(async move { lease.beat(&settings.worker, stop, || schedule.look_now()).await });
        let stop = self.stop.clone();
        self.loops.spawn(async move {
            while stop.run_until_cancelled(refreshed.notified()).await.is_some() {
                dispatcher.resume_all();
            }
        });
    }

    /// Accepts events of one tenant, all or none. Resolves after the commit that makes them durable.
    ///
    /// # Errors
    /// See [`IntakeError`]; nothing is stored then.
    pub async fn accept(
        &self,
        tenant: &TenantId,
        submissions: Vec<EventSubmission>,
    ) -> Result<Vec<EventAccepted>, IntakeError> {
        let events = submissions.into_iter().map(ReceivedEvent::from).collect();
        self.acceptor.accept(tenant, events, Audience::Matching).await
    }

    /// Accepts events of one tenant that came from a broker, all or none. Resolves after the commit that makes them durable.
    ///
    /// # Errors
    /// See [`IntakeError`]; nothing is stored then.
    pub async fn accept_received(
        &self,
        tenant: &TenantId,
        events: Vec<ReceivedEvent>,
    ) -> Result<Vec<EventAccepted>, IntakeError> {
        self.acceptor.accept_from_source(tenant, events).await
    }

    /// Accepts an event for one configuration alone, whatever it subscribes to.
    ///
    /// # Errors
    /// See [`IntakeError`]; nothing is stored then.
    pub async fn accept_for(
        &self,
        tenant: &TenantId,
        configuration: ConfigurationId,
        submission: EventSubmission,
    ) -> Result<EventAccepted, IntakeError> {
        let accepted =
            self.acceptor.accept(tenant, vec![submission.into()], Audience::Only(configuration)).await?;
        accepted.into_iter().next().ok_or(IntakeError::Refused)
    }

    /// Puts an event that has not happened before the gates of its tenant, and waits at most `patience` for their votes.
    /// The event is not stored.
    ///
    /// # Errors
    /// See [`GateError`]; the producer may ask again.
    pub async fn ask_gates(
        &self,
        tenant: &TenantId,
        submission: EventSubmission,
        patience: Duration,
    ) -> Result<GateAnswer, GateError> {
        self.gatekeeper.ask(tenant, submission.into(), patience).await
    }

    /// Tells of an event's deliveries that this process settles from now on; `None` when too many events are watched.
    pub(crate) fn watch_settlements(&self, event: EventRowId) -> Option<Watching> {
        self.watch.watch(event)
    }

    /// Which of a tenant's events its catalogue of event types refuses, by their index: none, unless the tenant or the
    /// service wants it enforced. Whoever takes events in asks this first.
    pub fn refused_types<'a>(
        &self,
        tenant: &TenantId,
        events: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Vec<(usize, TypeRefusal)> {
        let directory = self.dispatcher.directory.load();
        let catalogue = directory.tenant(tenant).map(|part| &part.event_types);
        let chosen = catalogue.and_then(|catalogue| catalogue.enforcement);
        gate::refused(catalogue, chosen.unwrap_or(self.enforcement), events)
    }

    /// Whether an event with these headers was not passed on too often. Whoever takes events in asks this first.
    ///
    /// # Errors
    /// [`HopRefusal`] says why it is not taken.
    pub fn judge_hops(&self, headers: Option<&BTreeMap<String, String>>) -> Result<(), HopRefusal> {
        hop_count::judge(headers, self.max_hops)
    }

    /// What is done with events that are not as the catalogue says, where a tenant has not chosen itself.
    pub fn default_enforcement(&self) -> EventTypeEnforcement {
        self.enforcement
    }

    /// Why an event would or would not reach each of the tenant's configurations. Nothing is stored.
    pub fn explain(&self, tenant: &TenantId, submission: &EventSubmission) -> EventExplanation {
        let directory = self.dispatcher.directory.load();
        let document = EventDocument::of(submission);
        let configurations = directory
            .tenant(tenant)
            .map_or_else(Vec::new, |part| explain(part, &document, self.dispatcher.clock.now()));
        let matched = configurations.iter().filter(|one| one.matches).count() as u32;
        EventExplanation {
            tenant_id: tenant.clone(),
            event_type: document.event_type().to_owned(),
            matched,
            configurations,
        }
    }

    /// Makes a change just written to the database known here at once (other replicas hear of it by notification).
    ///
    /// # Errors
    /// When the database cannot be read; the periodic refresh catches up then.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        self.refresher.refresh().await
    }

    /// The snapshot deliveries are routed and signed with at this moment.
    pub fn directory(&self) -> Arc<Directory> {
        self.dispatcher.directory.load_full()
    }

    /// What proves control over a tenant's domains.
    pub(crate) fn prover(&self, tenant: &TenantId) -> Prover {
        let transport = Arc::clone(&self.dispatcher.transport);
        let addresses = self.dispatcher.addresses_of(&self.dispatcher.directory.load(), tenant);
        Prover { transport, addresses }
    }

    /// Networks that operators opened for a tenant alone.
    pub(crate) fn networks_of(&self, tenant: &TenantId) -> Option<Arc<[IpNet]>> {
        self.dispatcher.directory.load().tenant(tenant)?.allowed_networks.clone()
    }

    /// Who asks endpoints for their consent (`WebHook-Request-Origin`).
    pub(crate) fn request_origin(&self) -> HeaderValue {
        self.dispatcher.request_origin.clone()
    }

    /// Looks at a configuration's lane at once: work was put into the queue table, or a hold was lifted by an operator.
    pub fn wake(&self, configuration: ConfigurationId) {
        if let Some(lane) = self.dispatcher.lanes.get(configuration) {
            lane.lift_hold();
        }
        self.dispatcher.schedule.wake(configuration);
    }

    /// The engine's condition.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn health(&self) -> Result<EngineHealth, StoreError> {
        let queue = delivery_queue::stats(&self.store).await?;
        let now = self.dispatcher.clock.monotonic();
        let breakers =
            self.dispatcher.lanes.all().into_iter().filter_map(|lane| match lane.breaker_state(now) {
                BreakerState::Closed => None,
                BreakerState::Open => Some((lane.id, "OPEN")),
                BreakerState::HalfOpen => Some((lane.id, "HALF_OPEN")),
            });
        let health = EngineHealth {
            accepting: !self.dispatcher.draining.is_cancelled(),
            in_flight: self.in_flight(),
            queue_depth: queue.deliveries,
            queue_lag: queue.oldest_due.unwrap_or_default(),
            breakers: breakers.collect(),
            configurations: self.dispatcher.directory.load().targets().count(),
        };
        metrics::gauge!(metric_names::QUEUE_DEPTH).set(health.queue_depth as f64);
        metrics::gauge!(metric_names::QUEUE_LAG_SECONDS).set(health.queue_lag.as_secs_f64());
        metrics::gauge!(metric_names::IN_FLIGHT).set(health.in_flight as f64);
        Ok(health)
    }

    fn in_flight(&self) -> usize {
        self.dispatcher.workers.len()
    }

    /// Stops in order, so that nothing is lost and nothing is sent twice: no new events, no new attempts, what is on the
    /// wire ends (within `patience`), every outcome is committed, everything else goes back to the queue table.
    pub async fn drain(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        self.dispatcher.draining.cancel();
        self.closing_intake.cancel();
        self.flushers.close();
        self.flushers.wait().await;
        for lane in self.dispatcher.lanes.all() {
            let waiting = lane.take_pending();
            self.dispatcher
                .send_all(waiting.into_iter().map(|one| attempt::postpone(one, "shutting down")).collect());
        }
        self.dispatcher.workers.close();
        if tokio::time::timeout_at(deadline.into(), self.dispatcher.workers.wait()).await.is_err() {
            warn!(
                "requests were still on the wire after {} s; they are interrupted and sent again by the next worker",
                patience.as_secs()
            );
            self.dispatcher.aborting.cancel();
            let _ = tokio::time::timeout(Duration::from_secs(1), self.dispatcher.workers.wait()).await;
        }
        self.closing_outcomes.cancel();
        self.recorders.close();
        if tokio::time::timeout(Duration::from_secs(5), self.recorders.wait()).await.is_err() {
            warn!(
                "outcomes could not be recorded before the stop; their deliveries are sent again by the next worker"
            );
        }
        // The heartbeat first: it would register this worker anew as soon as its row is gone.
        self.stop.cancel();
        self.loops.close();
        let _ = tokio::time::timeout(Duration::from_secs(2), self.loops.wait()).await;
        if let Err(error) = self.dispatcher.lease.give_up().await {
            warn!(%error, "this worker could not sign off; others take over what it held after worker.dead_after_ms");
        }
        info!("drained");
    }
}
