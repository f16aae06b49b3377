//! A service where everybody must show an API key.

use std::sync::{Arc, OnceLock};

use axum::body::Body;
use callbacks_core::access::key_register::{KeyRequest, issue};
use callbacks_core::access::key_ring::KeyRing;
use callbacks_core::access::role::Role;
use callbacks_core::clock::SystemClock;
use callbacks_models::store::Store;
use callbacks_web::auth::guard::Guard;
use http::Request;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::support::{Answer, Service, bare, json_request};

/// A guarded service, and the means to make keys for it.
pub(crate) struct Guarded {
    pub(crate) service: Service,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) store: Arc<Store>,
}

impl Guarded {
    pub(crate) async fn start(pool: PgPool) -> Self {
        Self::paced(pool, None).await
    }

    /// With a limit of requests a second and key.
    pub(crate) async fn paced(pool: PgPool, requests_per_second: Option<u32>) -> Self {
        let parts = OnceLock::new();
        let service = Service::with_guard(pool, async |store| {
            let ring = KeyRing::load(Arc::clone(store), Arc::new(SystemClock), requests_per_second).await;
            let ring = Arc::new(ring.expect("the keys load"));
            let _ = parts.set((Arc::clone(&ring), Arc::clone(store)));
            Guard::ApiKeys(ring)
        })
        .await;
        let (ring, store) = parts.into_inner().expect("the guard was made");
        Self { service, ring, store }
    }

    /// A key, known to this service at once.
    pub(crate) async fn key(&self, role: Role, tenant: Option<&str>) -> String {
        self.key_until(role, tenant, None).await
    }

    pub(crate) async fn key_until(
        &self,
        role: Role,
        tenant: Option<&str>,
        expires_at: Option<OffsetDateTime>,
    ) -> String {
        let tenant = tenant.map(|tenant| tenant.parse().expect("a tenant id"));
        let request = KeyRequest { name: role.to_string(), role, tenant, expires_at };
        let made = issue(&self.store, request, "test").await.expect("a key");
        self.ring.refresh().await.expect("the keys load");
        made.key.expose().to_owned()
    }

    pub(crate) async fn ask(&self, key: &str, request: Request<Body>) -> Answer {
        self.service.send(with_key(request, key)).await
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Answer {
        self.ask(key, bare("GET", path)).await
    }

    pub(crate) async fn call(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.ask(key, json_request(method, path, body)).await
    }

    /// Creates something and answers its id.
    pub(crate) async fn create(&self, key: &str, path: &str, body: &Value) -> String {
        let answer = self.call(key, "POST", path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        let id = answer.json["id"].as_str().or(answer.json["eventId"].as_str());
        id.expect("an id").to_owned()
    }
}

pub(crate) fn with_key(mut request: Request<Body>, key: &str) -> Request<Body> {
    let value = format!("Bearer {key}").parse().expect("a header value");
    request.headers_mut().insert("authorization", value);
    request
}

pub(crate) fn configuration() -> Value {
    json!({"name": "orders", "url": "https://hooks.example/in", "httpMethod": "POST", "status": "ACTIVE",
        "subscribedEventTypes": ["order.*"]})
}

pub(crate) fn domain(name: &str) -> Value {
    json!({"domain": name, "organization": "Example", "verified": true, "verificationMethod": "MANUAL"})
}

pub(crate) fn subscription() -> Value {
    json!({"name": "orders", "messagingSystemType": "KAFKA", "topicOrQueue": "orders", "active": false,
        "connectionConfig": {"bootstrap.servers": "127.0.0.1:1"}})
}
