use callbacks_interfaces::authorized_domain_draft::AuthorizedDomainDraft;
use callbacks_models::authorized_domains::{
    Proof, UNIQUE_DOMAIN, create, delete, get, replace, set_proven, verify,
};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::fixture::{Fixture, object, scope};

fn draft(extra: Value) -> AuthorizedDomainDraft {
    let mut body = object(json!({"domain": "Example.com"}));
    body.extend(object(extra));
    AuthorizedDomainDraft::create(&body).expect("a valid draft")
}

#[sqlx::test(migrations = "../../migrations")]
async fn life_of_a_domain(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let acme = scope("acme");
    let full = draft(json!({
        "organization": "Acme", "contactEmail": "a@example.com", "allowedPaths": ["/hooks"], "ipWhitelist": ["10.0.0.0/8"],
        "maxCallbacksPerMinute": 5, "requireHttps": false, "notes": "n", "metadata": {"a": 1}, "authorizedBy": "me",
        "expiresAt": "2030-01-01T00:00:00Z",
    }));
    let created = create(&db.store, &acme, &full, "token-1").await.expect("creates");
    assert_eq!((created.domain.as_str(), created.verified), ("example.com", false));
    assert_eq!(
        (created.allowed_paths.clone(), created.expires_at),
        (full.allowed_paths.clone(), full.expires_at)
    );
    assert_eq!(get(&db.store, &acme, created.id).await.expect("reads"), Some(created.clone()));

    assert!(!verify(&db.store, &scope("other"), "example.com", "DNS").await.expect("runs"));
    assert!(verify(&db.store, &acme, "example.com", "DNS").await.expect("verifies"));
    let same = replace(&db.store, &acme, created.id, &draft(json!({})), "token-2")
        .await
        .expect("runs")
        .expect("is there");
    assert_eq!((same.verified, same.verification_method.as_deref()), (true, Some("DNS")));
    assert_eq!(same.verification_token.as_deref(), Some("token-1"), "the token stays with the name");
    assert_eq!(same.organization, None);
    let proof =
        Proof { domain: "example.com", token: "token-1", method: "CLOUDEVENTS", granted: Some(Some(60)) };
    assert!(set_proven(&db.store, &created.tenant_id, created.id, proof).await.expect("runs"));
    let again = Proof { method: "HTTP", granted: None, ..proof };
    assert!(set_proven(&db.store, &created.tenant_id, created.id, again).await.expect("runs"));
    let proven = get(&db.store, &acme, created.id).await.expect("reads").expect("is there");
    assert_eq!(
        (proven.granted_callbacks_per_minute, proven.verification_method.as_deref()),
        (Some(60), Some("HTTP")),
        "what was granted stays until the endpoint is asked again"
    );
    let other_name = draft(json!({"domain": "example.org"}));
    let renamed = replace(&db.store, &acme, created.id, &other_name, "token-3").await;
    let renamed = renamed.expect("runs").expect("is there");
    assert_eq!((renamed.verified, renamed.verified_at, renamed.verification_method), (false, None, None));
    assert_eq!(
        (renamed.verification_token.as_deref(), renamed.granted_callbacks_per_minute),
        (Some("token-3"), None),
        "the proof of one name is none of another"
    );
    let proof = Proof { domain: "example.org", token: "token-1", method: "DNS_TXT", granted: None };
    assert!(
        !set_proven(&db.store, &created.tenant_id, created.id, proof).await.expect("runs"),
        "the old token proves nothing"
    );

    assert!(!delete(&db.store, &scope("other"), created.id).await.expect("runs"));
    assert!(delete(&db.store, &acme, created.id).await.expect("deletes"));
    assert_eq!(get(&db.store, &acme, created.id).await.expect("reads"), None);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_tenant_names_a_domain_once(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    create(&db.store, &scope("acme"), &draft(json!({})), "token-2").await.expect("creates");
    let error = create(&db.store, &scope("acme"), &draft(json!({})), "token-2").await.expect_err("twice");
    assert!(error.violates(UNIQUE_DOMAIN), "{error}");
    create(&db.store, &scope("other"), &draft(json!({})), "token-2").await.expect("another tenant may");
}
