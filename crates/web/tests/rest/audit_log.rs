//! Every change is told, in a chain that shows when it was tampered with.

use callbacks_core::access::audit_verification::{ChainReport, verify_across_tenants};
use callbacks_core::access::role::Role;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use crate::guarded::{Guarded, configuration};
use crate::support::bare;

const PATH: &str = "/api/v1/callback-configurations";
const LOG: &str = "/api/v1/audit-log";

async fn chain(service: &Guarded, tenant: &str) -> ChainReport {
    let reports = verify_across_tenants(&service.store).await.expect("the database answers");
    reports.into_iter().find(|report| report.tenant_id == tenant).expect("a chain")
}

/// Three changes of one configuration.
async fn changes(service: &Guarded, admin: &str) {
    let mut body = configuration();
    body["secret"] = "whsec_CANARY_7f3a9b".into();
    body["signatureEnabled"] = true.into();
    let id = service.create(admin, PATH, &body).await;
    let path = format!("{PATH}/{id}");
    let patched = service
        .call(admin, "PATCH", &path, &json!({"name": "renamed", "secret": "whsec_CANARY_7f3a9c"}))
        .await;
    assert_eq!(patched.status, 200, "{}", patched.text);
    assert_eq!(service.ask(admin, bare("DELETE", &path)).await.status, 204);
}

#[sqlx::test(migrations = "../../migrations")]
async fn changes_are_told_with_before_and_after(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let admin = service.key(Role::TenantAdmin, Some("tenant-a")).await;
    changes(&service, &admin).await;
    let refused = service.call(&admin, "POST", PATH, &json!({})).await;
    assert_eq!(refused.status, 400, "what was refused changed nothing and is not told");
    let answer = service.get(&admin, LOG).await;
    let entries = answer.json.as_array().expect("entries");
    let told: Vec<&Value> = entries.iter().map(|entry| &entry["operation"]).collect();
    assert_eq!(
        told,
        [
            &json!(format!("DELETE {PATH}/{{id}}")),
            &json!(format!("PATCH {PATH}/{{id}}")),
            &json!(format!("POST {PATH}"))
        ]
    );
    let [deleted, patched, created] = entries.as_slice() else { panic!("{}", answer.text) };
    assert_eq!((&created["before"], &created["after"]["name"]), (&json!(null), &json!("orders")));
    assert_eq!(
        (&patched["before"]["name"], &patched["after"]["name"]),
        (&json!("orders"), &json!("renamed"))
    );
    assert_eq!((&deleted["before"]["name"], &deleted["after"]), (&json!("renamed"), &json!(null)));
    for entry in entries {
        assert_eq!((&entry["tenantId"], &entry["role"]), (&json!("tenant-a"), &json!("tenant-admin")));
        assert!(entry["actor"].as_str().expect("text").starts_with("api-key:"), "{entry}");
    }
    let dump: String = sqlx::query_scalar("SELECT string_agg(a::text, '') FROM audit_log a")
        .fetch_one(&service.service.pool)
        .await
        .expect("text");
    assert!(!dump.contains("CANARY"), "a secret is in the audit log");

    let first = service.get(&admin, &format!("{LOG}?limit=2")).await;
    let next = first.header("link").split(['<', '>']).nth(1).expect("a link").to_owned();
    let rest = service.get(&admin, &next).await;
    assert_eq!(rest.json.as_array().map(Vec::len), Some(1), "{}", rest.text);
    let stranger = service.key(Role::TenantAdmin, Some("tenant-b")).await;
    assert_eq!(service.get(&stranger, LOG).await.json, json!([]));
    let operator = service.key(Role::Operator, None).await;
    assert_eq!(
        service.get(&operator, &format!("{LOG}?tenantId=tenant-a")).await.json.as_array().map(Vec::len),
        Some(3)
    );
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_log_can_only_grow(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let admin = service.key(Role::TenantAdmin, Some("tenant-a")).await;
    changes(&service, &admin).await;
    for sql in ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"] {
        let error = sqlx::query(sql).execute(&service.service.pool).await.expect_err(sql);
        assert!(error.to_string().contains("append-only"), "{sql}: {error}");
    }
    let report = chain(&service, "tenant-a").await;
    assert_eq!((report.entries, report.fault), (3, None));
}

#[sqlx::test(migrations = "../../migrations")]
async fn tampering_shows(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let admin = service.key(Role::TenantAdmin, Some("tenant-a")).await;
    let operator = service.key(Role::Operator, None).await;
    service.create(&operator, "/api/v1/api-keys", &json!({"name": "second", "role": "operator"})).await;
    for (number, tamper) in [
        "UPDATE audit_log SET actor = 'somebody else' WHERE number = 2",
        "UPDATE audit_log SET after = replace(after, 'orders', 'ORDERS') WHERE number = 1",
        "DELETE FROM audit_log WHERE number = 2",
        "DELETE FROM audit_log WHERE number = 3",
        "UPDATE audit_heads SET number = number + 1",
        "DELETE FROM audit_heads",
    ]
    .into_iter()
    .enumerate()
    {
        let tenant = format!("tenant-{number}");
        let own = service.key(Role::TenantAdmin, Some(&tenant)).await;
        changes(&service, &own).await;
        assert_eq!(chain(&service, &tenant).await.fault, None, "{tenant}");
        let clause = if tamper.contains("WHERE") { "AND" } else { "WHERE" };
        for sql in [
            "ALTER TABLE audit_log DISABLE TRIGGER USER".to_owned(),
            format!("{tamper} {clause} tenant_id = '{tenant}'"),
            "ALTER TABLE audit_log ENABLE TRIGGER USER".to_owned(),
        ] {
            sqlx::query(AssertSqlSafe(sql)).execute(&service.service.pool).await.expect("runs");
        }
        assert!(chain(&service, &tenant).await.fault.is_some(), "{tamper} is not noticed");
    }
    changes(&service, &admin).await;
    assert_eq!(chain(&service, "tenant-a").await.fault, None, "other chains are whole");
    let own = chain(&service, "").await;
    assert_eq!((own.entries, own.fault), (1, None), "the service's own chain");
}

#[sqlx::test(migrations = "../../migrations")]
async fn deleting_a_tenant_is_told_and_ends_its_keys(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let operator = service.key(Role::Operator, None).await;
    let admin = service.key(Role::TenantAdmin, Some("tenant-a")).await;
    let neighbour = service.key(Role::TenantAdmin, Some("tenant-b")).await;
    let path = "/api/v1/tenants/tenant-a";
    for role in [&admin, &neighbour] {
        assert_eq!(service.call(role, "DELETE", path, &json!({})).await.status, 403, "operators only");
    }
    assert_eq!(service.call(&operator, "DELETE", path, &json!({})).await.status, 204);
    assert_eq!(service.get(&admin, "/api/v1/callback-configurations").await.status, 401, "its keys are gone");
    assert_eq!(service.get(&neighbour, "/api/v1/callback-configurations").await.status, 200);
    let told = service.get(&operator, "/api/v1/audit-log").await;
    assert_eq!(told.json[0]["operation"], "DELETE /api/v1/tenants/{id}", "{}", told.text);
    assert_eq!(told.json[0]["before"]["id"], "tenant-a");
    assert_eq!(told.json[0]["after"], serde_json::Value::Null);
}
