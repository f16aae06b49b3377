//! The service as a test sees it: a router over a database of its own, with an engine whose endpoints always answer 200.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use callbacks_core::clock::SystemClock;
use callbacks_core::delivery::settings::DispatcherSettings;
use callbacks_core::delivery::transport::{Outcome, PhaseTimings, Transport, WireRequest, WireResponse};
use callbacks_core::engine::{Engine, EngineSettings, Surroundings};
use callbacks_core::entropy::SystemEntropy;
use callbacks_core::gates::address_policy::AddressPolicy;
use callbacks_core::intake::settings::IntakeSettings;
use callbacks_core::maintenance::WorkerSettings;
use callbacks_core::maintenance::retention::RetentionSettings;
use callbacks_core::management::Management;
use callbacks_core::routing::target::TargetDefaults;
use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::quarantined_messages::{self, NewQuarantined};
use callbacks_models::secret_column::SecretKeyring;
use callbacks_models::store::{Store, StoreSettings};
use callbacks_web::auth::guard::Guard;
use callbacks_web::serving::router::router;
use callbacks_web::state::{AppState, RequestLimits};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use sqlx::PgPool;
use tower::ServiceExt;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Every endpoint of the world: answers 200 to everything.
struct Obliging;

impl Transport for Obliging {
    async fn send(&self, _request: WireRequest) -> Outcome {
        Outcome::Response(WireResponse {
            status: 200,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"ok"),
            truncated: false,
            timings: PhaseTimings::default(),
        })
    }
}

/// A running service.
pub(crate) struct Service {
    router: Router,
    /// A way to the database past the service.
    pub(crate) pool: PgPool,
    store: Arc<Store>,
    state: AppState,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    /// A header as text, empty if absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The messages of the errors about one field.
    pub(crate) fn messages(&self, field: &str) -> Vec<&str> {
        let errors = self.json["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().filter(|e| e["field"] == field).filter_map(|e| e["message"].as_str()).collect()
    }
}

impl Service {
    /// Starts one on the test's database.
    pub(crate) async fn start(pool: PgPool) -> Self {
        Self::with_guard(pool, async |_| Guard::Open).await
    }

    /// Starts one with limits of the test's choice.
    pub(crate) async fn with_limits(pool: PgPool, limits: RequestLimits) -> Self {
        Self::built(pool, limits, async |_| Guard::Open).await
    }

    /// Starts one with a guard at the door.
    pub(crate) async fn with_guard(pool: PgPool, guard: impl AsyncFnOnce(&Arc<Store>) -> Guard) -> Self {
        Self::built(pool, RequestLimits::default(), guard).await
    }

    async fn built(
        pool: PgPool,
        limits: RequestLimits,
        guard: impl AsyncFnOnce(&Arc<Store>) -> Guard,
    ) -> Self {
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        let store = Arc::new(store_over(&pool));
        let around = Surroundings {
            store: Arc::clone(&store),
            transport: Arc::new(Obliging),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let engine = Engine::start(settings(), around).await.expect("the engine starts");
        let management = Management::new(Arc::clone(&store), engine, AddressPolicy::default());
        let metrics = Arc::new(|| "# TYPE a_total counter\na_total 1\n".to_owned());
        let guard = guard(&store).await;
        let state = AppState::guarded(management, metrics, limits, guard);
        let router = router(state.clone());
        Self { router, pool, store, state }
    }

    /// What the handlers share.
    pub(crate) fn state(&self) -> AppState {
        self.state.clone()
    }

    /// Sets a message of a subscription aside, as a consumer does; answers its id.
    pub(crate) async fn quarantine(
        &self,
        tenant: &str,
        subscription: Uuid,
        position: &str,
        value: &[u8],
    ) -> String {
        let message = NewQuarantined {
            tenant: TenantId::owner(tenant).expect("a tenant id"),
            subscription: subscription.into(),
            topic: "orders".to_owned(),
            partition: "0".to_owned(),
            position: position.to_owned(),
            reason: "the value is not JSON".to_owned(),
            message_at: None,
            key: Some(b"k".to_vec()),
            content_type: None,
            headers: serde_json::json!({"region": "eu", "Authorization": "Bearer canary"}),
            payload: Some(value.to_vec()),
            payload_size: value.len() as i64,
        };
        assert_eq!(quarantined_messages::insert(&self.store, &[message]).await.expect("stored"), 1);
        let newest =
            "SELECT id FROM quarantined_messages WHERE subscription_id = $1 ORDER BY id DESC LIMIT 1";
        let id: Uuid =
            sqlx::query_scalar(newest).bind(subscription).fetch_one(&self.pool).await.expect("it is there");
        id.to_string()
    }

    /// The way to the database through the models.
    pub(crate) fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// Takes the API's connections to the database away.
    pub(crate) async fn close_database(&self) {
        self.store.close().await;
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, text, json }
    }

    /// Sends JSON.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(json_request(method, path, body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(bare("GET", path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(bare("DELETE", path)).await
    }
}

/// A request without a body.
pub(crate) fn bare(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).expect("a request")
}

/// A request with a JSON body.
pub(crate) fn json_request(method: &str, path: &str, body: &Value) -> Request<Body> {
    raw_request(method, path, "application/json", body.to_string())
}

/// A request with any body.
pub(crate) fn raw_request(
    method: &str,
    path: &str,
    content_type: &str,
    body: impl Into<Body>,
) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content_type)
        .body(body.into())
        .expect("a request")
}

fn store_over(pool: &PgPool) -> Store {
    let keyring = SecretKeyring::new(("test".to_owned(), Zeroizing::new([7; 32])), []).expect("a keyring");
    Store::with_options((*pool.connect_options()).clone(), &StoreSettings::default(), keyring)
}

fn settings() -> EngineSettings {
    EngineSettings {
        dispatcher: DispatcherSettings::default(),
        intake: IntakeSettings::default(),
        worker: WorkerSettings::default(),
        retention: RetentionSettings::default(),
        defaults: TargetDefaults {
            signature_header: "X-Firefly-Signature".to_owned(),
            retry_max_delay_ms: 60_000,
            retry_jitter: 0.0,
            circuit_breaker: CircuitBreakerPolicy::default(),
            max_in_flight: 16,
        },
        addresses: AddressPolicy::default(),
    }
}
