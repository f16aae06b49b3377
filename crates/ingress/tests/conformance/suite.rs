//! What every source must stand.

use std::time::{Duration, Instant};

use callbacks_ingress::settings::SourcesSettings;
use callbacks_interfaces::ids::SubscriptionId;
use serde_json::{Value, json};

use crate::crash::kill_between_commit_and_acknowledgement;
use crate::database::TestDatabase;
use crate::ledger::Ledger;
use crate::patience::eventually;
use crate::replica::{Replica, real};

/// Events of the whole suite.
pub(crate) const EVENTS: u64 = 10_000;
const LIMIT: Duration = Duration::from_secs(90);

/// One kind of broker, with a topic of its own.
pub(crate) trait Bench {
    /// The service-wide settings of the replicas.
    fn settings(&self) -> SourcesSettings;
    /// The subscription, or `None` for a source that needs none.
    fn subscription(&self) -> Option<Value>;
    /// Sends events with these numbers.
    async fn publish(&self, numbers: std::ops::Range<u64>);
    /// Takes the broker away and brings it back.
    async fn restart_broker(&self);
    /// Has every event delivered again; a running replica may help.
    async fn replay(&self, replica: &Replica, subscription: Option<SubscriptionId>);
}

/// An event's payload. It names its id, so that it is known again however it comes.
pub(crate) fn payload(n: u64) -> String {
    json!({ "eventType": "order.created", "eventId": format!("event-{n}"), "n": n }).to_string()
}

/// The suite. Takes about half a minute.
pub(crate) async fn run(bench: &impl Bench) {
    let start = Instant::now();
    let (database, ledger) = (TestDatabase::create().await, Ledger::default());
    let url = database.url();
    let replica = async || Replica::start(&url, &ledger, real(bench.settings())).await;
    let told = async |step: &str| tracing::info!("{step} after {:.1} s", start.elapsed().as_secs_f32());

    let first = replica().await;
    first.add_endpoint().await;
    let subscription = match bench.subscription() {
        Some(body) => Some(first.subscribe(body).await.id),
        None => None,
    };
    bench.publish(0..3_000).await;
    delivered(&ledger, &database, 1_000, "the first events are delivered").await;
    first.stop().await;
    told("stopped in the middle").await;

    let second = replica().await;
    delivered(&ledger, &database, 3_000, "a restarted consumer goes on where the first one stopped").await;
    second.stop().await;
    told("restarted").await;

    bench.publish(3_000..6_000).await;
    kill_between_commit_and_acknowledgement(&url, &bench.settings()).await;
    let third = replica().await;
    delivered(&ledger, &database, 6_000, "what a killed replica had accepted is delivered by the next one")
        .await;
    told("killed and taken over").await;

    bench.publish(6_000..8_000).await;
    bench.restart_broker().await;
    bench.publish(8_000..EVENTS).await;
    delivered(&ledger, &database, EVENTS, "a restarted broker is found again").await;
    told("broker restarted").await;

    settled(&third, subscription).await;
    bench.replay(&third, subscription).await;
    settled(&third, subscription).await;
    told("replayed").await;
    third.stop().await;
    assert_eq!((ledger.events() as u64, ledger.extra()), (EVENTS, 0), "each event is delivered exactly once");
    assert_eq!(
        database.number("SELECT count(*) FROM events").await as u64,
        EVENTS,
        "each event is stored exactly once"
    );
}

/// Waits until so many different events were delivered.
pub(crate) async fn delivered(ledger: &Ledger, database: &TestDatabase, count: u64, what: &str) {
    let there = async || ledger.events() as u64 >= count;
    let state = async || {
        let stored = database.number("SELECT count(*) FROM events").await;
        let queued = database.number("SELECT count(*) FROM delivery_queue").await;
        let leased = database.number("SELECT count(*) FROM intake_batches").await;
        format!(
            "{} of {count} delivered, {stored} stored, {queued} queued, {leased} batches leased; missing {:?}",
            ledger.events(),
            ledger.missing(count)
        )
    };
    eventually(LIMIT, what, there, state).await;
}

/// Waits until the source says that nothing is left to read, and that it is connected.
async fn settled(replica: &Replica, subscription: Option<SubscriptionId>) {
    let Some(id) = subscription else {
        return tokio::time::sleep(Duration::from_secs(2)).await;
    };
    // A report may be some seconds old; what it says of the time before must not be believed.
    tokio::time::sleep(Duration::from_secs(7)).await;
    let calm = async || {
        let status = replica.status(id).await;
        status.connected && status.lag == Some(0)
    };
    eventually(LIMIT, "connected and nothing left to read", calm, async || {
        format!("{:?}", replica.status(id).await)
    })
    .await;
}
