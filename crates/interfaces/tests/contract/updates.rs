//! What PUT and PATCH do to what is stored.

use crate::sample::{configuration, domain, members, subscription};
use callbacks_interfaces::authorized_domain_draft::AuthorizedDomainDraft;
use callbacks_interfaces::callback_configuration::CallbackConfiguration;
use callbacks_interfaces::configuration_draft::ConfigurationDraft;
use callbacks_interfaces::event_subscription_draft::EventSubscriptionDraft;
use callbacks_interfaces::patch::Patch;
use serde_json::{Value, json};

fn stored() -> CallbackConfiguration {
    let body = json!({
        "name": "orders", "url": "https://a.example.com/hook", "description": "d",
        "subscribedEventTypes": ["order.*"], "secret": "s", "signatureEnabled": true,
        "customHeaders": {"Authorization": "Bearer canary", "X-Plain": "1"},
        "maxRetries": 7, "active": false, "httpMethod": "PUT", "filterExpression": "a=b",
        "metadata": {"k": [1, null]}, "allowedDomains": ["B.example.com"], "maxInFlight": 5,
        "retryPolicy": {"type": "SCHEDULE", "delaysMs": [1, 2], "maxElapsedMs": 9},
        "circuitBreaker": {"mode": "CONSECUTIVE"}, "pausedDeliveries": "SKIP",
        "wireProfile": "FIREFLY", "tenantId": "acme"
    });
    configuration(ConfigurationDraft::create(&members(body)).expect("valid"))
}

fn shown(view: &impl serde::Serialize) -> Value {
    serde_json::to_value(view).expect("serialises")
}

#[test]
fn a_view_shows_no_secret_and_masks_credentials() {
    let view = shown(&stored());
    assert_eq!(view["secret"], Value::Null);
    assert_eq!(view["secretConfigured"], true);
    assert_eq!(view["customHeaders"], json!({"Authorization": "***", "X-Plain": "1"}));
    assert!(!view.to_string().contains("canary"));
}

#[test]
fn an_empty_patch_changes_nothing() {
    let existing = stored();
    let draft = ConfigurationDraft::patched(&existing, &members(json!({}))).expect("valid");
    assert!(draft.secret.is_absent());
    let mut after = configuration(draft);
    after.secret_configured = true;
    assert_eq!(after, existing);
}

#[test]
fn absent_keeps_null_clears_and_required_fields_refuse_null() {
    let existing = stored();
    let patch = json!({"description": null, "maxRetries": null, "retryPolicy": null, "name": "new"});
    let draft = ConfigurationDraft::patched(&existing, &members(patch)).expect("valid");
    assert_eq!(draft.description, None);
    assert_eq!(draft.max_retries, 3);
    assert_eq!(draft.max_attempts(), 4);
    assert_eq!(draft.retry_policy, None);
    assert_eq!(draft.name, "new");
    assert_eq!(draft.filter_expression.as_deref(), Some("a=b"));
    let patch = json!({"name": null, "httpMethod": null, "subscribedEventTypes": null});
    let errors = ConfigurationDraft::patched(&existing, &members(patch)).expect_err("refused");
    let messages: Vec<_> = errors.0.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(messages, ["Name is required", "HTTP method is required", "Event types are required"]);
}

#[test]
fn a_put_without_a_secret_keeps_it() {
    let existing = stored();
    let minimal = json!({"name": "n", "url": "https://a.example.com/",
        "subscribedEventTypes": ["*"], "signatureEnabled": true});
    for secret in [None, Some(Value::Null), Some(json!(""))] {
        let mut body = members(minimal.clone());
        if let Some(secret) = secret {
            body.insert("secret".to_owned(), secret);
        }
        let draft = ConfigurationDraft::replace(&existing, &body).expect("valid");
        assert!(draft.secret.is_absent());
        assert!(draft.signature_enabled);
        assert!(draft.active, "omitted fields take their defaults");
    }
    let mut unsigned = existing;
    unsigned.secret_configured = false;
    let errors = ConfigurationDraft::replace(&unsigned, &members(minimal)).expect_err("refused");
    assert_eq!(errors.0[0].field, "secret");
}

#[test]
fn a_patch_may_set_or_clear_the_secret() {
    let existing = stored();
    let new = members(json!({"secret": "new"}));
    let draft = ConfigurationDraft::patched(&existing, &new).expect("valid");
    assert!(matches!(draft.secret, Patch::Value(secret) if secret.expose() == "new"));
    let cleared = members(json!({"secret": null}));
    assert!(ConfigurationDraft::patched(&existing, &cleared).is_err());
    let both = members(json!({"secret": null, "signatureEnabled": false}));
    let draft = ConfigurationDraft::patched(&existing, &both).expect("valid");
    assert!(matches!(draft.secret, Patch::Null));
}

#[test]
fn what_was_read_can_be_put_back() {
    let existing = stored();
    let Value::Object(body) = shown(&existing) else {
        unreachable!("a view is an object");
    };
    let draft = ConfigurationDraft::replace(&existing, &body).expect("valid");
    let mut after = configuration(draft);
    after.secret_configured = true;
    assert_eq!(after, existing);
}

#[test]
fn a_domain_survives_its_round_trip() {
    let body = json!({"domain": "*.Example.com:8443", "verified": true, "allowedPaths": ["/a/*"],
        "ipWhitelist": ["203.0.113.0/24", "::1"], "expiresAt": "2030-01-01T00:00:00+01:00"});
    let draft = AuthorizedDomainDraft::create(&members(body)).expect("valid");
    assert_eq!(draft.verified_requested, Some(true));
    let existing = domain(draft.clone());
    assert_eq!(existing.domain, "*.example.com:8443");
    let patched = AuthorizedDomainDraft::patched(&existing, &members(json!({}))).expect("valid");
    let unasked =
        AuthorizedDomainDraft { verified_requested: None, tenant_id: Some(existing.tenant_id), ..draft };
    assert_eq!(patched, unasked);
}

#[test]
fn bad_domains_are_named() {
    let body = json!({"domain": "https://x/", "ipWhitelist": ["10.0.0.0/33", "x", "::1/128", "1.1.1.1/+8"],
        "allowedPaths": ["a", "/ok"], "expiresAt": "tomorrow"});
    let errors = AuthorizedDomainDraft::create(&members(body)).expect_err("refused");
    let fields: Vec<_> = errors.0.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(
        fields,
        ["domain", "allowedPaths[0]", "ipWhitelist[0]", "ipWhitelist[1]", "ipWhitelist[3]", "expiresAt"]
    );
}

#[test]
fn a_subscriptions_credentials_are_masked_and_kept() {
    let body = json!({"name": "n", "messagingSystemType": "KAFKA", "topicOrQueue": "t",
        "connectionConfig": {"bootstrap.servers": "k:9092", "sasl.password": "canary"}});
    let draft = EventSubscriptionDraft::create(&members(body)).expect("valid");
    let existing = subscription(draft.clone());
    assert!(!shown(&existing).to_string().contains("canary"));
    let patched = EventSubscriptionDraft::patched(&existing, &members(json!({}))).expect("valid");
    assert_eq!(patched.connection_config, draft.connection_config);
}
