//! Every constraint of the contract is violated once, and answered with the contract's message.

use crate::support::Service;
use serde_json::{Value, json};
use sqlx::PgPool;

const CONTRACT: &str = include_str!("../vectors/firefly_contract.json");

struct Resource {
    schema: &'static str,
    path: &'static str,
    valid: fn() -> Value,
}

const RESOURCES: [Resource; 3] = [
    Resource {
        schema: "CallbackConfigurationDTO",
        path: "/api/v1/callback-configurations",
        valid: || json!({"name": "n", "url": "https://example.com/h", "subscribedEventTypes": ["*"]}),
    },
    Resource {
        schema: "AuthorizedDomainDTO",
        path: "/api/v1/authorized-domains",
        valid: || json!({"domain": "example.com"}),
    },
    Resource {
        schema: "EventSubscriptionDTO",
        path: "/api/v1/event-subscriptions",
        // Kafka itself wants shorter names of topics than the contract.
        valid: || json!({"name": "n", "messagingSystemType": "RABBITMQ", "topicOrQueue": "t", "connectionConfig": {"a": "b"}}),
    },
];

/// Values that break one constraint of one field.
fn violations(field: &str, rules: &Value, constraint: &str) -> Vec<Value> {
    let text = |length: usize| match field {
        "url" => format!("https://example.com/{}", "x".repeat(length)),
        "domain" => format!("{}.example.com", "x.".repeat(length / 2)),
        "contactEmail" => format!("{}@example.com", "x".repeat(length)),
        _ => "x".repeat(length),
    };
    match constraint {
        "NotBlank" => vec![json!(""), json!("  "), Value::Null],
        // Without a connection of its own a subscription uses the service's broker settings.
        "NotNull" | "Size" if field == "connectionConfig" => vec![],
        "NotNull" => vec![Value::Null],
        "Pattern" => vec![json!("ftp://example.com"), json!("HTTPS://example.com")],
        "Email" => vec![json!("nobody"), json!("a@b@c")],
        "Min" | "DecimalMin" => vec![json!(rules["minimum"].as_i64().expect("a bound") - 1)],
        "Max" | "DecimalMax" => vec![json!(rules["maximum"].as_i64().expect("a bound") + 1)],
        "Size" => match rules["type"].as_str() {
            Some("string") => {
                let length = rules["maxLength"].as_u64().expect("a bound");
                vec![json!(text(usize::try_from(length).expect("small") + 1))]
            }
            Some("array") => vec![json!([])],
            _ => vec![json!({})],
        },
        other => panic!("an unknown constraint {other}"),
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn every_constraint_has_its_message(pool: PgPool) {
    let service = Service::start(pool).await;
    let contract: Value = serde_json::from_str(CONTRACT).expect("the contract");
    let mut checked = 0;
    for resource in &RESOURCES {
        let fields = contract["schemas"][resource.schema]["fields"].as_object().expect("fields");
        for (field, rules) in fields {
            for rule in rules["validation"].as_array().into_iter().flatten() {
                let constraint = rule["constraint"].as_str().expect("a name");
                for value in violations(field, rules, constraint) {
                    let mut body = (resource.valid)();
                    body[field] = value.clone();
                    let answer = service.post(resource.path, &body).await;
                    let message = rule["message"].as_str().expect("a message");
                    let shown = value.to_string().chars().take(60).collect::<String>();
                    assert_eq!(answer.status, 400, "{field} {constraint} {shown}: {}", answer.text);
                    assert!(
                        answer.messages(field).contains(&message),
                        "{field} {constraint} {shown}: {}",
                        answer.text
                    );
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 60, "only {checked} violations were tried");
}

#[sqlx::test(migrations = "../../migrations")]
async fn defaults_are_the_contracts(pool: PgPool) {
    let service = Service::start(pool).await;
    let contract: Value = serde_json::from_str(CONTRACT).expect("the contract");
    for resource in &RESOURCES {
        let answer = service.post(resource.path, &(resource.valid)()).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert!(answer.header("location").starts_with(resource.path), "{}", answer.header("location"));
        let fields = contract["schemas"][resource.schema]["fields"].as_object().expect("fields");
        for (field, rules) in fields {
            let view = answer.json.as_object().expect("an object");
            assert!(view.contains_key(field), "{field} is missing in {}", resource.schema);
            if let Some(default) = rules.get("default") {
                assert_eq!(&answer.json[field], default, "{field} of {}", resource.schema);
            }
        }
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn wrong_types_are_named_with_what_is_right(pool: PgPool) {
    let service = Service::start(pool).await;
    for resource in &RESOURCES {
        let contract: Value = serde_json::from_str(CONTRACT).expect("the contract");
        let fields = contract["schemas"][resource.schema]["fields"].as_object().expect("fields");
        for (field, rules) in fields.iter().filter(|(_, rules)| rules.get("validation").is_some()) {
            let wrong = if rules["type"] == "boolean" { json!("yes") } else { json!(true) };
            let mut body = (resource.valid)();
            body[field] = wrong;
            let answer = service.post(resource.path, &body).await;
            assert_eq!(answer.status, 400, "{field}: {}", answer.text);
            assert!(!answer.messages(field).is_empty(), "{field}: {}", answer.text);
        }
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_signature_needs_a_secret(pool: PgPool) {
    let service = Service::start(pool).await;
    let mut body = (RESOURCES[0].valid)();
    body["signatureEnabled"] = json!(true);
    let answer = service.post(RESOURCES[0].path, &body).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.messages("secret"), ["Secret is required when signatureEnabled is true"]);
    body["secret"] = json!("s3cret");
    let answer = service.post(RESOURCES[0].path, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!((&answer.json["secret"], &answer.json["secretConfigured"]), (&Value::Null, &json!(true)));
    assert!(!answer.text.contains("s3cret"));
}

#[sqlx::test(migrations = "../../migrations")]
async fn filters_and_literal_addresses_are_checked_when_saved(pool: PgPool) {
    let service = Service::start(pool).await;
    for (field, value) in [
        ("filterExpression", json!("$..*=1")),
        ("filterExpression", json!("event.payload.(")),
        ("url", json!("http://127.0.0.1/hook")),
        ("url", json!("http://2130706433/hook")),
        ("url", json!("http://[::1]/hook")),
        ("url", json!("http://169.254.169.254/latest/meta-data")),
        ("url", json!("http://user:pw@example.com/")),
        ("customHeaders", json!({"Host": "evil"})),
        ("customHeaders", json!({"X-A": "b\r\nX-C: d"})),
    ] {
        let mut body = (RESOURCES[0].valid)();
        body[field] = value.clone();
        let answer = service.post(RESOURCES[0].path, &body).await;
        assert_eq!(answer.status, 400, "{field} {value}: {}", answer.text);
        assert!(answer.text.contains(field), "{field} {value}: {}", answer.text);
    }
    let mut body = (RESOURCES[0].valid)();
    body["filterExpression"] = json!("customer.type=PREMIUM");
    assert_eq!(service.post(RESOURCES[0].path, &body).await.status, 201);
}
