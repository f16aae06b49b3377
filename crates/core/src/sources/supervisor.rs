//! Keeps what runs here equal to the active rows of `event_subscriptions`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use callbacks_interfaces::event_subscription::EventSubscription;
use callbacks_interfaces::ids::SubscriptionId;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::error::StoreError;
use callbacks_models::event_subscriptions;
use callbacks_models::notify::{Listener, SUBSCRIPTIONS_CHANNEL};
use callbacks_models::store::Store;
use callbacks_models::subscription_consumers::{self, NewMessages};
use time::OffsetDateTime;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use uuid::Uuid;

use super::event_source::{OpenSource, SourcePlan};
use super::postgres_outbox;
use super::pump::{Feed, Pump, PumpSurroundings};
use super::settings::{OwnOutbox, SupervisorSettings};
use super::tally::Tally;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::entropy::Entropy;

/// How often the rows are compared with what runs, totals written and states reported. Changes are usually notified
/// sooner; two of these are the most a replica may be behind.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who the supervisor works with.
pub struct SupervisorSurroundings {
    /// Takes the events.
    pub engine: Arc<Engine>,
    /// The database.
    pub store: Arc<Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The way to the brokers.
    pub open: OpenSource,
}

/// The running sources. Stop them before the engine is drained.
pub struct Sources {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Sources {
    /// Starts consumers for every active subscription, and keeps them as the rows say.
    #[must_use]
    pub fn start(settings: SupervisorSettings, around: SupervisorSurroundings) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let supervisor = Supervisor {
            replica: around.entropy.uuid_v7(),
            own_outbox: settings.own_outbox,
            around: PumpSurroundings {
                engine: around.engine,
                store: around.store,
                clock: around.clock,
                open: around.open,
                settings: settings.pump,
            },
            running: HashMap::new(),
            pumps: tasks.clone(),
            stop: stop.clone(),
        };
        tasks.spawn(supervisor.run());
        Self { stop, tasks }
    }

    /// Stops pulling, stores and acknowledges what was pulled, and leaves the brokers. `false` when that took longer than
    /// `patience`; the brokers then deliver the rest again.
    pub async fn stop(self, patience: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(patience, self.tasks.wait()).await.is_ok()
    }
}

struct Supervisor {
    replica: Uuid,
    own_outbox: OwnOutbox,
    around: PumpSurroundings,
    running: HashMap<SubscriptionId, Running>,
    pumps: TaskTracker,
    stop: CancellationToken,
}

/// The consumers of one subscription.
struct Running {
    /// The version of the row they run.
    version: OffsetDateTime,
    subscription: Arc<EventSubscription>,
    tally: Arc<Tally>,
    stop: CancellationToken,
}

impl Supervisor {
    async fn run(mut self) {
        let stop = self.stop.clone();
        let mut changes = Listener::new(&self.around.store, SUBSCRIPTIONS_CHANNEL);
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if self.own_outbox == OwnOutbox::Read {
            self.run_own_outbox();
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = changes.heard() => {}
                _ = look.tick() => self.report().await,
            }
            if let Err(error) = self.reconcile().await {
                warn!(%error, "subscriptions could not be read; consumers go on as they are until the database answers");
            }
        }
        self.report().await;
        for id in self.running.keys().copied().collect::<Vec<_>>() {
            self.withdraw(id).await;
        }
    }

    async fn reconcile(&mut self) -> Result<(), StoreError> {
        let wanted: HashMap<_, _> =
            subscription_consumers::active_across_tenants(&self.around.store).await?.into_iter().collect();
        let outdated = |(id, running): (&SubscriptionId, &Running)| {
            (wanted.get(id) != Some(&running.version)).then_some(*id)
        };
        for id in self.running.iter().filter_map(outdated).collect::<Vec<_>>() {
            self.retire(id).await;
        }
        for (id, version) in wanted {
            if self.running.contains_key(&id) {
                continue;
            }
            match event_subscriptions::get(&self.around.store, &TenantScope::All, id).await {
                // Changed or deleted since: the next look has the news.
                Ok(found) => {
                    if let Some(subscription) = found.filter(|one| one.active) {
                        self.begin(subscription, version);
                    }
                }
                // One row that cannot be read must not stop the others.
                Err(StoreError::Unavailable(cause)) => return Err(StoreError::Unavailable(cause)),
                Err(error) => {
                    warn!(subscription = %id, %error, "subscription {id} cannot be read and does not run");
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, subscription: EventSubscription, version: OffsetDateTime) {
        let subscription = Arc::new(subscription);
        let consumers = u32::try_from(subscription.max_concurrent_consumers).unwrap_or(1).max(1);
        let system = subscription.messaging_system_type.clone();
        let tally = Arc::new(Tally::new(subscription.id.to_string(), system, consumers as usize));
        let stop = self.stop.child_token();
        info!(subscription = %subscription.id, consumers, "reading {} of {} for {}", subscription.topic_or_queue, subscription.messaging_system_type, subscription.tenant_id);
        for consumer in 0..consumers {
            let plan =
                SourcePlan { subscription: Arc::clone(&subscription), consumer, replica: self.replica };
            let feed = Feed::of(Arc::clone(&subscription));
            let (around, tally, stop) = (self.around.clone(), Arc::clone(&tally), stop.clone());
            self.pumps.spawn(Pump { around, plan, feed, tally, stop }.run());
        }
        self.warn_of_rivals(&subscription);
        self.running.insert(subscription.id, Running { version, subscription, tally, stop });
    }

    /// Members of one group share what they read, also when they belong to different subscriptions.
    fn warn_of_rivals(&self, new: &EventSubscription) {
        let reads = |one: &EventSubscription| {
            (
                one.messaging_system_type.clone(),
                one.connection_config.clone(),
                one.topic_or_queue.clone(),
                one.consumer_group_id.clone(),
            )
        };
        if let Some(rival) = self.running.values().find(|one| reads(&one.subscription) == reads(new)) {
            warn!(subscription = %new.id, rival = %rival.subscription.id, "subscriptions {} and {} read {} in the same consumer group, so each gets a part of it; give one of them a consumerGroupId of its own", new.id, rival.subscription.id, new.topic_or_queue);
        }
    }

    fn run_own_outbox(&self) {
        let (open, plan) = postgres_outbox::own(&self.around.store, self.replica, self.around.clock.now());
        let around = PumpSurroundings { open, ..self.around.clone() };
        let tally = Arc::new(Tally::new("outbox".to_owned(), postgres_outbox::SYSTEM.to_owned(), 1));
        let pump = Pump { around, plan, feed: Feed::OwnOutbox, tally, stop: self.stop.clone() };
        self.pumps.spawn(pump.run());
    }

    /// Stops a subscription's consumers. They end what they began by themselves; others may begin meanwhile.
    async fn retire(&mut self, id: SubscriptionId) {
        info!(subscription = %id, "subscription {id} was changed, deactivated or deleted; its consumers stop");
        self.report().await;
        self.withdraw(id).await;
    }

    async fn withdraw(&mut self, id: SubscriptionId) {
        let Some(running) = self.running.remove(&id) else { return };
        running.stop.cancel();
        if let Err(error) = subscription_consumers::withdraw(&self.around.store, id, self.replica).await {
            tracing::debug!(%error, "the report of a stopped consumer expires by itself");
        }
    }

    /// Writes totals and states. What cannot be written now is written next time.
    async fn report(&self) {
        let counted: Vec<_> =
            self.running.iter().filter_map(|(id, one)| Some((*id, one, one.tally.take_counted()?))).collect();
        let messages: Vec<NewMessages> = counted
            .iter()
            .map(|(subscription, _, counted)| NewMessages {
                subscription: *subscription,
                received: counted.received as i64,
                failed: counted.failed as i64,
                last_at: counted.last_at,
            })
            .collect();
        if !messages.is_empty()
            && subscription_consumers::count_messages(&self.around.store, &messages).await.is_err()
        {
            counted.into_iter().for_each(|(_, one, counted)| one.tally.put_back(counted));
            return;
        }
        for (id, running) in &self.running {
            let report = running.tally.report();
            if let Err(error) =
                subscription_consumers::report(&self.around.store, *id, self.replica, &report).await
            {
                tracing::debug!(%error, "a consumer's state could not be reported");
                return;
            }
        }
    }
}
