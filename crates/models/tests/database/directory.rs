use std::time::Duration;

use callbacks_interfaces::configuration_draft::ConfigurationDraft;
use callbacks_models::callback_configurations::{delete, replace};
use callbacks_models::configuration_status::set_hold;
use callbacks_models::directory::{SecretState, load_tenants, versions_across_tenants};
use callbacks_models::notify::{DIRECTORY_CHANNEL, Listener};
use callbacks_models::settlement::{ConfigurationDelta, settle};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::fixture::{Fixture, draft, object, scope, tenant};

async fn version(db: &Fixture, of: &str) -> Option<i64> {
    let versions = versions_across_tenants(&db.store).await.expect("reads");
    versions.into_iter().find(|(name, _)| name.as_str() == of).map(|(_, version)| version)
}

#[sqlx::test(migrations = "../../migrations")]
async fn every_change_and_nothing_else_raises_the_version(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    assert_eq!(version(&db, "acme").await, None);
    let created = db.configuration("acme", json!({})).await;
    let mut last = version(&db, "acme").await;
    assert!(last.is_some());
    let mut grew = async |what: &str| {
        let now = version(&db, "acme").await;
        assert!(now > last, "{what}: {now:?} after {last:?}");
        last = now;
    };
    replace(&db.store, &scope("acme"), created.id, &draft(json!({"name": "b"}))).await.expect("replaces");
    grew("replace").await;
    set_hold(&db.store, &created.tenant_id, created.id, Duration::from_secs(9)).await.expect("holds");
    grew("hold").await;
    db.run("INSERT INTO authorized_domains (id, tenant_id, domain) VALUES (gen_random_uuid(), 'acme', 'a.example')").await;
    grew("domain").await;
    db.run("DELETE FROM authorized_domains").await;
    grew("no domain").await;

    let before = version(&db, "acme").await;
    let counted = [ConfigurationDelta {
        configuration_id: created.id,
        tenant: tenant("acme"),
        failures: 1,
        succeeded: false,
        failed: true,
    }];
    settle(&db.store, db.worker, &[], &[], &counted, &[]).await.expect("settles");
    db.configuration("other", json!({})).await;
    assert_eq!(version(&db, "acme").await, before);
    delete(&db.store, &scope("acme"), created.id).await.expect("deletes");
    assert!(version(&db, "acme").await > before);
}

#[sqlx::test(migrations = "../../migrations")]
async fn changes_are_notified(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let mut listener = Listener::new(&db.store, DIRECTORY_CHANNEL);
    listener.heard().await; // connected
    let silence = tokio::time::timeout(Duration::from_millis(200), listener.heard()).await;
    assert!(silence.is_err());
    db.configuration("acme", json!({})).await;
    tokio::time::timeout(Duration::from_secs(5), listener.heard()).await.expect("is heard");
}

#[sqlx::test(migrations = "../../migrations")]
async fn only_the_asked_tenants_are_loaded(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let mine = db.configuration("acme", json!({"customHeaders": {"A": "b"}, "maxRetries": 2})).await;
    db.configuration("other", json!({})).await;
    db.run("INSERT INTO authorized_domains (id, tenant_id, domain) VALUES (gen_random_uuid(), 'acme', '*.example.com')").await;
    db.run("INSERT INTO authorized_domains (id, tenant_id, domain) VALUES (gen_random_uuid(), 'acme', 'not a domain')").await;
    let parts = load_tenants(&db.store, &[tenant("acme"), tenant("unknown")]).await.expect("loads");
    assert_eq!(parts.len(), 2);
    let part = parts.iter().find(|part| part.tenant == tenant("acme")).expect("is there");
    assert_eq!(Some(part.version), version(&db, "acme").await);
    let target = &part.configurations[0];
    assert_eq!((target.id, target.max_retries, target.timeout), (mine.id, 2, Duration::from_secs(30)));
    assert_eq!(target.custom_headers.get("A").map(String::as_str), Some("b"));
    assert_eq!(part.domains.len(), 1, "what cannot be read authorizes nothing");
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_unreadable_row_keeps_no_other_away(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let signed = json!({"secret": "s", "signatureEnabled": true});
    for name in ["good", "moved secret", "bad url"] {
        let mut body = object(json!({
            "name": name, "url": "https://example.com", "httpMethod": "POST", "status": "ACTIVE", "subscribedEventTypes": ["*"],
        }));
        body.extend(object(signed.clone()));
        let draft = ConfigurationDraft::create(&body).expect("valid");
        callbacks_models::callback_configurations::create(&db.store, &scope("acme"), &draft)
            .await
            .expect("creates");
    }
    db.run("UPDATE callback_configurations SET url = 'gopher://x' WHERE name = 'bad url'").await;
    db.run(
        "UPDATE callback_configurations SET secret = (SELECT secret FROM callback_configurations WHERE name = 'good')
         WHERE name = 'moved secret'",
    )
    .await;
    let part = load_tenants(&db.store, &[tenant("acme")]).await.expect("loads").remove(0);
    assert_eq!((part.configurations.len(), part.defective.len()), (2, 1));
    let state = |name: &str| {
        part.configurations.iter().find(|target| target.name == name).map(|target| &target.secret)
    };
    assert!(matches!(state("good"), Some(SecretState::Ready(_))));
    assert!(matches!(state("moved secret"), Some(SecretState::Unreadable)));
}
