//! A deleted tenant: the log tells of it without authentication too, and nothing is taken on for it any more.

use callbacks_core::access::audit_verification::verify_across_tenants;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::guarded::{configuration, domain, subscription};
use crate::support::Service;

const TENANT: &str = "/api/v1/tenants/acme";

/// A service without authentication, whose tenant was deleted.
async fn bereft(pool: PgPool) -> Service {
    let service = Service::start(pool).await;
    assert_eq!(service.post("/api/v1/tenants", &json!({"id": "acme", "name": "Acme"})).await.status, 201);
    let mut hook = configuration();
    hook["tenantId"] = "acme".into();
    assert_eq!(service.post("/api/v1/callback-configurations", &hook).await.status, 201);
    assert_eq!(service.delete(TENANT).await.status, 204);
    service
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_log_survives_and_tells_of_it_without_authentication_too(pool: PgPool) {
    let service = bereft(pool).await;
    for path in ["/api/v1/audit-log", "/api/v1/audit-log?tenantId=acme"] {
        let told = service.get(path).await.json;
        let operations: Vec<&Value> =
            told.as_array().expect("entries").iter().map(|entry| &entry["operation"]).collect();
        let expected =
            ["DELETE /api/v1/tenants/{id}", "POST /api/v1/callback-configurations", "POST /api/v1/tenants"];
        assert_eq!(operations, expected, "{path}");
        let deleted = &told[0];
        assert_eq!((&deleted["actor"], &deleted["role"]), (&json!("unauthenticated"), &json!("operator")));
        assert_eq!((&deleted["tenantId"], &deleted["before"]["name"]), (&json!("acme"), &json!("Acme")));
        assert_eq!((&deleted["after"], &deleted["status"]), (&json!(null), &json!(204)));
    }
    let chains = verify_across_tenants(&service.store()).await.expect("the database answers");
    assert!(chains.iter().all(|chain| chain.fault.is_none()), "{chains:?}");
}

#[sqlx::test(migrations = "../../migrations")]
async fn nothing_is_taken_on_for_it(pool: PgPool) {
    let service = bereft(pool).await;
    let event = json!({"type": "order.created", "payload": {}});
    let types = "/api/v1/event-types";
    for (method, path, body) in [
        ("POST", "/api/v1/events", event.clone()),
        ("POST", "/api/v1/events?phase=before", event.clone()),
        ("POST", "/api/v1/events?wait=1s", event.clone()),
        ("POST", "/api/v1/events/explain", event.clone()),
        ("POST", "/api/v1/callback-configurations", configuration()),
        ("POST", "/api/v1/authorized-domains", domain("hooks.example")),
        ("POST", "/api/v1/event-subscriptions", subscription()),
        ("POST", types, json!({"name": "order.paid"})),
        ("PUT", "/api/v1/event-types/enforcement", json!({"enforcement": "warn"})),
        ("POST", "/api/v1/api-keys", json!({"name": "k", "role": "tenant-viewer"})),
    ] {
        let mut body = body;
        body["tenantId"] = "acme".into();
        let answer = service.call(method, path, &body).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
        let [message] = answer.messages("tenantId")[..] else { panic!("{path}: {}", answer.text) };
        assert!(message.contains("acme") && message.contains("deleted"), "{path}: {message}");
        assert!(message.contains("another"), "{path} names no remedy: {message}");
    }
    let mut named = event;
    named["tenantId"] = "acme".into();
    let batch = service.post("/api/v1/events/batch", &json!([named])).await;
    assert_eq!((batch.status.as_u16(), batch.messages("[0].tenantId").len()), (400, 1), "{}", batch.text);
    for table in ["events", "api_keys", "callback_configurations", "event_types"] {
        let count = format!("SELECT count(*) FROM {table}");
        let rows: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&service.pool).await.expect("a number");
        assert_eq!(rows, 0, "{table}");
    }
    assert_eq!(service.post("/api/v1/events", &json!({"type": "a", "payload": {}})).await.status, 202);
}
