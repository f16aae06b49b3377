//! One replica of the service without its web floor: an engine and its sources.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use callbacks_core::clock::SystemClock;
use callbacks_core::delivery::settings::DispatcherSettings;
use callbacks_core::engine::{Engine, EngineSettings, Surroundings};
use callbacks_core::entropy::SystemEntropy;
use callbacks_core::gates::address_policy::AddressPolicy;
use callbacks_core::intake::settings::IntakeSettings;
use callbacks_core::maintenance::WorkerSettings;
use callbacks_core::maintenance::retention::RetentionSettings;
use callbacks_core::management::{
    Management, authorized_domains, callback_configurations, event_subscriptions,
};
use callbacks_core::routing::target::TargetDefaults;
use callbacks_core::sources::event_source::OpenSource;
use callbacks_core::sources::settings::SupervisorSettings;
use callbacks_core::sources::supervisor::{Sources, SupervisorSurroundings};
use callbacks_ingress::registry::opener;
use callbacks_ingress::settings::SourcesSettings;
use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::event_subscription::EventSubscription;
use callbacks_interfaces::ids::SubscriptionId;
use callbacks_interfaces::subscription_status::SubscriptionStatus;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::migrate::migrate;
use callbacks_models::secret_column::SecretKeyring;
use callbacks_models::store::{Store, StoreSettings};
use serde_json::{Map, Value, json};

use crate::ledger::Ledger;

const URL: &str = "http://receiver.test/hook";

/// A running replica.
pub(crate) struct Replica {
    pub(crate) desk: Management,
    engine: Arc<Engine>,
    sources: Sources,
}

/// The service-wide brokers of the suite.
pub(crate) fn service_wide() -> SourcesSettings {
    SourcesSettings { kafka_properties: BTreeMap::new(), ..SourcesSettings::default() }
}

/// The way to the real brokers.
pub(crate) fn real(settings: SourcesSettings) -> OpenSource {
    opener(settings, Arc::new(SystemClock))
}

impl Replica {
    /// Starts one over a database, delivering to a ledger.
    pub(crate) async fn start(database: &str, ledger: &Ledger, open: OpenSource) -> Self {
        // `RUST_LOG=info … -- --nocapture` shows what happens; a second one is not needed.
        let _first = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let keyring = SecretKeyring::new(("test".to_owned(), [7; 32].into()), []).expect("a key");
        let settings = StoreSettings { url: database.to_owned(), ..StoreSettings::default() };
        let store = Arc::new(Store::connect(&settings, keyring).await.expect("the database answers"));
        migrate(&store).await.expect("a fresh database can be migrated");
        let around = Surroundings {
            store: Arc::clone(&store),
            transport: Arc::new(ledger.clone()),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let engine = Engine::start(engine_settings(), around).await.expect("the database answers");
        let desk = Management::new(Arc::clone(&store), Arc::clone(&engine), AddressPolicy::default());
        let around = SupervisorSurroundings {
            engine: Arc::clone(&engine),
            store,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            open,
        };
        let sources = Sources::start(SupervisorSettings::default(), around);
        Self { desk, engine, sources }
    }

    /// Stops as SIGTERM does: sources first, then the engine.
    pub(crate) async fn stop(self) {
        assert!(self.sources.stop(Duration::from_secs(20)).await, "sources stop in time");
        self.engine.drain(Duration::from_secs(10)).await;
    }

    /// Something to deliver to.
    pub(crate) async fn add_endpoint(&self) {
        let domain = object(json!({ "domain": "receiver.test", "verified": true, "requireHttps": false }));
        authorized_domains::create(&self.desk, &scope(), authorized_domains::Verification::OnWord, &domain)
            .await
            .expect("a domain");
        let body = object(
            json!({ "name": "all", "url": URL, "subscribedEventTypes": ["order.*"], "maxInFlight": 256 }),
        );
        callback_configurations::create(&self.desk, &scope(), &body).await.expect("a configuration");
    }

    /// A subscription.
    pub(crate) async fn subscribe(&self, body: Value) -> EventSubscription {
        event_subscriptions::create(&self.desk, &scope(), &object(body)).await.expect("a valid subscription")
    }

    /// Changes a subscription.
    pub(crate) async fn change(&self, id: SubscriptionId, body: Value) {
        event_subscriptions::patch(&self.desk, &scope(), id, &object(body)).await.expect("a valid change");
    }

    pub(crate) async fn status(&self, id: SubscriptionId) -> SubscriptionStatus {
        event_subscriptions::status(&self.desk, &scope(), id).await.expect("it exists")
    }
}

fn engine_settings() -> EngineSettings {
    EngineSettings {
        dispatcher: DispatcherSettings {
            poll_interval: Duration::from_millis(100),
            ..DispatcherSettings::default()
        },
        intake: IntakeSettings::default(),
        worker: WorkerSettings { heartbeat: Duration::from_millis(300), dead_after: Duration::from_secs(3) },
        retention: RetentionSettings::default(),
        defaults: TargetDefaults {
            signature_header: "X-Firefly-Signature".to_owned(),
            retry_max_delay_ms: 60_000,
            retry_jitter: 0.0,
            circuit_breaker: CircuitBreakerPolicy::default(),
            max_in_flight: 256,
        },
        addresses: AddressPolicy::default(),
    }
}

pub(crate) fn scope() -> TenantScope {
    TenantScope::All
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("not an object: {other}"),
    }
}
