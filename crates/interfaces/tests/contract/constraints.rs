//! Every field, constraint, message, default and enum of the contract, one by one.

use callbacks_interfaces::authorized_domain_draft::AuthorizedDomainDraft;
use callbacks_interfaces::callback_configuration::{CallbackStatus, HttpMethod};
use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::configuration_draft::ConfigurationDraft;
use callbacks_interfaces::event_subscription_draft::EventSubscriptionDraft;
use callbacks_interfaces::field_errors::{FieldError, ValidationErrors};
use callbacks_interfaces::named_enum::NamedEnum;
use serde_json::{Map, Value, json};

fn contract() -> Value {
    serde_json::from_str(include_str!("../vectors/contract_schemas.json")).expect("valid JSON")
}

type Create = fn(&Map<String, Value>) -> Result<(), ValidationErrors>;

/// A resource of the contract: its schema, a minimal valid body, and how a body is read.
struct Resource {
    schema: &'static str,
    body: Value,
    create: Create,
}

fn resources() -> [Resource; 3] {
    [
        Resource {
            schema: "CallbackConfigurationDTO",
            body: json!({"name": "n", "url": "https://a.example.com/", "subscribedEventTypes": ["*"]}),
            create: |body| ConfigurationDraft::create(body).map(|_| ()),
        },
        Resource {
            schema: "AuthorizedDomainDTO",
            body: json!({"domain": "example.com"}),
            create: |body| AuthorizedDomainDraft::create(body).map(|_| ()),
        },
        Resource {
            schema: "EventSubscriptionDTO",
            // Kafka itself wants shorter names of topics than the contract.
            body: json!({"name": "n", "messagingSystemType": "RABBITMQ", "topicOrQueue": "t"}),
            create: |body| EventSubscriptionDraft::create(body).map(|_| ()),
        },
    ]
}

impl Resource {
    fn errors_with(&self, field: &str, value: Value) -> Vec<FieldError> {
        let mut body = self.body.as_object().expect("an object").clone();
        body.insert(field.to_owned(), value);
        self.errors(&body)
    }

    fn errors(&self, body: &Map<String, Value>) -> Vec<FieldError> {
        (self.create)(body).err().map_or_else(Vec::new, |errors| errors.0)
    }

    fn assert_refused(&self, field: &str, value: &Value, code: &str, message: &str) {
        let errors = self.errors_with(field, value.clone());
        assert!(
            errors.iter().any(|e| e.field == field && e.code == code && e.message == message),
            "{}.{field} = {value}: {code} {message:?} not in {errors:?}",
            self.schema
        );
    }

    fn assert_accepted(&self, field: &str, value: &Value) {
        let errors = self.errors_with(field, value.clone());
        assert!(errors.is_empty(), "{}.{field} = {value}: {errors:?}", self.schema);
    }
}

/// Values that violate a constraint of a field.
fn violations(constraint: &str, field: &Value) -> Vec<Value> {
    let minimum = field["minimum"].as_f64().unwrap_or_default();
    let maximum = field["maximum"].as_f64().unwrap_or_default();
    match (constraint, field["type"].as_str().expect("a type")) {
        ("NotBlank", _) => vec![Value::Null, json!(""), json!(" \t")],
        ("NotNull", _) => vec![Value::Null],
        ("Size", "array") => vec![json!([])],
        ("Size", _) => {
            let longest = usize::try_from(field["maxLength"].as_u64().expect("a length"));
            let too_long = "é".repeat(longest.expect("fits") + 1);
            let mut values = vec![json!(too_long)];
            if field["minLength"] == 1 {
                values.push(json!(""));
            }
            values
        }
        ("Min", _) => vec![json!(minimum as i64 - 1), json!(-1e300)],
        ("Max", _) => vec![json!(maximum as i64 + 1), json!(1e300), json!(u64::MAX)],
        ("DecimalMin", _) => vec![json!(minimum - 0.001), json!(-1)],
        ("DecimalMax", _) => vec![json!(maximum + 0.001), json!(1e308)],
        ("Pattern", _) => vec![json!("ftp://a.example.com/"), json!("HTTPS://a.example.com/")],
        ("Email", _) => vec![json!("nobody"), json!("a@"), json!("a b@example.com"), json!("@b")],
        other => panic!("a constraint without a test: {other:?}"),
    }
}

#[test]
fn every_constraint_is_enforced_with_its_message() {
    let contract = contract();
    let mut checked = 0;
    for resource in resources() {
        let fields = contract["schemas"][resource.schema]["fields"].as_object();
        for (name, field) in fields.expect("fields") {
            let constraints = field["validation"].as_array();
            for constraint in constraints.into_iter().flatten() {
                if name == "connectionConfig" {
                    continue; // May be missing here: the service-wide settings apply.
                }
                let code = constraint["constraint"].as_str().expect("a code");
                let message = constraint["message"].as_str().expect("a message");
                for value in violations(code, field) {
                    let value = if name == "secret" { json!("x".repeat(501)) } else { value };
                    resource.assert_refused(name, &value, code, message);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 90, "only {checked} violations were tried");
}

#[test]
fn every_limit_itself_is_allowed() {
    let contract = contract();
    for resource in resources() {
        let fields = contract["schemas"][resource.schema]["fields"].as_object();
        for (name, field) in fields.expect("fields") {
            for limit in ["minimum", "maximum"] {
                if let Some(number) = field[limit].as_i64() {
                    resource.assert_accepted(name, &json!(number));
                }
            }
            let special = ["url", "domain", "contactEmail", "signatureHeader"];
            if let Some(length) = field["maxLength"].as_u64()
                && !special.contains(&name.as_str())
            {
                let length = usize::try_from(length).expect("fits");
                resource.assert_accepted(name, &json!("é".repeat(length)));
            }
        }
    }
}

#[test]
fn every_wrong_type_is_named() {
    let contract = contract();
    let read_only = [
        "id",
        "lastSuccessAt",
        "lastFailureAt",
        "createdAt",
        "updatedAt",
        "verifiedAt",
        "lastCallbackAt",
        "lastMessageAt",
    ];
    for resource in resources() {
        let fields = contract["schemas"][resource.schema]["fields"].as_object();
        for (name, field) in fields.expect("fields") {
            if read_only.contains(&name.as_str()) {
                // Server-owned and without a constraint: whatever a client sends is ignored.
                resource.assert_accepted(name, &json!("anything"));
                continue;
            }
            let wrong = match field["type"].as_str().expect("a type") {
                "string" => json!(5),
                _ => json!("five"),
            };
            let errors = resource.errors_with(name, wrong);
            assert!(
                errors.iter().any(|e| e.field == *name && e.code == "TypeMismatch"),
                "{}.{name}: {errors:?}",
                resource.schema
            );
        }
    }
}

#[test]
fn omitted_fields_take_the_contracts_defaults() {
    let contract = contract();
    let drafts = crate::sample::views_of_minimal_bodies();
    for (schema, view) in drafts {
        let fields = contract["schemas"][schema]["fields"].as_object();
        for (name, field) in fields.expect("fields") {
            assert!(view.get(name).is_some(), "{schema}.{name} is not shown");
            if let Some(default) = field.get("default") {
                assert_eq!(view[name], *default, "{schema}.{name}");
            }
        }
    }
}

#[test]
fn every_field_of_an_execution_is_shown() {
    let contract = contract();
    let view = serde_json::to_value(crate::sample::execution()).expect("serialises");
    let fields = contract["schemas"]["CallbackExecutionDTO"]["fields"].as_object();
    for name in fields.expect("fields").keys() {
        assert!(view.get(name).is_some(), "{name} is not shown");
    }
    assert_eq!(view["requestPayload"], json!({"a": 1}));
    assert_eq!(view["executedAt"], "1970-01-01T00:00:00Z");
}

#[test]
fn enums_have_the_contracts_names() {
    fn names<E: NamedEnum>() -> Vec<&'static str> {
        E::ALL.iter().map(|(name, _)| *name).collect()
    }
    let enums = &contract()["enums"];
    assert_eq!(json!(names::<CallbackStatus>()), enums["CallbackStatus"]);
    assert_eq!(json!(names::<ExecutionStatus>()), enums["CallbackExecutionStatus"]);
    assert_eq!(json!(names::<HttpMethod>()), enums["HttpMethod"]);
}

#[test]
fn all_errors_come_at_once() {
    let [configuration, ..] = resources();
    let body = json!({"name": "", "url": "x", "httpMethod": "GET", "status": null,
        "subscribedEventTypes": ["ok", 5, " ", "x\ny"], "maxRetries": 11,
        "retryPolicy": {"type": "LINEAR", "delayMs": -1}, "circuitBreaker": [],
        "customHeaders": {"Host": "evil"}, "signatureEnabled": true, "unknown": 1});
    let errors = configuration.errors(body.as_object().expect("an object"));
    let mut found: Vec<_> = errors.iter().map(|e| (e.field.as_str(), e.code.as_str())).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("circuitBreaker", "TypeMismatch"),
            ("customHeaders.Host", "Reserved"),
            ("httpMethod", "Enum"),
            ("maxRetries", "Max"),
            ("name", "NotBlank"),
            ("name", "Size"),
            ("retryPolicy.delayMs", "Min"),
            ("secret", "NotBlank"),
            ("status", "NotNull"),
            ("subscribedEventTypes[1]", "TypeMismatch"),
            ("subscribedEventTypes[2]", "Pattern"),
            ("subscribedEventTypes[3]", "Pattern"),
            ("url", "Pattern"),
        ]
    );
    let message = |field: &str| {
        let error = errors.iter().find(|e| e.field == field).expect(field);
        error.message.clone()
    };
    assert_eq!(message("httpMethod"), "httpMethod must be one of POST, PUT, PATCH");
    assert_eq!(message("secret"), "Secret is required when signatureEnabled is true");
}

#[test]
fn connection_config_may_be_missing() {
    let [.., subscription] = resources();
    subscription.assert_accepted("connectionConfig", &Value::Null);
    subscription.assert_accepted("connectionConfig", &json!({}));
}

#[test]
fn nul_is_refused_wherever_it_is() {
    for resource in resources() {
        for (field, value) in [("metadata", json!({"a": ["x\u{0}"]})), ("tenantId", json!("x\u{0}"))] {
            let errors = resource.errors_with(field, value);
            assert!(errors.iter().any(|e| e.code == "Pattern"), "{errors:?}");
        }
    }
}

#[test]
fn a_secret_is_never_quoted() {
    let [configuration, ..] = resources();
    for secret in [json!("canary".repeat(100)), json!("canary\u{0}"), json!({"canary": 1})] {
        let errors = configuration.errors_with("secret", secret);
        assert!(!errors.is_empty());
        assert!(!format!("{errors:?}").contains("canary"), "{errors:?}");
    }
}
