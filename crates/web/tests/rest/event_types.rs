//! The catalogue of event types, and what it keeps out.

use callbacks_core::access::role::Role;
use http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::guarded::Guarded;
use crate::support::{Service, bare, json_request};

const PATH: &str = "/api/v1/event-types";
const ENFORCEMENT: &str = "/api/v1/event-types/enforcement";

fn order_created() -> Value {
    json!({
        "name": "order.created",
        "description": "Somebody bought something",
        "schema": {
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": "string"}, "n": {"$ref": "#/$defs/count"}},
            "$defs": {"count": {"type": "integer", "minimum": 1}},
        },
        "example": {"id": "o-1", "n": 2},
    })
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_event_type_is_created_read_changed_and_deleted(pool: PgPool) {
    let service = Service::start(pool).await;
    let created = service.post(PATH, &order_created()).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let id = created.json["id"].as_str().expect("an id").to_owned();
    assert_eq!(created.header("location"), format!("{PATH}/{id}"));
    assert_eq!(created.json["example"], order_created()["example"], "it is shown as it was written");
    let again = service.post(PATH, &order_created()).await;
    assert_eq!(again.status, 409);
    assert!(again.text.contains("The tenant has an event type order.created already"), "{}", again.text);

    for name in ["order.created", id.as_str()] {
        let read = service.get(&format!("{PATH}/{name}")).await;
        assert_eq!((read.status.as_u16(), &read.json["id"]), (200, &json!(id)), "{}", read.text);
    }
    let schema = service.get(&format!("{PATH}/order.created/schema")).await;
    assert_eq!(schema.json, order_created()["schema"]);
    assert_eq!(schema.header("content-type"), "application/schema+json");

    let cleared = json!({"example": null, "description": "Sold"});
    let patched = service.call("PATCH", &format!("{PATH}/order.created"), &cleared).await;
    assert_eq!(patched.json["description"], "Sold", "{}", patched.text);
    assert_eq!(patched.json["example"], Value::Null);
    assert_eq!(patched.json["schema"], order_created()["schema"], "what is absent stays");
    let replaced = service.call("PUT", &format!("{PATH}/{id}"), &json!({"name": "order.sold"})).await;
    assert_eq!((&replaced.json["name"], &replaced.json["schema"]), (&json!("order.sold"), &Value::Null));
    let gone = service.get(&format!("{PATH}/order.created")).await;
    assert_eq!(gone.status, 404);
    let none = service.get(&format!("{PATH}/order.sold/schema")).await;
    assert_eq!((none.status.as_u16(), none.text.contains("Schema of the event type")), (404, true));

    assert_eq!(service.delete(&format!("{PATH}/order.sold")).await.status, 204);
    assert_eq!(service.delete(&format!("{PATH}/order.sold")).await.status, 404);
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_list_is_paged_searched_and_filtered(pool: PgPool) {
    let service = Service::start(pool).await;
    for name in ["b.one", "a.two", "a.one"] {
        assert_eq!(service.post(PATH, &json!({"name": name})).await.status, 201);
    }
    let names = |answer: &Value| -> Vec<String> {
        let content = answer["content"].as_array().expect("a page");
        content.iter().map(|entry| entry["name"].as_str().expect("a name").to_owned()).collect()
    };
    let page = service.get(&format!("{PATH}?size=2")).await;
    assert_eq!(names(&page.json), ["a.one", "a.two"], "{}", page.text);
    let found = service.get(&format!("{PATH}?search=.one&sort=name,desc")).await;
    assert_eq!(names(&found.json), ["b.one", "a.one"]);
    let filter = json!({"filters": {"name": {"like": "TWO"}}});
    let found = service.post(&format!("{PATH}/filter"), &filter).await;
    assert_eq!(names(&found.json), ["a.two"]);
    let unknown = service.post(&format!("{PATH}/filter"), &json!({"filters": {"schema": "x"}})).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text);
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_is_no_usable_schema_is_refused_with_the_field(pool: PgPool) {
    let service = Service::start(pool).await;
    for (change, field, message) in [
        (json!({"schema": {"type": "objekt"}}), "schema", "Not a valid JSON Schema at #/type"),
        (json!({"schema": {"$ref": "http://127.0.0.1/s.json"}}), "schema", "nothing is fetched"),
        (json!({"schema": {"$ref": "file:///etc/passwd"}}), "schema", "nothing is fetched"),
        (json!({"schema": {"items": {"$ref": "#"}}}), "schema", "recursive schemas are not supported"),
        (json!({"schema": [1]}), "schema", "A JSON Schema is an object, or true or false"),
        (json!({"example": {"id": 5}}), "example", "The example is not as the schema says, at '/id'"),
        (json!({"name": " "}), "name", "Event type must not be blank"),
        (json!({"name": null}), "name", "Name is required"),
    ] {
        let mut body = order_created();
        for (name, value) in change.as_object().expect("members") {
            body[name] = value.clone();
        }
        let refused = service.post(PATH, &body).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
        let messages = refused.messages(field);
        assert!(messages.iter().any(|said| said.contains(message)), "{field}: {messages:?}");
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn rejecting_keeps_unknown_types_and_wrong_payloads_out(pool: PgPool) {
    let service = Service::start(pool).await;
    assert_eq!(service.post(PATH, &order_created()).await.status, 201);
    let events = "/api/v1/events";
    let wrong = json!({"type": "order.created", "payload": {"id": "o-1", "n": 0}});
    let unknown = json!({"type": "order.lost", "payload": {}});
    let good = json!({"type": "order.created", "payload": {"id": "o-1", "n": 1}});

    let before = service.get(ENFORCEMENT).await;
    assert_eq!(before.json, json!({"tenantId": "default", "enforcement": null, "effective": "off"}));
    assert_eq!(service.post(events, &wrong).await.status, 202, "nothing is enforced yet");
    let choose = async |mode: Value| {
        let chosen = service.call("PUT", ENFORCEMENT, &json!({"enforcement": mode})).await;
        assert_eq!(chosen.status, 200, "{}", chosen.text);
        chosen.json["effective"].clone()
    };
    assert_eq!(choose(json!("warn")).await, "warn");
    assert_eq!(service.post(events, &wrong).await.status, 202, "a warning accepts");
    assert_eq!(choose(json!("reject")).await, "reject");

    let refused = service.post(events, &wrong).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    let said = refused.messages("payload/n");
    assert!(
        said[0].starts_with("The payload is not as the schema of order.created says, at '/n'"),
        "{said:?}"
    );
    let refused = service.post(events, &unknown).await;
    assert_eq!(
        refused.messages("type"),
        ["The event type order.lost is not in the catalogue of event types"]
    );
    assert_eq!(service.post(events, &good).await.status, 202);

    let batch = service.post("/api/v1/events/batch", &json!([good, unknown, wrong])).await;
    assert_eq!(batch.status, 400);
    assert_eq!(batch.json["errors"].as_array().map(Vec::len), Some(2), "{}", batch.text);
    assert_eq!(batch.messages("[1].type").len() + batch.messages("[2].payload/n").len(), 2, "{}", batch.text);
    let cloud = json!({"specversion": "1.0", "id": "c-1", "source": "/s", "type": "order.lost", "data": {}});
    let cloud = service.send(crate::support::raw_request(
        "POST",
        events,
        "application/cloudevents+json",
        cloud.to_string(),
    ));
    assert_eq!(cloud.await.status, 400);

    assert_eq!(choose(Value::Null).await, "off");
    assert_eq!(service.post(events, &unknown).await.status, 202);
    let nonsense = service.call("PUT", ENFORCEMENT, &json!({"enforcement": "never"})).await;
    assert_eq!(nonsense.status, 400);
    assert!(nonsense.text.contains("off, warn, reject"), "{}", nonsense.text);
    assert_eq!(service.call("PUT", ENFORCEMENT, &json!({})).await.status, 400);
}

#[sqlx::test(migrations = "../../migrations")]
async fn each_tenant_has_a_catalogue_of_its_own(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let operator = service.key(Role::Operator, None).await;
    let (a, b) = (
        service.key(Role::TenantAdmin, Some("tenant-a")).await,
        service.key(Role::TenantAdmin, Some("tenant-b")).await,
    );
    for (key, schema) in [(&a, json!({"type": "object"})), (&b, json!({"type": "array"}))] {
        let body = json!({"name": "order.created", "schema": schema});
        let made = service.ask(key, json_request("POST", PATH, &body)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let reject = json_request("PUT", ENFORCEMENT, &json!({"enforcement": "reject"}));
        assert_eq!(service.ask(key, reject).await.status, 200);
    }
    let event = json!({"type": "order.created", "payload": {}});
    let sent = |key| service.ask(key, json_request("POST", "/api/v1/events", &event));
    assert_eq!((sent(&a).await.status.as_u16(), sent(&b).await.status.as_u16()), (202, 400));

    let path = format!("{PATH}/order.created");
    assert_eq!(service.get(&operator, &path).await.status, 409, "whose is not said");
    let of_b = service.get(&operator, &format!("{path}?tenantId=tenant-b")).await;
    assert_eq!(of_b.json["tenantId"], "tenant-b", "{}", of_b.text);
    let foreign = service.get(&a, &format!("{path}?tenantId=tenant-b")).await;
    assert_eq!(foreign.status, 404);
    let foreign = json!({"enforcement": "off", "tenantId": "tenant-b"});
    assert_eq!(service.ask(&a, json_request("PUT", ENFORCEMENT, &foreign)).await.status, 403);
    let deleted = service.ask(&a, bare(Method::DELETE.as_str(), &path)).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(sent(&a).await.status, 400, "the type is no longer known");
    assert_eq!(service.get(&b, &path).await.status, 200);
}
