use std::time::Duration;

use callbacks_interfaces::callback_configuration::CallbackStatus;
use callbacks_interfaces::configuration_draft::ConfigurationDraft;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::callback_configurations::{create, delete, get, replace, rotate_secret};
use callbacks_models::configuration_status::{
    mark_failed, pause_automatically, probe_again, reactivate, set_hold,
};
use callbacks_models::delivery_queue::claim;
use callbacks_models::directory::{SecretState, load_tenants};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::fixture::{Fixture, draft, object, scope, tenant};

const MINUTE: Duration = Duration::from_secs(60);

fn full() -> Value {
    json!({
        "description": "all of it", "httpMethod": "PUT", "subscribedEventTypes": ["order.*", "user.created"],
        "customHeaders": {"X-Team": "a", "X-Api-Key": "t0ken"}, "secret": "s3cr3t", "signatureEnabled": true,
        "signatureHeader": "X-Sig", "maxRetries": 5, "retryDelayMs": 250, "retryBackoffMultiplier": 1.5,
        "timeoutMs": 5000, "filterExpression": "a=b", "metadata": {"k": [1, null]}, "failureThreshold": 7,
        "maxInFlight": 9, "maxPerSecond": 11, "allowedDomains": ["example.com"], "pausedDeliveries": "SKIP",
        "retryPolicy": {"type": "LINEAR", "delayMs": 500}, "circuitBreaker": {"mode": "CONSECUTIVE"},
        "createdBy": "me", "endpointAuth": {"type": "BEARER", "token": "t0ken"}, "tls": {"caPem": "t0ken"},
    })
}

#[sqlx::test(migrations = "../../migrations")]
async fn every_field_survives(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let wanted = draft(full());
    let created = create(&db.store, &scope("acme"), &wanted).await.expect("creates");
    assert_eq!(created.tenant_id, tenant("acme"));
    assert_eq!(created.custom_headers, wanted.custom_headers);
    assert_eq!(created.retry_policy, wanted.retry_policy);
    assert_eq!(created.circuit_breaker, wanted.circuit_breaker);
    assert_eq!(created.metadata, wanted.metadata);
    assert_eq!(created.subscribed_event_types, ["order.*", "user.created"]);
    assert_eq!((created.max_in_flight, created.max_per_second), (Some(9), Some(11)));
    assert_eq!(
        (created.http_method, created.paused_deliveries),
        (wanted.http_method, wanted.paused_deliveries)
    );
    assert_eq!(created.allowed_domains, wanted.allowed_domains);
    assert!(created.secret_configured && created.endpoint_auth_configured && created.tls_configured);
    let read = get(&db.store, &scope("acme"), created.id).await.expect("reads");
    assert_eq!(read.as_ref(), Some(&created));
}

#[sqlx::test(migrations = "../../migrations")]
async fn nothing_secret_is_stored_in_the_clear(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    db.configuration("acme", full()).await;
    let row = "SELECT count(*) FROM callback_configurations c WHERE c::text ~ 's3cr3t|t0ken'";
    assert_eq!(db.number(row).await, 0);
    assert_eq!(
        db.number("SELECT count(*) FROM callback_configurations WHERE secret LIKE 'v1:test:%'").await,
        1
    );
}

#[sqlx::test(migrations = "../../migrations")]
async fn other_tenants_see_and_change_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let mine = db.configuration("acme", json!({})).await;
    let other = scope("other");
    assert_eq!(get(&db.store, &other, mine.id).await.expect("reads"), None);
    assert_eq!(replace(&db.store, &other, mine.id, &draft(json!({"name": "x"}))).await.expect("runs"), None);
    assert!(!delete(&db.store, &other, mine.id).await.expect("runs"));
    let secret = SecretText::try_from("new".to_owned()).expect("valid");
    assert_eq!(
        rotate_secret(&db.store, &other, mine.id, &secret, &secret, MINUTE).await.expect("runs"),
        None
    );
    assert_eq!(get(&db.store, &TenantScope::All, mine.id).await.expect("reads"), Some(mine));
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_operator_names_the_tenant_or_gets_the_default(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let named =
        create(&db.store, &TenantScope::All, &draft(json!({"tenantId": "acme"}))).await.expect("creates");
    assert_eq!(named.tenant_id, tenant("acme"));
    let unnamed = create(&db.store, &TenantScope::All, &draft(json!({}))).await.expect("creates");
    assert_eq!(unnamed.tenant_id, tenant("default"));
}

#[sqlx::test(migrations = "../../migrations")]
async fn replacing_keeps_clears_or_sets_the_secret(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let id = db.configuration("acme", full()).await.id;
    let change = async |body: Value| {
        let existing = get(&db.store, &scope("acme"), id).await.expect("reads").expect("is there");
        let changed = ConfigurationDraft::patched(&existing, &object(body)).expect("valid");
        replace(&db.store, &scope("acme"), id, &changed).await.expect("replaces").expect("is there")
    };
    let now = change(json!({"name": "renamed"})).await;
    assert_eq!((now.name.as_str(), now.secret_configured), ("renamed", true));
    assert_eq!(secret_of(&db).await.as_deref(), Some("s3cr3t"));
    change(json!({"secret": "other"})).await;
    assert_eq!(secret_of(&db).await.as_deref(), Some("other"));
    let now = change(json!({"secret": null, "signatureEnabled": false})).await;
    assert!(!now.secret_configured);
    assert_eq!(now.created_by.as_deref(), Some("me"));
}

async fn secret_of(db: &Fixture) -> Option<String> {
    let part = load_tenants(&db.store, &[tenant("acme")]).await.expect("loads").remove(0);
    match &part.configurations[0].secret {
        SecretState::Ready(secret) => Some(secret.expose().to_owned()),
        SecretState::None | SecretState::Unreadable => None,
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_rotated_secret_signs_beside_the_new_one(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let id = db.configuration("acme", json!({})).await.id;
    let rotate = async |text: &str| {
        let secret = SecretText::try_from(text.to_owned()).expect("valid");
        rotate_secret(&db.store, &scope("acme"), id, &secret, &secret, MINUTE).await.expect("rotates")
    };
    assert_eq!(rotate("one").await, Some(None));
    assert!(rotate("two").await.flatten().is_some());
    let part = load_tenants(&db.store, &[tenant("acme")]).await.expect("loads").remove(0);
    let target = &part.configurations[0];
    let (SecretState::Ready(current), SecretState::Ready(previous)) =
        (&target.secret, &target.previous_secret)
    else {
        panic!("both must be readable: {target:?}");
    };
    assert_eq!((current.expose(), previous.expose()), ("two", "one"));
    db.run("UPDATE callback_configurations SET previous_secret_expires_at = now()").await;
    let part = load_tenants(&db.store, &[tenant("acme")]).await.expect("loads").remove(0);
    assert!(matches!(part.configurations[0].previous_secret, SecretState::None));
}

#[sqlx::test(migrations = "../../migrations")]
async fn three_secrets_sign_after_two_rotations_and_no_more_after_three(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let db = Fixture::new(options).await;
    let id = db.configuration("acme", json!({})).await.id;
    let rotate = async |text: &str| {
        let secret = SecretText::try_from(text.to_owned()).expect("valid");
        rotate_secret(&db.store, &scope("acme"), id, &secret, &secret, MINUTE).await.expect("rotates")
    };
    let signing = async || {
        let part = load_tenants(&db.store, &[tenant("acme")]).await.expect("loads").remove(0);
        let target = part.configurations.into_iter().next().expect("one configuration");
        let until = [target.previous_secret_expires_at, target.older_secret_expires_at];
        let secrets = [target.secret, target.previous_secret, target.older_secret].map(|state| match state {
            SecretState::Ready(secret) => secret.expose().to_owned(),
            SecretState::None | SecretState::Unreadable => "-".to_owned(),
        });
        (secrets.join(" "), until)
    };
    rotate("one").await;
    let first_day = rotate("two").await.flatten().expect("one signs beside two");
    let second_day = rotate("three").await.flatten().expect("two signs beside three");
    assert_eq!(signing().await, ("three two one".to_owned(), [Some(second_day), Some(first_day)]));
    rotate("four").await;
    assert_eq!(signing().await.0, "four three two");
    db.run("UPDATE callback_configurations SET older_secret_expires_at = now()").await;
    assert_eq!(signing().await.0, "four three -");
    db.run("UPDATE callback_configurations SET previous_secret_expires_at = now()").await;
    rotate("five").await;
    assert_eq!(signing().await.0, "five four -", "what signs no more is not kept");
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_engines_transitions(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let (store, acme) = (&db.store, tenant("acme"));
    let id = db.configuration("acme", json!({})).await.id;
    let status = async || get(store, &scope("acme"), id).await.expect("reads").expect("is there").status;
    assert!(!reactivate(store, &acme, id).await.expect("runs"), "nothing to reactivate");
    assert!(!probe_again(store, &acme, id, MINUTE).await.expect("runs"), "no probe is due");
    assert!(!pause_automatically(store, &acme, id, MINUTE).await.expect("runs"), "a success came in between");
    db.run("UPDATE configuration_state SET failure_count = 10").await;
    assert!(!pause_automatically(store, &tenant("other"), id, MINUTE).await.expect("runs"));
    assert!(pause_automatically(store, &acme, id, MINUTE).await.expect("pauses"));
    assert!(!pause_automatically(store, &acme, id, MINUTE).await.expect("runs"), "paused already");
    assert!(probe_again(store, &acme, id, MINUTE).await.expect("counts"));
    let waiting =
        "SELECT failed_probes::bigint FROM configuration_state WHERE probe_at > now() + interval '50 s'";
    assert_eq!(db.number(waiting).await, 1);
    assert_eq!(status().await, CallbackStatus::Paused);
    assert!(reactivate(store, &acme, id).await.expect("reactivates"));
    assert_eq!(status().await, CallbackStatus::Active);
    assert!(set_hold(store, &acme, id, MINUTE).await.expect("holds"));
    assert!(!set_hold(store, &acme, id, MINUTE / 2).await.expect("runs"), "never shorter");
    assert!(mark_failed(store, &acme, id).await.expect("fails"));
    assert_eq!(status().await, CallbackStatus::Failed);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_person_s_change_of_status_ends_the_service_s_pause(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let created = db.configuration("acme", json!({})).await;
    db.run("UPDATE configuration_state SET failure_count = 10, hold_until = now() + interval '1 hour'").await;
    assert!(pause_automatically(&db.store, &created.tenant_id, created.id, MINUTE).await.expect("pauses"));
    let active = draft(json!({}));
    let resumed =
        replace(&db.store, &scope("acme"), created.id, &active).await.expect("runs").expect("is there");
    assert_eq!((resumed.status, resumed.failure_count), (CallbackStatus::Active, 0));
    let clean = "SELECT count(*) FROM configuration_state WHERE probe_at IS NULL AND hold_until IS NULL";
    assert_eq!(db.number(clean).await, 1);
}

#[sqlx::test(migrations = "../../migrations")]
async fn deleting_ends_its_deliveries_and_keeps_its_executions(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let id = db.configuration("acme", json!({})).await.id;
    let kept = db.configuration("acme", json!({})).await.id;
    db.queue("acme", id, 3).await;
    db.queue("acme", kept, 1).await;
    claim(&db.store, db.worker, &[(id, 1)]).await.expect("claims");
    assert!(delete(&db.store, &scope("acme"), id).await.expect("deletes"));
    assert_eq!(get(&db.store, &scope("acme"), id).await.expect("reads"), None);
    let skipped = "SELECT count(*) FROM callback_executions
                   WHERE status = 'SKIPPED' AND error_message = 'The configuration was deleted'";
    assert_eq!(db.number(skipped).await, 2);
    assert_eq!(db.number("SELECT count(*) FROM delivery_queue WHERE leased_by IS NOT NULL").await, 1);
    assert_eq!(db.number("SELECT count(*) FROM delivery_queue").await, 2);
    assert_eq!(db.number("SELECT count(*) FROM configuration_state").await, 1);
}
