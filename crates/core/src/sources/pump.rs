//! One consumer at work: pull, accept, settle. Several batches are being stored at a time; while they are as many as may
//! be, nothing is pulled, which is all the backpressure there is.

use std::sync::Arc;
use std::time::Duration;

use callbacks_interfaces::event_pattern::EventPattern;
use callbacks_interfaces::event_subscription::EventSubscription;
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::store::Store;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::event_source::{Appetite, EventSource, OpenSource, SourceBatch, SourceError, SourcePlan};
use super::settings::PumpSettings;
use super::storing::Storing;
use super::tally::Tally;
use crate::clock::Clock;
use crate::engine::Engine;

/// How long opening a source may take.
const OPEN_PATIENCE: Duration = Duration::from_secs(20);
/// How often a source is asked how it stands.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long it may take to answer or to acknowledge.
const SOURCE_PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to leave, and to leave a broker that has just failed.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);
const LEAVE_BROKEN_PATIENCE: Duration = Duration::from_secs(1);
/// A source that ran this long is trusted again: the next pause is the first one.
const TRUSTED_AFTER: Duration = Duration::from_secs(30);

/// Who a pump works with.
#[derive(Clone)]
pub(super) struct PumpSurroundings {
    pub(super) engine: Arc<Engine>,
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) open: OpenSource,
    pub(super) settings: PumpSettings,
}

/// What a pump's messages belong to.
#[derive(Clone)]
pub(super) enum Feed {
    /// A subscription, with its compiled patterns.
    Subscription(Arc<EventSubscription>, Arc<[EventPattern]>),
    /// The service's own outbox, whose events name their tenants.
    OwnOutbox,
}

impl Feed {
    /// The feed of a subscription. Patterns are checked when they are written; one that is broken all the same matches nothing.
    pub(super) fn of(subscription: Arc<EventSubscription>) -> Self {
        let patterns = subscription.event_type_patterns.iter().flatten();
        let patterns = patterns.filter_map(|text| EventPattern::try_from(text.as_str()).ok()).collect();
        Self::Subscription(subscription, patterns)
    }
}

/// One consumer, from its start to its stop, through as many connections as it takes.
pub(super) struct Pump {
    pub(super) around: PumpSurroundings,
    pub(super) plan: SourcePlan,
    pub(super) feed: Feed,
    pub(super) tally: Arc<Tally>,
    pub(super) stop: CancellationToken,
}

type Storings = FuturesUnordered<BoxFuture<'static, u64>>;

impl Pump {
    /// Runs until stopped.
    pub(super) async fn run(self) {
        let mut pause = self.around.settings.first_pause;
        let consumer = self.plan.consumer as usize;
        loop {
            let opened = Instant::now();
            let problem = match self.stop.run_until_cancelled(self.open()).await {
                None => return,
                Some(Err(problem)) => problem,
                Some(Ok(mut source)) => match self.work(source.as_mut()).await {
                    Ok(()) => return leave(source, LEAVE_PATIENCE).await,
                    Err(problem) => {
                        leave(source, LEAVE_BROKEN_PATIENCE).await;
                        problem
                    }
                },
            };
            if opened.elapsed() > TRUSTED_AFTER {
                pause = self.around.settings.first_pause;
            }
            let name = &self.plan.subscription.name;
            warn!(subscription = %self.plan.subscription.id, error = %problem, "events of {name} cannot be read; trying again in {} ms: {problem}", pause.as_millis());
            self.tally.failed(consumer, problem.0, self.around.clock.now());
            if self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
            pause = (pause * 2).min(self.around.settings.longest_pause);
        }
    }

    async fn open(&self) -> Result<Box<dyn EventSource>, SourceError> {
        let opening = (self.around.open)(self.plan.clone());
        match tokio::time::timeout(OPEN_PATIENCE, opening).await {
            Ok(opened) => opened,
            Err(_) => {
                Err(SourceError(format!("the broker did not answer within {} s", OPEN_PATIENCE.as_secs())))
            }
        }
    }

    /// Until stopped (`Ok`, with everything pulled stored and settled) or until the source fails.
    async fn work(&self, source: &mut dyn EventSource) -> Result<(), SourceError> {
        let mut storings = Storings::new();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let full = storings.len() >= self.around.settings.batches_in_flight;
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return self.drain(source, storings).await,
                Some(number) = storings.next(), if !storings.is_empty() => within(source.settle(number)).await?,
                _ = look.tick() => self.tally.stands(self.plan.consumer as usize, patiently(source.standing()).await?),
                batch = pull_or_hold(source, self.around.settings.appetite, full) => storings.push(self.store(batch?)),
            }
        }
    }

    fn store(&self, batch: SourceBatch) -> BoxFuture<'static, u64> {
        self.tally.received(batch.arrivals.len(), self.around.clock.now());
        let storing =
            Storing { around: self.around.clone(), feed: self.feed.clone(), tally: Arc::clone(&self.tally) };
        Box::pin(async move {
            storing.store(batch.arrivals).await;
            batch.number
        })
    }

    /// Settles what is being stored, as far as that ends in time. What does not comes again and is recognised.
    async fn drain(&self, source: &mut dyn EventSource, mut storings: Storings) -> Result<(), SourceError> {
        let deadline = Instant::now() + self.around.settings.drain;
        while !storings.is_empty() {
            match tokio::time::timeout_at(deadline, storings.next()).await {
                Ok(Some(number)) => within(source.settle(number)).await?,
                Ok(None) => break,
                Err(_) => {
                    info!(subscription = %self.plan.subscription.id, batches = storings.len(), "stopped before everything was stored; the broker delivers it again");
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Pulls, unless as much is being stored as may be: then it never resolves.
async fn pull_or_hold(
    source: &mut dyn EventSource,
    appetite: Appetite,
    full: bool,
) -> Result<SourceBatch, SourceError> {
    if full {
        source.hold().await;
        return std::future::pending().await;
    }
    source.pull(appetite).await
}

async fn patiently<T>(asked: BoxFuture<'_, T>) -> Result<T, SourceError> {
    let late = |_| SourceError(format!("the broker did not answer within {} s", SOURCE_PATIENCE.as_secs()));
    tokio::time::timeout(SOURCE_PATIENCE, asked).await.map_err(late)
}

async fn within(asked: BoxFuture<'_, Result<(), SourceError>>) -> Result<(), SourceError> {
    patiently(asked).await?
}

async fn leave(source: Box<dyn EventSource>, patience: Duration) {
    if tokio::time::timeout(patience, source.close()).await.is_err() {
        info!("a source did not close within {} s and is left behind", patience.as_secs());
    }
}

/// The tenant of a feed's messages.
pub(super) fn tenant_of(feed: &Feed) -> Option<&TenantId> {
    match feed {
        Feed::Subscription(subscription, _) => Some(&subscription.tenant_id),
        Feed::OwnOutbox => None,
    }
}
