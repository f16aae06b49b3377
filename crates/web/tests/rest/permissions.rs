//! Every operation of the OpenAPI document, asked in every role for an own, a foreign and an unknown thing.

use callbacks_core::access::permissions::permits;
use callbacks_core::access::role::Role;
use callbacks_web::auth::route_table::{Door, door};
use callbacks_web::serving::openapi;
use http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::guarded::{Guarded, configuration, domain, subscription};
use crate::support::{Answer, bare, json_request};

/// The things of one tenant, by the first segment of their path.
struct Things {
    ids: Vec<(&'static str, String)>,
    domain: String,
}

/// Method and path of every operation; deleting comes last, and the tenant at the very end, or the others would find
/// nothing.
fn operations() -> Vec<(Method, String)> {
    let document: Value = serde_json::from_str(&openapi::json()).expect("json");
    let paths = document["paths"].as_object().expect("paths");
    let mut found: Vec<(Method, String)> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("operations").keys();
            methods.map(move |method| {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
                (method, path.clone())
            })
        })
        .collect();
    found.sort_by_key(|(method, path)| (*method == Method::DELETE, path == "/api/v1/tenants/{id}"));
    found
}

#[test]
fn every_operation_has_its_door() {
    let offences: Vec<String> = operations()
        .iter()
        .filter(|(method, path)| !matches!(door(method, path), Door::Open | Door::For(_)))
        .map(|(method, path)| format!("{method} {path} needs a line in the route table"))
        .collect();
    assert!(offences.is_empty(), "{}", offences.join("\n"));
    let open: Vec<String> = operations()
        .into_iter()
        .filter(|(method, path)| door(method, path) == Door::Open)
        .map(|(_, path)| path)
        .collect();
    let expected = [
        "/.well-known/callbacks/jwks.json",
        "/actuator/health",
        "/actuator/health/liveness",
        "/actuator/health/readiness",
    ];
    assert_eq!(open, expected);
}

#[sqlx::test(migrations = "../../migrations")]
async fn every_role_may_exactly_what_the_table_says(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let operator = service.key(Role::Operator, None).await;
    let own = things(&service, "tenant-a", "a.example").await;
    let foreign = things(&service, "tenant-b", "b.example").await;
    let unknown = Things { ids: vec![], domain: "c.example".to_owned() };
    let untouched = state_of(&service, &operator, &foreign).await;
    let mut asked = 0;
    for (method, path) in operations() {
        let Door::For(operation) = door(&method, &path) else { continue };
        let nobody = service.service.send(request(&method, &path, &own)).await;
        assert_eq!(nobody.status, 401, "{method} {path}: {}", nobody.text);
        // The operator last: what it deletes, the others could not be refused.
        for role in Role::ALL.into_iter().rev() {
            let key = match role {
                Role::Operator => operator.clone(),
                _ => service.key(role, Some("tenant-a")).await,
            };
            let mine = service.ask(&key, request(&method, &path, &own)).await;
            let label = format!("{role} {method} {path}: {} {}", mine.status, mine.text);
            if permits(role, operation) {
                assert!(mine.status != 401 && mine.status != 403 && mine.status.as_u16() < 500, "{label}");
            } else {
                assert_eq!(mine.status, 403, "{label}");
            }
            if role != Role::Operator && path.contains('{') {
                let theirs = service.ask(&key, request(&method, &path, &foreign)).await;
                let nobodys = service.ask(&key, request(&method, &path, &unknown)).await;
                let seen = shape(&theirs, &parameter(&path, &foreign));
                assert_eq!(
                    (theirs.status, &seen),
                    (nobodys.status, &shape(&nobodys, &parameter(&path, &unknown))),
                    "{role} {method} {path} tells a foreign thing from an unknown one"
                );
                assert!(!seen.contains("tenant-b"), "{seen}");
            }
            asked += 1;
        }
    }
    assert!(asked >= 200, "{asked} cells of the matrix");
    assert_eq!(state_of(&service, &operator, &foreign).await, untouched, "a foreign thing was changed");
}

async fn things(service: &Guarded, tenant: &str, host: &str) -> Things {
    let operator = service.key(Role::Operator, None).await;
    let owned = |mut body: Value| {
        body["tenantId"] = tenant.into();
        body
    };
    let make = async |path: &str, body: Value| service.create(&operator, path, &owned(body)).await;
    let mut hook = configuration();
    hook["url"] = format!("https://{host}/in").into();
    let key = json!({"name": "spare", "role": "tenant-viewer"});
    let domain_id = make("/api/v1/authorized-domains", domain(host)).await;
    let subscription = make("/api/v1/event-subscriptions", subscription()).await;
    let quarantined = quarantined(service, tenant, &subscription).await;
    let configuration = make("/api/v1/callback-configurations", hook).await;
    let event = make("/api/v1/events", json!({"type": "order.created", "payload": {}})).await;
    let execution = execution(service, &operator, &configuration).await;
    let delivery = service.get(&operator, &format!("/api/v1/callback-executions/{execution}")).await;
    let delivery = delivery.json["deliveryId"].as_str().expect("a delivery").to_owned();
    Things {
        ids: vec![
            ("authorized-domains", domain_id),
            ("callback-executions/by-configuration", configuration.clone()),
            ("callback-executions", execution),
            ("deliveries", delivery),
            ("callback-configurations", configuration),
            ("event-subscriptions", subscription),
            ("quarantined-messages", quarantined),
            ("event-types", make("/api/v1/event-types", json!({"name": "order.paid"})).await),
            ("events", event),
            ("api-keys", make("/api/v1/api-keys", key).await),
            ("tenants", tenant.to_owned()),
        ],
        domain: host.to_owned(),
    }
}

/// A message set aside for a subscription.
async fn quarantined(service: &Guarded, tenant: &str, subscription: &str) -> String {
    let subscription: Uuid = subscription.parse().expect("an id");
    service.service.quarantine(tenant, subscription, "0", br#"{ no event"#).await
}

/// The first execution of a configuration, once there is one.
async fn execution(service: &Guarded, operator: &str, configuration: &str) -> String {
    let path = format!("/api/v1/callback-executions/by-configuration/{configuration}");
    for _ in 0..200 {
        let answer = service.get(operator, &path).await;
        if let Some(id) = answer.json[0]["id"].as_str() {
            return id.to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the event of {configuration} was not delivered");
}

/// The path with its parameter filled in.
fn filled(path: &str, of: &Things) -> String {
    let Some((before, rest)) = path.split_once('{') else { return path.to_owned() };
    let (_, after) = rest.split_once('}').expect("a parameter");
    // A second parameter names a thing of the first, and nobody has it.
    let after = after.replace("{replayId}", &Uuid::max().to_string());
    format!("{before}{}{after}", parameter(path, of))
}

/// What stands for the parameter of a path; what the tenant does not have gets an id that nobody has.
fn parameter(path: &str, of: &Things) -> String {
    let Some((before, rest)) = path.split_once('{') else { return String::new() };
    let (name, _) = rest.split_once('}').expect("a parameter");
    let known = of.ids.iter().find(|(resource, _)| before == format!("/api/v1/{resource}/"));
    match (name, known) {
        ("domain", _) => of.domain.clone(),
        (_, Some((_, id))) => id.clone(),
        _ if before.contains("deliveries") => "dlv_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        _ if before.contains("metrics") => "none".to_owned(),
        _ => Uuid::nil().to_string(),
    }
}

fn request(method: &Method, path: &str, of: &Things) -> http::Request<axum::body::Body> {
    let query = match (method.as_str(), path) {
        ("DELETE", "/api/v1/authorized-domains/{id}") => format!("?domain={}", of.domain),
        (_, "/api/v1/authorized-domains/{domain}/verify") => "?verificationMethod=MANUAL".to_owned(),
        (_, "/api/v1/callback-executions/by-status") => "?status=SUCCESS".to_owned(),
        (_, "/api/v1/callback-executions/recent") => format!("?configurationId={}", Uuid::nil()),
        _ => String::new(),
    };
    let target = format!("{}{query}", filled(path, of));
    if method == Method::GET || method == Method::DELETE {
        return bare(method.as_str(), &target);
    }
    json_request(method.as_str(), &target, &body_for(path, of))
}

fn body_for(path: &str, of: &Things) -> Value {
    match path {
        _ if path.ends_with("/filter") => json!({}),
        "/api/v1/events/batch" => json!([{"type": "order.created", "payload": {}}]),
        _ if path.starts_with("/api/v1/events") => json!({"type": "order.created", "payload": {}}),
        _ if path.starts_with("/api/v1/quarantined-messages") => json!({"type": "order.created"}),
        "/api/v1/tenants" => json!({"id": "tenant-c"}),
        _ if path.starts_with("/api/v1/tenants") => json!({"name": "A"}),
        "/api/v1/api-keys" => json!({"name": "k", "role": "tenant-viewer", "tenantId": "tenant-c"}),
        _ if path.ends_with("/secret") => json!({}),
        _ if path.ends_with("/replays") => json!({"from": "2026-01-01T00:00:00Z", "dryRun": true}),
        _ if path.contains("authorized-domains") => domain(&of.domain),
        _ if path.contains("event-subscriptions") => subscription(),
        "/api/v1/event-types/enforcement" => json!({"enforcement": "off"}),
        _ if path.contains("event-types") => json!({"name": "order.shipped"}),
        _ => configuration(),
    }
}

/// An answer without what differs from request to request.
fn shape(answer: &Answer, asked_for: &str) -> String {
    let mut json = answer.json.clone();
    if let Some(members) = json.as_object_mut() {
        for varying in ["timestamp", "requestId", "traceId", "path", "instance"] {
            members.remove(varying);
        }
    }
    json.to_string().replace(asked_for, "ID")
}

/// Everything of a tenant that a stranger could have changed.
async fn state_of(service: &Guarded, operator: &str, of: &Things) -> Vec<Value> {
    let mut views = Vec::new();
    for resource in [
        "authorized-domains",
        "callback-configurations",
        "event-subscriptions",
        "quarantined-messages",
        "event-types",
        "api-keys",
        "tenants",
    ] {
        let path = filled(&format!("/api/v1/{resource}/{{id}}"), of);
        let mut view = service.get(operator, &path).await.json;
        for counted in ["lastUsedAt", "lastSuccessAt", "lastCallbackAt", "totalCallbacks"] {
            view.as_object_mut().expect("a view").remove(counted);
        }
        views.push(view);
    }
    views
}
