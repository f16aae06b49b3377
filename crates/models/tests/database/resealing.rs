//! Moving stored secrets from one encryption key to the next.

use callbacks_interfaces::domain_policy::DomainPolicy;
use callbacks_interfaces::endpoint_auth::EndpointAuth;
use callbacks_interfaces::event_subscription_draft::EventSubscriptionDraft;
use callbacks_interfaces::secret::SecretText;
use callbacks_models::directory::{SecretState, load_tenants};
use callbacks_models::resealing::{
    SEALED_COLUMNS, SealedColumn, check_keys_across_tenants, remaining_across_tenants,
    reseal_step_across_tenants,
};
use callbacks_models::secret_column::{KeyBytes, SecretKeyring};
use callbacks_models::store::{Store, StoreSettings};
use callbacks_models::tenants::{self, TenantChange};
use callbacks_models::{callback_configurations, event_subscriptions};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::Duration;

use crate::fixture::{Fixture, object, scope, tenant};

fn key(id: &str, byte: u8) -> (String, KeyBytes) {
    (id.to_owned(), [byte; 32].into())
}

fn store(fixture: &Fixture, current: (String, KeyBytes), others: Vec<(String, KeyBytes)>) -> Store {
    let options = (*fixture.pool.connect_options()).clone();
    let ring = SecretKeyring::new(current, others).expect("valid ids");
    Store::with_options(options, &StoreSettings::default(), ring)
}

fn secret(text: &str) -> SecretText {
    SecretText::try_from(text.to_owned()).expect("a secret")
}

/// Something in every encrypted column, of two tenants, written with the fixture's key ("test", of sevens).
async fn fill(fixture: &Fixture) {
    for name in ["left", "right"] {
        let headers = json!({ "secret": "first", "customHeaders": { "X-Token": "token" },
            "endpointAuth": { "type": "BEARER", "token": "bearer" }, "tls": { "caPem": "authority" },
            "wireProfile": "STANDARD_WEBHOOKS", "signatureSchemes": ["STANDARD_WEBHOOKS_ED25519"] });
        let mut draft = crate::fixture::draft(headers);
        draft.signing_key = Some(secret("ed25519-key"));
        let made =
            callback_configurations::create(&fixture.store, &scope(name), &draft).await.expect("creates");
        let day = Duration::from_secs(86_400);
        for (next, next_key) in [("second", "ed25519-next"), ("third", "ed25519-last")] {
            let (next, next_key) = (secret(next), secret(next_key));
            callback_configurations::rotate_secret(
                &fixture.store,
                &scope(name),
                made.id,
                &next,
                &next_key,
                day,
            )
            .await
            .expect("rotates");
        }
        let subscription = json!({
            "name": "orders", "messagingSystemType": "KAFKA", "topicOrQueue": "orders",
            "connectionConfig": { "sasl.password": "broker" }, "consumerProperties": { "sasl.username": "us" },
        });
        let subscription = EventSubscriptionDraft::create(&object(subscription)).expect("valid");
        event_subscriptions::create(&fixture.store, &scope(name), &subscription).await.expect("creates");
        tenants::create(&fixture.store, &tenant(name), None).await.expect("registers");
        let change = TenantChange {
            name: None,
            active: true,
            payload_encryption: true,
            domain_policy: DomainPolicy::default(),
            allowed_networks: Vec::new(),
        };
        tenants::update(&fixture.store, &tenant(name), &change).await.expect("gets a data key");
    }
}

async fn reseal(store: &Store, column: SealedColumn, most: u16) -> (usize, usize) {
    let (mut resealed, mut unreadable, mut after) = (0, 0, None);
    loop {
        let step = reseal_step_across_tenants(store, column, after, most).await.expect("steps");
        resealed += step.resealed;
        unreadable += step.unreadable;
        match step.last {
            Some(last) => after = Some(last),
            None => return (resealed, unreadable),
        }
    }
}

#[sqlx::test(migrator = "callbacks_models::migrate::MIGRATOR")]
async fn every_secret_moves_to_the_current_key_and_stays_the_same(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let fixture = Fixture::new(options).await;
    fill(&fixture).await;
    let versions = "SELECT coalesce(sum(version), 0)::bigint FROM directory_versions";
    let before = fixture.number(versions).await;
    let both = store(&fixture, key("next", 8), vec![key("test", 7)]);
    check_keys_across_tenants(&both).await.expect("both keys are configured");
    for column in SEALED_COLUMNS {
        assert_eq!(
            remaining_across_tenants(&both, *column).await.expect("counts"),
            2,
            "{column:?} is not filled"
        );
        assert_eq!(reseal(&both, *column, 1).await, (2, 0), "{column:?}");
        assert_eq!(remaining_across_tenants(&both, *column).await.expect("counts"), 0, "{column:?}");
        assert_eq!(reseal(&both, *column, 100).await, (0, 0), "{column:?} again");
    }
    assert_eq!(fixture.number(versions).await, before, "no replica has to load anything");

    let next = store(&fixture, key("next", 8), Vec::new());
    check_keys_across_tenants(&next).await.expect("the old key is not needed");
    let parts = load_tenants(&next, &[tenant("left")]).await.expect("loads");
    let target = &parts[0].configurations[0];
    let is = |state: &SecretState, text: &str| matches!(state, SecretState::Ready(found) if found.expose() == text);
    assert!(is(&target.secret, "third") && is(&target.signing_key, "ed25519-last"));
    assert!(is(&target.previous_secret, "second") && is(&target.previous_signing_key, "ed25519-next"));
    assert!(is(&target.older_secret, "first") && is(&target.older_signing_key, "ed25519-key"));
    assert_eq!(target.custom_headers["X-Token"], "token");
    assert!(
        matches!(&target.endpoint_auth, SecretState::Ready(EndpointAuth::Bearer { token }) if token.expose() == "bearer")
    );
    assert!(
        matches!(&target.endpoint_tls, SecretState::Ready(tls) if tls.ca_pem.as_deref() == Some("authority"))
    );
}

#[sqlx::test(migrator = "callbacks_models::migrate::MIGRATOR")]
async fn a_missing_or_wrong_key_is_named(_: PgPoolOptions, options: PgConnectOptions) {
    let fixture = Fixture::new(options).await;
    fill(&fixture).await;
    let missing = store(&fixture, key("next", 8), Vec::new());
    let refused = check_keys_across_tenants(&missing).await.expect_err("not configured").to_string();
    assert!(refused.contains("\"test\", which is not configured"), "{refused}");
    let wrong = store(&fixture, key("test", 9), Vec::new());
    let refused = check_keys_across_tenants(&wrong).await.expect_err("another key").to_string();
    assert!(refused.contains("\"test\" is not the one"), "{refused}");

    // A single text that cannot be read is passed over, and the rest moves.
    let both = store(&fixture, key("next", 8), vec![key("test", 7)]);
    fixture.run("UPDATE callback_configurations SET secret = 'v1:test:AAAA' WHERE tenant_id = 'left'").await;
    let column = SEALED_COLUMNS.iter().find(|one| one.column == "secret").expect("listed");
    assert_eq!(reseal(&both, *column, 1).await, (1, 1));
}

/// Whoever adds an encrypted column finds it here when it is missing in the list.
#[sqlx::test(migrator = "callbacks_models::migrate::MIGRATOR")]
async fn there_is_no_encrypted_column_but_those_listed(_: PgPoolOptions, options: PgConnectOptions) {
    let fixture = Fixture::new(options).await;
    fill(&fixture).await;
    let columns: Vec<(String, String)> = sqlx::query_as(
        r"SELECT table_name::text, column_name::text FROM information_schema.columns
          WHERE table_schema = 'public' AND data_type = 'text' ORDER BY 1, 2",
    )
    .fetch_all(&fixture.pool)
    .await
    .expect("the catalogue answers");
    assert!(columns.len() > 50, "{}", columns.len());
    for (table, column) in columns {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE {column} ~ '^v[0-9]+:[A-Za-z0-9_-]+:[A-Za-z0-9+/=]{{20,}}$'"
        );
        let sealed: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&fixture.pool).await.expect("counts");
        let listed =
            SEALED_COLUMNS.iter().any(|one| (one.table, one.column) == (table.as_str(), column.as_str()));
        assert_eq!(sealed > 0, listed, "{table}.{column}: list it in SEALED_COLUMNS, and fill it here");
    }
}
