//! Valid input for tests: start from one of these and change what the test is about.

use serde_json::{Value, json};

/// A secret that satisfies every rule.
pub const SECRET: &str = "whsec_test_0123456789abcdef0123456789abcdef";

/// The event type that the sample event has and the sample configuration subscribes to.
pub const EVENT_TYPE: &str = "customer.created";

/// A signed configuration that wants [`EVENT_TYPE`] events at `url`.
pub fn configuration(url: &str) -> Value {
    json!({
        "name": "Sample endpoint",
        "url": url,
        "httpMethod": "POST",
        "status": "ACTIVE",
        "subscribedEventTypes": [EVENT_TYPE],
        "secret": SECRET,
        "signatureEnabled": true,
    })
}

/// A domain that may be called over plain http, as test receivers are. `verified` counts when the caller may set it.
pub fn domain(host_and_port: &str) -> Value {
    json!({
        "domain": host_and_port,
        "organization": "Sample Ltd",
        "contactEmail": "ops@example.com",
        "verified": true,
        "active": true,
        "requireHttps": false,
    })
}

/// A subscription to a topic.
pub fn subscription(topic: &str) -> Value {
    json!({
        "name": "Sample subscription",
        "messagingSystemType": "KAFKA",
        "connectionConfig": { "bootstrap.servers": "127.0.0.1:9092" },
        "topicOrQueue": topic,
        "eventTypePatterns": ["customer.*"],
    })
}

/// An event with the producer's own id.
pub fn event(id: &str) -> Value {
    json!({ "id": id, "type": EVENT_TYPE, "payload": payload(), "source": "crm" })
}

/// An event without an id.
pub fn anonymous_event() -> Value {
    json!({ "type": EVENT_TYPE, "payload": payload() })
}

/// A payload of a few hundred bytes.
pub fn payload() -> Value {
    json!({
        "customerId": "cus_1042",
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "amount": 4200,
        "currency": "EUR",
        "tags": ["new", "newsletter"],
        "address": { "city": "London", "country": "GB" },
    })
}
