//! The tenant comes from the credential, whatever else a request says.

use callbacks_core::access::role::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::guarded::{Guarded, configuration, domain, subscription, with_key};
use crate::support::bare;

const PATH: &str = "/api/v1/callback-configurations";

#[sqlx::test(migrations = "../../migrations")]
async fn another_tenant_cannot_be_named(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let admin = service.key(Role::TenantAdmin, Some("tenant-a")).await;
    let foreign = |mut body: Value| {
        body["tenantId"] = "tenant-b".into();
        body
    };
    for (path, body) in [
        (PATH, foreign(configuration())),
        ("/api/v1/authorized-domains", foreign(domain("b.example"))),
        ("/api/v1/event-subscriptions", foreign(subscription())),
        ("/api/v1/events", foreign(json!({"type": "order.created", "payload": {}}))),
        ("/api/v1/events/batch", json!([foreign(json!({"type": "order.created", "payload": {}}))])),
        ("/api/v1/events/explain", foreign(json!({"type": "order.created", "payload": {}}))),
    ] {
        let answer = service.call(&admin, "POST", path, &body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json["code"]),
            (403, &json!("FORBIDDEN")),
            "{path}: {}",
            answer.text
        );
    }
    for table in ["callback_configurations", "authorized_domains", "event_subscriptions", "events"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&service.service.pool)
            .await
            .expect("a number");
        assert_eq!(rows, 0, "{table}");
    }
    let own = service.call(&admin, "POST", PATH, &configuration()).await;
    assert_eq!((own.status.as_u16(), &own.json["tenantId"]), (201, &json!("tenant-a")), "{}", own.text);
    let mine = service.call(&admin, "POST", "/api/v1/authorized-domains", &domain("a.example")).await;
    assert_eq!((mine.status.as_u16(), &mine.json["verified"]), (201, &json!(false)), "{}", mine.text);
}

#[sqlx::test(migrations = "../../migrations")]
async fn no_way_of_asking_shows_foreign_rows(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let (a, b) = (
        service.key(Role::TenantAdmin, Some("tenant-a")).await,
        service.key(Role::TenantAdmin, Some("tenant-b")).await,
    );
    let own = service.create(&a, PATH, &configuration()).await;
    let foreign = service.create(&b, PATH, &configuration()).await;
    service.create(&b, "/api/v1/authorized-domains", &domain("b.example")).await;
    service.create(&b, "/api/v1/event-subscriptions", &subscription()).await;
    service.create(&b, "/api/v1/events", &json!({"type": "order.created", "payload": {}, "id": "b-1"})).await;

    let mut spoofed = with_key(bare("GET", PATH), &a);
    spoofed.headers_mut().insert("x-tenant-id", "tenant-b".parse().expect("a value"));
    spoofed.headers_mut().insert("x-original-url", format!("{PATH}/{foreign}").parse().expect("a value"));
    let listed = service.service.send(spoofed).await;
    assert_eq!((listed.status.as_u16(), &listed.json["totalElements"]), (200, &json!(1)), "{}", listed.text);
    assert_eq!(listed.json["content"][0]["id"], own.as_str());

    let mut cached = with_key(bare("GET", &format!("{PATH}/{foreign}")), &a);
    cached.headers_mut().insert("if-none-match", "*".parse().expect("a value"));
    assert_eq!(service.service.send(cached).await.status, 404);
    for (path, status) in [
        (format!("{PATH}/{foreign}?tenantId=tenant-b&tenantId=tenant-a"), vec![404]),
        (format!("{PATH}/{}", foreign.to_uppercase()), vec![404]),
        (format!("{PATH}/urn:uuid:{foreign}"), vec![400, 404]),
        (format!("{PATH}/{own}%2f..%2f{foreign}"), vec![400, 404]),
        (format!("{PATH}/{own}/../{foreign}"), vec![400, 404]),
        ("/api/v1/events/b-1".to_owned(), vec![404]),
    ] {
        let answer = service.get(&a, &path).await;
        assert!(status.contains(&answer.status.as_u16()), "{path}: {} {}", answer.status, answer.text);
        assert!(!answer.text.contains("hooks.example"), "{}", answer.text);
    }
    for path in [
        "/api/v1/authorized-domains",
        "/api/v1/event-subscriptions",
        "/api/v1/callback-executions",
        "/api/v1/callback-executions/pending-retries",
        "/api/v1/deliveries",
        "/api/v1/events",
        "/api/v1/events?tenantId=tenant-b",
        "/api/v1/audit-log?tenantId=tenant-b",
        &format!("{PATH}?tenantId=tenant-b"),
    ] {
        let answer = service.get(&a, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert!(!answer.text.contains("tenant-b"), "{path}: {}", answer.text);
    }
    let filtered = service
        .call(&a, "POST", &format!("{PATH}/filter"), &json!({"filters": {"tenantId": "tenant-b"}}))
        .await;
    assert_eq!(
        (filtered.status.as_u16(), &filtered.json["totalElements"]),
        (200, &json!(0)),
        "{}",
        filtered.text
    );
}
