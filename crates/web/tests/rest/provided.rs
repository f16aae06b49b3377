//! A service that accepts the tokens of an identity provider, and API keys beside them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use callbacks_core::access::key_register::{KeyRequest, issue};
use callbacks_core::access::key_ring::KeyRing;
use callbacks_core::access::role::Role;
use callbacks_core::access::tokens::claim_path::ClaimPath;
use callbacks_core::access::tokens::key_set_keeper::KeySetKeeper;
use callbacks_core::access::tokens::key_set_source::KeySetSource;
use callbacks_core::access::tokens::recognition::TokenReader;
use callbacks_core::access::tokens::settings::{KeySetSettings, TokenSettings};
use callbacks_core::clock::{Clock, SystemClock};
use callbacks_models::store::Store;
use callbacks_testkit::identity_provider::{IdentityProvider, SigningKey};
use callbacks_web::auth::guard::Guard;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::guarded::with_key;
use crate::support::{Answer, Service, bare, json_request};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "callbacks";
/// Requests a second a subject may make.
const PACE: u32 = 20;

pub(crate) struct Provided {
    pub(crate) service: Service,
    pub(crate) provider: IdentityProvider,
    pub(crate) keys: Arc<KeySetKeeper>,
    ring: Arc<KeyRing>,
    store: Arc<Store>,
}

/// Asks the provider as the service does, without the service's way out.
struct Asked(String);

impl KeySetSource for Asked {
    fn fetch(&self) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(async {
            let (host, path) = self.0.trim_start_matches("http://").split_once('/').expect("a URL");
            let mut stream = TcpStream::connect(host).await.map_err(|error| error.to_string())?;
            let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.map_err(|error| error.to_string())?;
            let (head, body) = answer.split_once("\r\n\r\n").ok_or("no head")?;
            if head.starts_with("HTTP/1.1 200") {
                Ok(Bytes::from(body.to_owned()))
            } else {
                Err(head.to_owned())
            }
        })
    }
}

impl Provided {
    /// With a provider that publishes these keys; `tune` changes how they are looked after.
    pub(crate) async fn start(
        pool: PgPool,
        keys: &[&SigningKey],
        tune: impl FnOnce(&mut KeySetSettings),
    ) -> Self {
        let provider = IdentityProvider::start(keys).await;
        let mut settings = KeySetSettings {
            refresh_every: Duration::from_secs(300),
            refresh_floor: Duration::from_secs(1),
            trusted_for: Duration::from_secs(3600),
        };
        tune(&mut settings);
        let source = Arc::new(Asked(provider.jwks_url()));
        let keys = Arc::new(KeySetKeeper::new(source, Arc::new(SystemClock), settings));
        keys.refresh().await;
        let parts = OnceLock::new();
        let service = Service::with_guard(pool, async |store| {
            let ring =
                KeyRing::load(Arc::clone(store), Arc::new(SystemClock), None).await.expect("the keys load");
            let ring = Arc::new(ring);
            let _ = parts.set((Arc::clone(&ring), Arc::clone(store)));
            let (keys, clock) = (Arc::clone(&keys), Arc::new(SystemClock));
            let tokens = Arc::new(TokenReader::new(rules(), keys, Arc::clone(&ring), clock));
            Guard::Tokens { tokens, ring, or_keys: true }
        })
        .await;
        let (ring, store) = parts.into_inner().expect("the guard was made");
        Self { service, provider, keys, ring, store }
    }

    pub(crate) async fn api_key(&self, role: Role, tenant: Option<&str>) -> String {
        let tenant = tenant.map(|tenant| tenant.parse().expect("a tenant id"));
        let request = KeyRequest { name: role.to_string(), role, tenant, expires_at: None };
        let made = issue(&self.store, request, "test").await.expect("a key");
        self.ring.refresh().await.expect("the keys load");
        made.key.expose().to_owned()
    }

    pub(crate) async fn get(&self, credential: &str, path: &str) -> Answer {
        self.service.send(with_key(bare("GET", path), credential)).await
    }

    pub(crate) async fn call(&self, credential: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.service.send(with_key(json_request(method, path, body), credential)).await
    }
}

/// What a token that is good for an hour says.
pub(crate) fn claims(subject: &str, role: &str, tenant: &str) -> Value {
    let now = SystemClock.now().unix_timestamp();
    json!({"iss": ISSUER, "aud": AUDIENCE, "exp": now + 3600, "nbf": now, "sub": subject, "role": role,
        "tenant_id": tenant})
}

fn rules() -> TokenSettings {
    let path = |text| ClaimPath::new(text).expect("a path");
    TokenSettings {
        issuer: ISSUER.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        algorithms: ["RS256", "ES256", "EdDSA"].map(|name| name.parse().expect("an algorithm")).to_vec(),
        leeway: Duration::from_secs(30),
        tenant_claim: path("tenant_id"),
        role_claim: path("role"),
        role_names: Role::ALL.into_iter().map(|role| (role.to_string(), role)).collect(),
        requests_per_second: Some(PACE),
    }
}
