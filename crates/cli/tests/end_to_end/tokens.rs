//! An API opened by the tokens of an identity provider, whose keys are fetched over HTTP and change.

use std::time::Duration;

use callbacks_core::clock::{Clock, SystemClock};
use callbacks_testkit::identity_provider::{IdentityProvider, SigningKey};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::database::TestDatabase;
use crate::support::patience::eventually_true;
use crate::support::replica::Replica;

const PATH: &str = "/api/v1/callback-configurations";

fn claims(subject: &str, group: &str, tenant: Option<&str>) -> Value {
    let now = SystemClock.now().unix_timestamp();
    json!({"iss": "https://id.example", "aud": "callbacks", "exp": now + 600, "sub": subject,
        "groups": ["staff", group], "org": {"id": tenant}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_open_the_api_and_the_audit_log_names_their_subjects() {
    let (first, second) = (SigningKey::rs256("first"), SigningKey::ed25519("second"));
    let provider = IdentityProvider::start(&[&first]).await;
    let database = TestDatabase::create().await;
    let url = provider.jwks_url();
    let replica = Replica::start(
        database.url(),
        &[
            ("CALLBACKS_SERVER__HOST", "127.0.0.1"),
            ("CALLBACKS_SECURITY__AUTHENTICATION", "jwt"),
            ("CALLBACKS_SECURITY__JWT__ISSUER", "https://id.example"),
            ("CALLBACKS_SECURITY__JWT__AUDIENCES", "callbacks"),
            ("CALLBACKS_SECURITY__JWT__JWKS_URL", &url),
            ("CALLBACKS_SECURITY__JWT__JWKS_REFRESH_FLOOR_MS", "1000"),
            ("CALLBACKS_SECURITY__JWT__TENANT_CLAIM", "org.id"),
            ("CALLBACKS_SECURITY__JWT__ROLE_CLAIM", "groups"),
            ("CALLBACKS_SECURITY__JWT__ROLE_NAMES", "hook-admins=tenant-admin,hook-ops=operator"),
        ],
    )
    .await;
    let call = async |token: &str, path: &str| {
        replica.api().with_key(token).call(Method::GET, path, None).await.expect("an answer").status.as_u16()
    };
    let ada = first.sign(&claims("ada@example.com", "hook-admins", Some("acme")));
    eventually_true(Duration::from_secs(5), "the keys are fetched", async || call(&ada, PATH).await == 200)
        .await;
    let body = json!({"name": "n", "url": "https://hooks.example/in", "subscribedEventTypes": ["*"]});
    let made = replica.api().with_key(&ada).expect(201, Method::POST, PATH, Some(&body)).await;
    assert_eq!(made["tenantId"], "acme");
    assert_eq!(call(&first.sign(&claims("bob", "staff", Some("acme"))), PATH).await, 403, "no role");
    assert_eq!(call("cbk_0199c0de00007000800000000000000000_00", PATH).await, 401, "keys are not taken here");

    provider.publish(&[&second]);
    let root = second.sign(&claims("root", "hook-ops", None));
    let rotated = async || call(&root, "/metrics").await == 200;
    eventually_true(Duration::from_secs(5), "the new key is asked for", rotated).await;
    assert_eq!(call(&ada, PATH).await, 401, "the old key is gone");
    let log = replica.api().with_key(&root).expect(200, Method::GET, "/api/v1/audit-log", None).await;
    assert!(log.to_string().contains("jwt:ada@example.com"), "{log}");
}
