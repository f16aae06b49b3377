//! One engine over one fresh database, with what a test wants to ask of it.

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
use callbacks_core::management::{Management, authorized_domains, callback_configurations};
use callbacks_core::routing::target::TargetDefaults;
use callbacks_interfaces::callback_configuration::CallbackConfiguration;
use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::event::EventAccepted;
use callbacks_interfaces::event_submission::EventSubmission;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use callbacks_models::secret_column::SecretKeyring;
use callbacks_models::store::{Store, StoreSettings};
use callbacks_testkit::scripted_transport::ScriptedTransport;
use serde_json::{Map, Value, json};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

pub(crate) const URL: &str = "http://receiver.test/hook";

/// An engine with its surroundings.
pub(crate) struct House {
    pub(crate) engine: Arc<Engine>,
    pub(crate) transport: Arc<ScriptedTransport>,
    pub(crate) desk: Management,
    pub(crate) pool: PgPool,
    options: PgConnectOptions,
}

/// Settings with short times, so that tests need not wait.
pub(crate) fn settings() -> EngineSettings {
    EngineSettings {
        dispatcher: DispatcherSettings {
            poll_interval: Duration::from_millis(100),
            probe_cool_down: Duration::from_millis(300),
            ..DispatcherSettings::default()
        },
        intake: IntakeSettings::default(),
        worker: WorkerSettings {
            heartbeat: Duration::from_millis(100),
            dead_after: Duration::from_millis(600),
        },
        retention: RetentionSettings::default(),
        defaults: TargetDefaults {
            signature_header: "X-Firefly-Signature".to_owned(),
            retry_max_delay_ms: 60_000,
            retry_jitter: 0.0,
            circuit_breaker: CircuitBreakerPolicy::default(),
            max_in_flight: 64,
        },
        addresses: AddressPolicy::default(),
    }
}

impl House {
    pub(crate) async fn open(options: PgConnectOptions) -> Self {
        Self::with(options, settings()).await
    }

    pub(crate) async fn with(options: PgConnectOptions, settings: EngineSettings) -> Self {
        let transport = Arc::new(ScriptedTransport::default());
        Self::sharing(options, settings, transport).await
    }

    /// Another worker on the same database.
    pub(crate) async fn neighbour(
        &self,
        settings: EngineSettings,
        transport: Arc<ScriptedTransport>,
    ) -> Self {
        Self::sharing(self.options.clone(), settings, transport).await
    }

    async fn sharing(
        options: PgConnectOptions,
        settings: EngineSettings,
        transport: Arc<ScriptedTransport>,
    ) -> Self {
        let keyring = SecretKeyring::new(("test".to_owned(), [7; 32].into()), []).expect("a key");
        let store = Arc::new(Store::with_options(options.clone(), &StoreSettings::default(), keyring));
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy_with(options.clone());
        let addresses = settings.addresses.clone();
        let around = Surroundings {
            store: Arc::clone(&store),
            transport: Arc::clone(&transport),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let engine = Engine::start(settings, around).await.expect("the database answers");
        let desk = Management::new(store, Arc::clone(&engine), addresses);
        Self { engine, transport, desk, pool, options }
    }

    /// A configuration for `order.*` at [`URL`], with `more` laid over it, and its domain.
    pub(crate) async fn configuration(&self, more: Value) -> CallbackConfiguration {
        let mut body = object(json!({ "retryDelayMs": 100, "maxRetries": 2 }));
        body.extend(object(more));
        self.configuration_by_its_profile(Value::Object(body)).await
    }

    /// The same, with the delays and retries of its wire profile.
    pub(crate) async fn configuration_by_its_profile(&self, more: Value) -> CallbackConfiguration {
        self.domain("receiver.test").await;
        let mut body = object(json!({ "name": "orders", "url": URL, "subscribedEventTypes": ["order.*"] }));
        body.extend(object(more));
        callback_configurations::create(&self.desk, &scope(), &body).await.expect("a valid configuration")
    }

    /// Authorizes a domain; a second time is fine.
    pub(crate) async fn domain(&self, name: &str) {
        let body = object(json!({ "domain": name, "verified": true, "requireHttps": false }));
        let _ =
            authorized_domains::create(&self.desk, &scope(), authorized_domains::Verification::OnWord, &body)
                .await;
    }

    pub(crate) async fn patch(&self, id: ConfigurationId, body: Value) {
        callback_configurations::patch(&self.desk, &scope(), id, &object(body))
            .await
            .expect("a valid change");
    }

    pub(crate) async fn read(&self, id: ConfigurationId) -> CallbackConfiguration {
        callback_configurations::get(&self.desk, &scope(), id).await.expect("it exists")
    }

    /// Accepts `{"n": n}` of type `order.created`.
    pub(crate) async fn event(&self, n: usize) -> EventAccepted {
        self.submit(json!({ "type": "order.created", "payload": { "n": n } })).await
    }

    pub(crate) async fn submit(&self, body: Value) -> EventAccepted {
        let submission = EventSubmission::parse(body.to_string().as_bytes()).expect("a valid event");
        let mut accepted =
            self.engine.accept(&TenantId::default_tenant(), vec![submission]).await.expect("accepted");
        accepted.remove(0)
    }

    /// `(attempt, status)` of every execution, oldest first.
    pub(crate) async fn executions(&self) -> Vec<(i16, String)> {
        sqlx::query_as("SELECT attempt, status FROM callback_executions ORDER BY started_at, id")
            .fetch_all(&self.pool)
            .await
            .expect("the table exists")
    }

    /// Waits until there are `count` executions with `status`.
    pub(crate) async fn wait_for(&self, status: &str, count: usize) {
        self.eventually(&format!("{count} executions {status}"), async || {
            self.executions().await.iter().filter(|(_, one)| one == status).count() >= count
        })
        .await;
    }

    /// A number the database answers with.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.expect("a number")
    }

    /// Waits, at most a minute, until something is true.
    pub(crate) async fn eventually(&self, what: &str, truth: impl AsyncFn() -> bool) {
        for _ in 0..1200 {
            if truth().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never happened: {what}; executions: {:?}", self.executions().await);
    }

    /// Waits until nothing is leased and nothing is queued.
    pub(crate) async fn settled(&self) {
        self.eventually("everything settled", async || {
            self.number(
                "SELECT (SELECT count(*) FROM delivery_queue) + (SELECT count(*) FROM intake_batches)",
            )
            .await
                == 0
        })
        .await;
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
