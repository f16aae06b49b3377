//! A change and the entry that tells of it: both are there, or neither is.

use axum::body::Body;
use callbacks_core::access::audit_verification::verify_across_tenants;
use callbacks_core::access::role::Role;
use callbacks_web::serving::openapi;
use futures::future::join_all;
use http::{Method, Request};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgPool};
use uuid::Uuid;

use crate::guarded::{Guarded, configuration, domain, subscription};
use crate::support::{bare, json_request};

/// Operations that read although they are sent with a body, and those that send events: these are kept themselves.
const NO_CHANGE: [&str; 5] = [
    "/api/v1/events",
    "/api/v1/events/batch",
    "/api/v1/events/explain",
    "/api/v1/callback-configurations/{id}/test",
    "/_webhooks/test-fire",
];

/// From now on no entry can be written, until the trigger is dropped.
const BROKEN_LOG: &str = "
    CREATE OR REPLACE FUNCTION break_audit() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the disk of the audit log is on fire'; END $$;
    CREATE TRIGGER break_audit BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION break_audit()";
const MENDED_LOG: &str = "DROP TRIGGER break_audit ON audit_log";

/// Every row management writes, as one hash. What the engine does by the way (a key's last use, deliveries of the
/// configuration that is not paused) is left out.
const ROWS: &str = "
    SELECT md5(string_agg(row_text, ' ' ORDER BY row_text)) FROM (
        SELECT to_jsonb(t)::text FROM callback_configurations t
        UNION ALL SELECT to_jsonb(t)::text FROM authorized_domains t
        UNION ALL SELECT to_jsonb(t)::text FROM event_subscriptions t
        UNION ALL SELECT to_jsonb(t)::text FROM event_types t
        UNION ALL SELECT to_jsonb(t)::text FROM event_type_enforcement t
        UNION ALL SELECT to_jsonb(t)::text FROM quarantined_messages t
        UNION ALL SELECT to_jsonb(t)::text FROM replays t
        UNION ALL SELECT to_jsonb(t)::text FROM tenants t
        UNION ALL SELECT to_jsonb(t)::text FROM audit_log t
        UNION ALL SELECT to_jsonb(t)::text FROM audit_heads t
        UNION ALL SELECT (to_jsonb(t) - 'last_used_at')::text FROM api_keys t
        UNION ALL SELECT to_jsonb(t)::text FROM delivery_queue t
            JOIN callback_configurations c ON c.id = t.configuration_id AND c.status = 'PAUSED'
    ) AS every_row (row_text)";

/// Every operation that changes something; what deletes comes last, and the tenant at the very end.
fn changing_operations() -> Vec<(Method, String)> {
    let document: Value = serde_json::from_str(&openapi::json()).expect("json");
    let mut found: Vec<(Method, String)> = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let reads = method == Method::GET || path.ends_with("/filter");
            if !reads && !NO_CHANGE.contains(&path.as_str()) {
                found.push((method, path.clone()));
            }
        }
    }
    found.sort_by_key(|(method, path)| (*method == Method::DELETE, path == "/api/v1/tenants/{id}"));
    found
}

/// Things of one tenant that every operation can be asked for.
struct Things {
    configuration: String,
    domain: String,
    subscription: String,
    quarantined: Vec<String>,
    event: String,
    execution: String,
    /// Waits, since its configuration is paused.
    delivery: String,
    replay: String,
    key: String,
}

impl Things {
    async fn make(service: &Guarded, operator: &str) -> Self {
        let make = async |path: &str, mut body: Value| {
            body["tenantId"] = "acme".into();
            service.create(operator, &format!("/api/v1/{path}"), &body).await
        };
        service.create(operator, "/api/v1/tenants", &json!({"id": "doomed"})).await;
        let domain = make("authorized-domains", domain("hooks.example")).await;
        let subscription = make("event-subscriptions", subscription()).await;
        let configuration_id = make("callback-configurations", configuration()).await;
        make("event-types", json!({"name": "order.paid"})).await;
        let event = make("events", json!({"type": "order.created", "payload": {}})).await;
        let execution = soon(service, operator, "callback-executions", &configuration_id).await["id"].clone();
        let mut paused = configuration();
        paused["status"] = "PAUSED".into();
        let paused = make("callback-configurations", paused).await;
        make("events", json!({"type": "order.created", "payload": {}})).await;
        let delivery = soon(service, operator, "deliveries", &paused).await["id"].clone();
        let replay = Uuid::now_v7();
        let sql = "INSERT INTO replays (id, tenant_id, configuration_id, accepted_from, accepted_to, per_second, next_page_at)
                   SELECT $1, tenant_id, id, now(), now(), 1, 'infinity' FROM callback_configurations WHERE id = $2";
        let configured: Uuid = configuration_id.parse().expect("an id");
        sqlx::query(sql)
            .bind(replay)
            .bind(configured)
            .execute(&service.service.pool)
            .await
            .expect("a replay");
        let mut quarantined = Vec::new();
        for position in ["0", "1"] {
            let of = subscription.parse().expect("an id");
            quarantined.push(service.service.quarantine("acme", of, position, br#"{"a":1}"#).await);
        }
        let text = |value: Value| value.as_str().expect("an id").to_owned();
        Self {
            configuration: configuration_id,
            domain,
            subscription,
            quarantined,
            event,
            execution: text(execution),
            delivery: text(delivery),
            replay: replay.to_string(),
            key: make("api-keys", json!({"name": "spare", "role": "tenant-viewer"})).await,
        }
    }

    /// A request that would be carried out.
    fn request(&self, method: &Method, path: &str) -> Request<Body> {
        let id = match path.split('/').nth(3).unwrap_or_default() {
            "callback-configurations" => &self.configuration,
            "authorized-domains" => &self.domain,
            "event-subscriptions" => &self.subscription,
            "quarantined-messages" => &self.quarantined[usize::from(path.ends_with("discard"))],
            "events" => &self.event,
            "callback-executions" => &self.execution,
            "deliveries" => &self.delivery,
            "api-keys" => &self.key,
            _ => "doomed",
        };
        let target = path
            .replace("{replayId}", &self.replay)
            .replace("{domain}", "hooks.example")
            .replace("{name}", "order.paid")
            .replace("{id}", id);
        let query = match (method.as_str(), path) {
            ("DELETE", "/api/v1/authorized-domains/{id}") => "?domain=hooks.example",
            (_, "/api/v1/authorized-domains/{domain}/verify") => "?verificationMethod=MANUAL",
            _ => "",
        };
        let target = format!("{target}{query}");
        if method == Method::DELETE {
            return bare("DELETE", &target);
        }
        json_request(method.as_str(), &target, &body(method, path))
    }
}

fn body(method: &Method, path: &str) -> Value {
    match (method.as_str(), path) {
        ("PATCH", "/api/v1/authorized-domains/{id}") => json!({"notes": "changed"}),
        ("PATCH", "/api/v1/tenants/{id}") => json!({"name": "changed"}),
        ("PATCH", _) => json!({"description": "changed"}),
        ("POST", "/api/v1/authorized-domains") => domain("new.example"),
        ("PUT", "/api/v1/authorized-domains/{id}") => domain("hooks.example"),
        (_, "/api/v1/event-subscriptions" | "/api/v1/event-subscriptions/{id}") => subscription(),
        ("POST", "/api/v1/event-types") => json!({"name": "order.new"}),
        ("PUT", "/api/v1/event-types/enforcement") => json!({"enforcement": "warn"}),
        ("PUT", "/api/v1/event-types/{name}") => json!({"name": "order.paid", "description": "replaced"}),
        (_, "/api/v1/tenants") => json!({"id": "newcomer"}),
        (_, "/api/v1/api-keys") => json!({"name": "k", "role": "tenant-viewer", "tenantId": "acme"}),
        (_, "/_webhooks/subscriptions") => {
            json!({"topic": "order.new", "url": "https://hooks.example/new", "secret": "s3cr3t"})
        }
        _ if path.ends_with("/replays") => json!({"from": "2026-01-01T00:00:00Z"}),
        // Of no configuration: the event is taken in before the message is settled, and is kept itself.
        _ if path.starts_with("/api/v1/quarantined-messages") => json!({"type": "parcel.sent"}),
        (_, "/api/v1/callback-configurations" | "/api/v1/callback-configurations/{id}") => configuration(),
        _ => json!({}),
    }
}

/// The first of a configuration, once there is one.
async fn soon(service: &Guarded, operator: &str, resource: &str, configuration: &str) -> Value {
    for _ in 0..200 {
        let path = format!("/api/v1/{resource}?configurationId={configuration}");
        let mut found = service.get(operator, &path).await.json;
        if found[0]["id"].is_string() {
            return found[0].take();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no {resource} of {configuration}");
}

async fn rows(pool: &PgPool) -> String {
    sqlx::query_scalar(AssertSqlSafe(ROWS)).fetch_one(pool).await.expect("a hash")
}

async fn entries(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM audit_log").fetch_one(pool).await.expect("a number")
}

async fn assert_whole(service: &Guarded) {
    for chain in verify_across_tenants(&service.store).await.expect("the database answers") {
        assert_eq!(chain.fault, None, "the chain of {:?}", chain.tenant_id);
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_cannot_be_told_is_not_done(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let pool = &service.service.pool;
    let operator = service.key(Role::Operator, None).await;
    let things = Things::make(&service, &operator).await;
    let operations = changing_operations();
    assert!(operations.len() >= 35, "{} operations", operations.len());
    for (method, path) in operations {
        let label = format!("{method} {path}");
        pool.execute(BROKEN_LOG).await.expect("breaks");
        let before = rows(pool).await;
        let refused = service.ask(&operator, things.request(&method, &path)).await;
        assert!(refused.status.is_server_error(), "{label}: {} {}", refused.status, refused.text);
        assert_eq!(rows(pool).await, before, "{label} changed something untold");
        pool.execute(MENDED_LOG).await.expect("mends");

        let told = entries(pool).await;
        let done = service.ask(&operator, things.request(&method, &path)).await;
        assert!(done.status.is_success(), "{label}: {} {}", done.status, done.text);
        assert_eq!(entries(pool).await, told + 1, "{label} is told once");
        let newest = service.get(&operator, "/api/v1/audit-log?limit=1").await.json[0].take();
        assert_eq!(newest["operation"], label, "{newest}");
        assert_eq!(newest["status"], done.status.as_u16(), "{newest}");
    }
    assert_whole(&service).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_is_not_committed_is_not_told(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let admin = service.key(Role::TenantAdmin, Some("acme")).await;
    let id = service.create(&admin, "/api/v1/callback-configurations", &configuration()).await;
    let path = format!("/api/v1/callback-configurations/{id}");
    let late = "
        CREATE FUNCTION fail_late() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'refused at commit'; END $$;
        CREATE CONSTRAINT TRIGGER fail_late AFTER UPDATE ON callback_configurations
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_late()";
    service.service.pool.execute(late).await.expect("a trigger");
    let before = rows(&service.service.pool).await;
    let failed = service.call(&admin, "PATCH", &path, &json!({"name": "renamed"})).await;
    assert!(failed.status.is_server_error(), "{}", failed.text);
    assert_eq!(rows(&service.service.pool).await, before);
    service.service.pool.execute("DROP TRIGGER fail_late ON callback_configurations").await.expect("drops");
    let done = service.call(&admin, "PATCH", &path, &json!({"name": "renamed"})).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let told = service.get(&admin, "/api/v1/audit-log").await.json;
    assert_eq!(told.as_array().map(Vec::len), Some(2), "{told}");
    assert_eq!((&told[0]["number"], &told[0]["after"]["name"]), (&json!(2), &json!("renamed")));
    assert_whole(&service).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn changes_at_the_same_time_are_told_one_after_the_other(pool: PgPool) {
    const CHANGES: usize = 50;
    let service = Guarded::start(pool).await;
    let admin = service.key(Role::TenantAdmin, Some("acme")).await;
    let id = service.create(&admin, "/api/v1/callback-configurations", &configuration()).await;
    let path = format!("/api/v1/callback-configurations/{id}");
    let one = async |number: usize| match number % 2 {
        0 => service.call(&admin, "PATCH", &path, &json!({"name": format!("name {number}")})).await,
        _ => service.call(&admin, "POST", "/api/v1/callback-configurations", &configuration()).await,
    };
    for answer in join_all((0..CHANGES).map(one)).await {
        assert!(answer.status.is_success(), "{}", answer.text);
    }
    let told = service.get(&admin, "/api/v1/audit-log?limit=500").await.json;
    let told = told.as_array().expect("entries");
    assert_eq!(told.len(), CHANGES + 1);
    // Newest first, by number as by time; and each change of the one configuration starts from what the last one left.
    let mut name = json!("orders");
    for (number, entry) in (1..).zip(told.iter().rev()) {
        assert_eq!(entry["number"], number, "{entry}");
        if entry["operation"].as_str().is_some_and(|operation| operation.starts_with("PATCH")) {
            assert_eq!(entry["before"]["name"], name, "{entry}");
            name = entry["after"]["name"].clone();
        }
    }
    assert_whole(&service).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_repeated_request_is_told_once(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let operator = service.key(Role::Operator, None).await;
    for _ in 0..2 {
        let mut request = json_request("POST", "/api/v1/tenants", &json!({"id": "acme"}));
        request.headers_mut().insert("x-idempotency-key", "once".parse().expect("a value"));
        assert_eq!(service.ask(&operator, request).await.status, 201);
    }
    let key = json!({"name": "k", "role": "tenant-viewer", "tenantId": "acme"});
    let key = service.create(&operator, "/api/v1/api-keys", &key).await;
    for path in [format!("/api/v1/api-keys/{key}"), "/api/v1/tenants/acme".to_owned()] {
        for _ in 0..2 {
            assert_eq!(service.ask(&operator, bare("DELETE", &path)).await.status, 204);
        }
    }
    let told = service.get(&operator, "/api/v1/audit-log").await.json;
    let told: Vec<&Value> =
        told.as_array().expect("entries").iter().map(|entry| &entry["operation"]).collect();
    let expected = [
        "DELETE /api/v1/tenants/{id}",
        "DELETE /api/v1/api-keys/{id}",
        "POST /api/v1/api-keys",
        "POST /api/v1/tenants",
    ];
    assert_eq!(told, expected);
}
