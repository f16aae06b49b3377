//! An engine that reads a scripted broker, as the catalogue's entries about messages need it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbacks_core::clock::SystemClock;
use callbacks_core::entropy::SystemEntropy;
use callbacks_core::management::authorized_domains::{self as domains, Verification};
use callbacks_core::management::{callback_configurations, event_subscriptions};
use callbacks_core::sources::message::SourceMessage;
use callbacks_core::sources::settings::{OwnOutbox, SupervisorSettings};
use callbacks_core::sources::supervisor::{Sources, SupervisorSurroundings};
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::secret_column::SecretKeyring;
use callbacks_models::store::{Store, StoreSettings};
use callbacks_testkit::hostile_corpus::Entry;
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::house::{House, URL, object};
use crate::scripted_broker::{ScriptedBroker, message};

/// The operator's.
pub(crate) const ALL: TenantScope = TenantScope::All;
/// No message may hold others up for longer, unless its entry says otherwise.
const BLOCKED_MOST: Duration = Duration::from_secs(5);

/// An engine with its sources. Each entry has a topic and a tenant of its own.
pub(crate) struct Scene {
    pub(crate) house: House,
    broker: Arc<ScriptedBroker>,
    pub(crate) sources: Sources,
}

impl Scene {
    pub(crate) async fn set(options: PgConnectOptions) -> Self {
        let house = House::open(options.clone()).await;
        let broker = ScriptedBroker::new(house.pool.clone());
        let keyring = SecretKeyring::new(("test".to_owned(), [7; 32].into()), []).expect("a key");
        let around = SupervisorSurroundings {
            engine: Arc::clone(&house.engine),
            store: Arc::new(Store::with_options(options, &StoreSettings::default(), keyring)),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            open: broker.opener(),
        };
        let settings = SupervisorSettings { own_outbox: OwnOutbox::Leave, ..SupervisorSettings::default() };
        let sources = Sources::start(settings, around);
        Self { house, broker, sources }
    }

    /// A subscription of the entry's topic, for a tenant or (`*`) shared.
    pub(crate) async fn subscribe(&self, entry: &Entry, tenant: &str) {
        let system = entry.input["source"].as_str().unwrap_or("kafka").to_uppercase();
        let body =
            json!({"name": "n", "messagingSystemType": system, "topicOrQueue": entry.id, "tenantId": tenant});
        event_subscriptions::create(&self.house.desk, &ALL, &object(body)).await.expect("a subscription");
    }

    /// An endpoint of a tenant that takes everything.
    pub(crate) async fn configure(&self, tenant: &str) -> ConfigurationId {
        let domain =
            json!({"domain": "receiver.test", "verified": true, "requireHttps": false, "tenantId": tenant});
        domains::create(&self.house.desk, &ALL, Verification::OnWord, &object(domain))
            .await
            .expect("a domain");
        let body = json!({"name": "n", "url": URL, "subscribedEventTypes": ["*"], "tenantId": tenant});
        let made = callback_configurations::create(&self.house.desk, &ALL, &object(body)).await;
        made.expect("a configuration").id
    }

    /// Delivers a message, and then a good one, which must not wait for it.
    pub(crate) async fn deliver(&self, entry: &Entry, message: SourceMessage) {
        let most = entry.expected_number("partition_blocked_max_s").map_or(BLOCKED_MOST, Duration::from_secs);
        let (took, stored) = self.broker.deliver(message).await;
        assert!(took < most, "{}: the partition was blocked for {took:?}", entry.id);
        assert!(stored > 0, "{}: acknowledged before anything was stored", entry.id);
    }

    /// `(event id, UUID)` of the topic's events.
    pub(crate) async fn events(&self, entry: &Entry) -> Vec<(Option<String>, Option<Uuid>)> {
        sqlx::query_as("SELECT event_id, source_event_id FROM events WHERE source = $1 ORDER BY id")
            .bind(&entry.id)
            .fetch_all(&self.house.pool)
            .await
            .expect("the table exists")
    }

    /// Why messages of the topic were quarantined.
    pub(crate) async fn quarantined(&self, entry: &Entry) -> Vec<String> {
        sqlx::query_scalar("SELECT reason FROM quarantined_messages WHERE topic = $1 ORDER BY position")
            .bind(&entry.id)
            .fetch_all(&self.house.pool)
            .await
            .expect("the table exists")
    }

    pub(crate) fn dials(&self, tenant: &str) -> u64 {
        let sent = self.house.transport.sent();
        sent.iter().filter(|request| request.destination.tenant.as_str() == tenant).count() as u64
    }

    /// The message goes to quarantine, and a good one after it is accepted; answers with the reason.
    pub(crate) async fn sets_aside(&self, entry: &Entry, hostile: SourceMessage, good: Value) -> String {
        assert_eq!(entry.verdict(), "quarantine", "{}", entry.id);
        for _ in 0..2 {
            self.deliver(entry, hostile.clone()).await;
        }
        self.deliver(entry, at(entry, 99, &good)).await;
        assert_eq!(self.events(entry).await.len(), 1, "{}: the good one alone is an event", entry.id);
        let mut reasons = self.quarantined(entry).await;
        assert_eq!(reasons.len(), 1, "{}: kept once, however often it comes: {reasons:?}", entry.id);
        format!("quarantined: {}", reasons.remove(0))
    }

    /// The message comes so often, and is one event; answers with its ids.
    pub(crate) async fn accepts_once(
        &self,
        entry: &Entry,
        message: SourceMessage,
        times: usize,
    ) -> (String, Uuid) {
        assert_eq!(entry.verdict(), "accept", "{}", entry.id);
        for _ in 0..times {
            self.deliver(entry, message.clone()).await;
        }
        let mut events = self.events(entry).await;
        assert_eq!((events.len(), self.quarantined(entry).await.len()), (1, 0), "{}: {events:?}", entry.id);
        let (id, uuid) = events.remove(0);
        (id.expect("an id"), uuid.expect("a UUID"))
    }
}

pub(crate) fn at(entry: &Entry, position: u64, payload: &Value) -> SourceMessage {
    message(&entry.id, position, Some(payload.to_string().into()))
}

pub(crate) fn raw(entry: &Entry, payload: impl Into<Bytes>) -> SourceMessage {
    message(&entry.id, 1, Some(payload.into()))
}

pub(crate) fn order(more: Value) -> Value {
    let mut payload = object(json!({"eventType": "order.created"}));
    payload.extend(object(more));
    payload.into()
}
