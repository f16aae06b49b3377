//! Broker messages that were no events: what people see of them and can do about them.

use callbacks_core::access::role::Role;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::guarded::{Guarded, subscription};
use crate::support::{Service, bare};

const PATH: &str = "/api/v1/quarantined-messages";

async fn subscribed(service: &Service, body: &Value) -> Uuid {
    let made = service.post("/api/v1/event-subscriptions", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

#[sqlx::test(migrations = "../../migrations")]
async fn messages_are_listed_by_subscription_and_state_page_by_page(pool: PgPool) {
    let service = Service::start(pool).await;
    let one = subscribed(&service, &subscription()).await;
    let other = subscribed(&service, &subscription()).await;
    let mut ids = Vec::new();
    for position in 0..3 {
        ids.push(service.quarantine("default", one, &position.to_string(), b"{").await);
    }
    service.quarantine("default", other, "0", b"{").await;
    let all = service.get(PATH).await;
    assert_eq!(all.json.as_array().map(Vec::len), Some(4), "{}", all.text);
    let seen = &all.json[1];
    assert_eq!(
        (&seen["payload"], &seen["payloadBase64"], &seen["headers"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(
        (&seen["truncated"], &seen["payloadSize"], &seen["state"]),
        (&json!(false), &json!(1), &json!("OPEN"))
    );

    let first = service.get(&format!("{PATH}?subscriptionId={one}&limit=2")).await;
    assert_eq!(
        (first.json[0]["id"].as_str(), first.json[1]["id"].as_str()),
        (Some(&*ids[2]), Some(&*ids[1]))
    );
    let (link, _) = first.header("link").trim_start_matches('<').split_once('>').expect("a link");
    let rest = service.get(link).await;
    assert_eq!((rest.json[0]["id"].as_str(), rest.json.as_array().map(Vec::len)), (Some(&*ids[0]), Some(1)));
    assert_eq!(rest.header("link"), "");

    let discarded = service.send(bare("POST", &format!("{PATH}/{}/discard", ids[1]))).await;
    assert_eq!(discarded.status, 204, "{}", discarded.text);
    let open = service.get(&format!("{PATH}?subscriptionId={one}&state=OPEN")).await;
    assert_eq!(open.json.as_array().map(Vec::len), Some(2));
    let gone = service.get(&format!("{PATH}?state=DISCARDED")).await;
    assert_eq!((gone.json[0]["id"].as_str(), gone.json.as_array().map(Vec::len)), (Some(&*ids[1]), Some(1)));
    for (query, field, message) in [
        ("state=open", "state", "state must be one of OPEN, REPLAYED, DISCARDED"),
        ("subscriptionId=7", "subscriptionId", "subscriptionId must be a valid identifier (UUID)"),
        ("limit=501", "limit", "limit must be a whole number from 1 to 500"),
    ] {
        let refused = service.get(&format!("{PATH}?{query}")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.messages(field)),
            (400, vec![message]),
            "{}",
            refused.text
        );
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_message_is_inspected_to_its_last_octet_and_forgotten_when_discarded(pool: PgPool) {
    let service = Service::start(pool).await;
    let subscription = subscribed(&service, &subscription()).await;
    let text = service.quarantine("default", subscription, "1", b"{ no event").await;
    let binary = service.quarantine("default", subscription, "2", &[0xff, 0, 1]).await;
    let seen = service.get(&format!("{PATH}/{text}")).await.json;
    assert_eq!(
        (&seen["payload"], &seen["payloadBase64"]),
        (&json!("{ no event"), &json!("eyBubyBldmVudA=="))
    );
    assert_eq!((&seen["reason"], &seen["key"]), (&json!("the value is not JSON"), &json!("k")));
    assert_eq!(seen["headers"], json!({"region": "eu", "Authorization": "***"}));
    let seen = service.get(&format!("{PATH}/{binary}")).await.json;
    assert_eq!((&seen["payload"], &seen["payloadBase64"]), (&Value::Null, &json!("/wAB")));

    let discard = format!("{PATH}/{text}/discard");
    assert_eq!(service.send(bare("POST", &discard)).await.status, 204);
    let again = service.send(bare("POST", &discard)).await;
    assert_eq!(
        (again.status.as_u16(), &again.json["message"]),
        (409, &json!("This message was discarded before"))
    );
    let seen = service.get(&format!("{PATH}/{text}")).await.json;
    assert_eq!(
        (&seen["state"], &seen["payloadBase64"], &seen["key"]),
        (&json!("DISCARDED"), &Value::Null, &Value::Null)
    );
    let unknown = service.get(&format!("{PATH}/{}", Uuid::nil())).await;
    assert_eq!(unknown.status, 404);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_message_is_replayed_once_as_what_somebody_says_it_is(pool: PgPool) {
    let service = Service::start(pool).await;
    let subscription = subscribed(&service, &subscription()).await;
    let id = service.quarantine("default", subscription, "1", b"{ no event").await;
    let replay = format!("{PATH}/{id}/replay");
    let still = service.send(bare("POST", &replay)).await;
    let reason = "This message is still no event: the value is not JSON, and neither a header nor the broker names its type";
    assert_eq!((still.status.as_u16(), &still.json["message"]), (409, &json!(reason)));
    for (body, field, message) in [
        (json!({"type": 7}), "type", "type must be a string"),
        (json!({"type": "a\nb"}), "type", "Event type must not contain control characters"),
        (json!({"type": "t", "id": "x".repeat(256)}), "id", "the event's id has more than 255 characters"),
        (
            json!({"type": "t", "tenantId": "acme"}),
            "tenantId",
            "tenantId is for messages of shared subscriptions; this one belongs to its subscription's tenant",
        ),
    ] {
        let refused = service.post(&replay, &body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.messages(field)),
            (400, vec![message]),
            "{}",
            refused.text
        );
    }
    let accepted = service.post(&replay, &json!({"type": "order.created", "id": "o-1"})).await;
    assert_eq!(
        (accepted.status.as_u16(), &accepted.json["eventId"]),
        (202, &json!("o-1")),
        "{}",
        accepted.text
    );
    let stored = service.get("/api/v1/events?eventId=o-1").await;
    assert_eq!(
        (&stored.json[0]["type"], &stored.json[0]["source"]),
        (&json!("order.created"), &json!("orders")),
        "{}",
        stored.text
    );
    let again = service.post(&replay, &json!({"type": "order.created"})).await;
    assert_eq!(
        (again.status.as_u16(), &again.json["message"]),
        (409, &json!("This message was replayed before"))
    );
}

/// Whoever is bound to a tenant can neither make a shared subscription nor see one, or what it set aside.
#[sqlx::test(migrations = "../../migrations")]
async fn shared_subscriptions_are_the_operator_s_alone(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let operator = service.key(Role::Operator, None).await;
    let tenant = service.key(Role::TenantAdmin, Some("acme")).await;
    let mut shared = subscription();
    shared["tenantId"] = json!("*");
    let refused = service.call(&tenant, "POST", "/api/v1/event-subscriptions", &shared).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json["message"]),
        (403, &json!("tenantId must be your own tenant"))
    );
    let id = service.create(&operator, "/api/v1/event-subscriptions", &shared).await;
    let path = format!("/api/v1/event-subscriptions/{id}");
    assert_eq!(service.get(&operator, &path).await.json["tenantId"], "*");
    for (method, target) in
        [("GET", path.clone()), ("POST", format!("{path}/activate")), ("DELETE", path.clone())]
    {
        assert_eq!(service.ask(&tenant, bare(method, &target)).await.status, 404, "{method} {target}");
    }
    let own = service.create(&tenant, "/api/v1/event-subscriptions", &subscription()).await;
    let moved = service
        .call(&tenant, "PATCH", &format!("/api/v1/event-subscriptions/{own}"), &json!({"tenantId": "*"}))
        .await;
    assert_eq!(moved.status, 403, "{}", moved.text);

    let message = service.service.quarantine("*", id.parse().expect("an id"), "1", b"[]").await;
    assert_eq!(service.get(&tenant, &format!("{PATH}/{message}")).await.status, 404);
    let replay = format!("{PATH}/{message}/replay");
    let nobody = service.call(&operator, "POST", &replay, &json!({"type": "t"})).await;
    let reason = "the subscription is shared and the message names no tenant (tenantId in the payload or as a header); give it a tenantId";
    assert_eq!((nobody.status.as_u16(), &nobody.json["message"]), (409, &json!(reason)));
    let accepted = service
        .call(&operator, "POST", &replay, &json!({"type": "t", "id": "e-1", "tenantId": "acme"}))
        .await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    assert_eq!(service.get(&tenant, "/api/v1/events/e-1").await.json["tenantId"], "acme");

    for (path, body) in [
        ("/api/v1/tenants", json!({"id": "*"})),
        ("/api/v1/api-keys", json!({"name": "k", "role": "tenant-admin", "tenantId": "*"})),
        ("/api/v1/events", json!({"type": "t", "payload": 1, "tenantId": "*"})),
    ] {
        let refused = service.call(&operator, "POST", path, &body).await;
        assert_eq!(refused.status, 400, "{path}: {}", refused.text);
        assert!(refused.text.contains("Tenant ID must not be '*'"), "{path}: {}", refused.text);
    }
}
