//! A closed API, opened with keys made on the command line; two replicas, and a revocation both obey.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};
use url::Url;

use crate::support::api::Api;
use crate::support::database::TestDatabase;
use crate::support::patience::eventually_true;
use crate::support::replica::Replica;

const KEYS_ONLY: (&str, &str) = ("CALLBACKS_SECURITY__AUTHENTICATION", "api-keys");
const PATH: &str = "/api/v1/callback-configurations";

fn callbacks(database: &Url, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_callbacks"))
        .args(arguments)
        .env("CALLBACKS_DATABASE__URL", database.as_str())
        .env("CALLBACKS_SECURITY__ENCRYPTION_KEY", "Y2FsbGJhY2tzLWVuZC10by1lbmQtdGVzdHMta2V5LTE=")
        .output()
        .expect("the binary runs")
}

/// Standard output of a command that succeeds.
fn printed(database: &Url, arguments: &[&str]) -> String {
    let output = callbacks(database, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

async fn status(api: &Api, method: Method, path: &str) -> u16 {
    api.call(method, path, None).await.expect("the service answers").status.as_u16()
}

/// Waits until every replica answers the key so; two seconds are promised.
async fn await_status(replicas: &[&Replica], key: &str, expected: u16) {
    let changed = Instant::now();
    for replica in replicas {
        let api = replica.api().with_key(key);
        let answered = async || status(&api, Method::GET, PATH).await == expected;
        eventually_true(Duration::from_secs(2), "what became of a key", answered).await;
    }
    assert!(changed.elapsed() < Duration::from_secs(2), "{expected} after {:?}", changed.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_open_the_api_until_they_are_revoked() {
    let database = TestDatabase::create().await;
    let url = database.url();
    let first = Replica::start(database.url(), &[KEYS_ONLY]).await;
    let second = Replica::start(database.url(), &[KEYS_ONLY]).await;
    assert_eq!(status(&first.api(), Method::GET, PATH).await, 401);

    let operator = printed(&url, &["keys", "create", "--name", "Ada"]);
    let made = printed(
        &url,
        &["keys", "create", "--role", "tenant-admin", "--tenant", "acme", "--expires-in", "1h", "--json"],
    );
    let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
    let admin = made["key"].as_str().expect("a key");
    for (replica, key) in [(&first, operator.as_str()), (&second, admin)] {
        await_status(&[replica], key, 200).await;
    }
    let operator = first.api().with_key(&operator);
    operator.expect(201, Method::POST, "/api/v1/tenants", Some(&json!({"id": "other"}))).await;
    assert_eq!(status(&second.api().with_key(admin), Method::GET, "/api/v1/tenants").await, 403);

    printed(&url, &["keys", "revoke", made["id"].as_str().expect("an id")]);
    await_status(&[&first, &second], admin, 401).await;
    let listed = printed(&url, &["keys", "list", "--tenant", "acme"]);
    assert!(listed.contains("revoked") && !listed.contains(admin), "{listed}");

    operator.expect(204, Method::DELETE, "/api/v1/tenants/other", None).await;
    let late = callbacks(&url, &["keys", "create", "--role", "tenant-viewer", "--tenant", "other"]);
    let sentence = String::from_utf8_lossy(&late.stderr).into_owned();
    assert!(!late.status.success() && sentence.contains("the tenant other was deleted"), "{sentence}");
    let told = operator.expect(200, Method::GET, "/api/v1/audit-log", None).await;
    let told: Vec<_> =
        told.as_array().expect("entries").iter().map(|one| (&one["operation"], &one["tenantId"])).collect();
    let expected = [
        (json!("DELETE /api/v1/tenants/{id}"), json!("other")),
        (json!("keys revoke"), json!("acme")),
        (json!("POST /api/v1/tenants"), json!("other")),
        (json!("keys create"), json!("acme")),
        (json!("keys create"), json!(null)),
    ];
    assert_eq!(told, expected.iter().map(|(operation, tenant)| (operation, tenant)).collect::<Vec<_>>());
    let verified = printed(&url, &["verify-audit"]);
    assert!(verified.contains("acme") && verified.contains("whole"), "{verified}");
    assert!(
        !callbacks(&url, &["keys", "create", "--role", "tenant-viewer"]).status.success(),
        "a viewer needs a tenant"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_is_switched_off_or_deleted_takes_its_keys_with_it() {
    let database = TestDatabase::create().await;
    let url = database.url();
    let first = Replica::start(database.url(), &[KEYS_ONLY]).await;
    let second = Replica::start(database.url(), &[KEYS_ONLY]).await;
    let operator = printed(&url, &["keys", "create", "--name", "Ada"]);
    await_status(&[&first, &second], &operator, 200).await;
    let operator = first.api().with_key(&operator);
    for (tenant, end) in [("paused", Method::PATCH), ("gone", Method::DELETE)] {
        operator.expect(201, Method::POST, "/api/v1/tenants", Some(&json!({"id": tenant}))).await;
        let key = printed(&url, &["keys", "create", "--role", "tenant-viewer", "--tenant", tenant]);
        await_status(&[&first, &second], &key, 200).await;
        let path = format!("/api/v1/tenants/{tenant}");
        let body = (end == Method::PATCH).then(|| json!({"active": false}));
        let ended = operator.call(end, &path, body.as_ref()).await.expect("the service answers");
        assert!(ended.status.is_success(), "{tenant}: {}", ended.body);
        await_status(&[&first, &second], &key, 401).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_cannot_be_told_of_is_neither_made_nor_revoked() {
    let database = TestDatabase::create().await;
    let url = database.url();
    let made: serde_json::Value =
        serde_json::from_str(&printed(&url, &["keys", "create", "--json"])).expect("JSON");
    let broken = "
        CREATE FUNCTION break_audit() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'the disk of the audit log is on fire'; END $$;
        CREATE TRIGGER break_audit BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION break_audit()";
    let mut connection = PgConnection::connect(url.as_str()).await.expect("connects");
    connection.execute(broken).await.expect("breaks");
    let before = printed(&url, &["keys", "list", "--json"]);
    let id = made["id"].as_str().expect("an id");
    for refused in [&["keys", "create"][..], &["keys", "revoke", id], &["keys", "rotate-encryption"]] {
        let output = callbacks(&url, refused);
        let sentence = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && sentence.contains("on fire"), "{refused:?}: {sentence}");
        assert!(output.stdout.is_empty(), "{refused:?} shows no key");
    }
    assert_eq!(printed(&url, &["keys", "list", "--json"]), before);
}
