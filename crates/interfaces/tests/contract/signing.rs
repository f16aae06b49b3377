//! How a configuration says that and how it signs.

use callbacks_interfaces::configuration_draft::ConfigurationDraft;
use callbacks_interfaces::field_errors::ValidationErrors;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use serde_json::{Value, json};

use crate::sample::{configuration, members};

fn with(more: Value) -> Result<ConfigurationDraft, ValidationErrors> {
    let mut body = members(json!({"name": "n", "url": "https://a.example/h", "subscribedEventTypes": ["*"]}));
    body.extend(members(more));
    ConfigurationDraft::create(&body)
}

fn schemes(more: Value) -> Vec<SignatureScheme> {
    with(more).expect("valid").signing_schemes().collect()
}

fn errors(more: Value) -> Vec<(String, String)> {
    let errors = with(more).expect_err("refused").0;
    errors.into_iter().map(|error| (error.field, error.code)).collect()
}

fn one(field: &str, code: &str) -> Vec<(String, String)> {
    vec![(field.to_owned(), code.to_owned())]
}

#[test]
fn what_is_signed_follows_from_what_is_said() {
    assert_eq!(schemes(json!({"secret": "s"})), []);
    assert_eq!(schemes(json!({"secret": "s", "signatureEnabled": true})), [SignatureScheme::Firefly]);
    assert_eq!(schemes(json!({"secret": "s", "wireProfile": "PYFLY"})), [SignatureScheme::Pyfly]);
    assert_eq!(schemes(json!({"wireProfile": "PYFLY"})), []);
    assert_eq!(schemes(json!({"secret": "s", "wireProfile": "DEALIX"})), [SignatureScheme::Stripe]);
    assert_eq!(schemes(json!({"wireProfile": "DEALIX", "signatureEnabled": false})), []);
    assert_eq!(
        schemes(json!({"secret": "s", "signatureSchemes": ["PYFLY", "NONE"]})),
        [SignatureScheme::Pyfly]
    );
    assert_eq!(schemes(json!({"secret": "s", "wireProfile": "SERVO", "signatureSchemes": []})), []);
    let own_key = json!({"signatureSchemes": ["STANDARD_WEBHOOKS_ED25519"]});
    assert_eq!(schemes(own_key), [SignatureScheme::StandardWebhooksEd25519]);
}

#[test]
fn what_cannot_sign_is_refused_by_name() {
    for profile in ["DEALIX", "SERVO", "SVC_INFRA", "STANDARD_WEBHOOKS"] {
        assert_eq!(errors(json!({"wireProfile": profile})), one("secret", "NotBlank"), "{profile}");
    }
    assert_eq!(errors(json!({"signatureSchemes": ["STRIPE"]})), one("secret", "NotBlank"));
    assert_eq!(
        errors(json!({"secret": "not base64!", "wireProfile": "STANDARD_WEBHOOKS"})),
        one("secret", "Pattern")
    );
    let short = json!({"secret": "whsk_AQID", "signatureSchemes": ["STANDARD_WEBHOOKS_ED25519"]});
    assert_eq!(errors(short), one("secret", "Pattern"));
    assert_eq!(errors(json!({"wireProfile": "UNKNOWN"})), one("wireProfile", "Enum"));
    assert_eq!(
        errors(json!({"secret": "s", "signatureSchemes": ["MD5"]})),
        one("signatureSchemes[0]", "Enum")
    );
    assert_eq!(
        errors(json!({"secret": "s", "signatureSchemes": "STRIPE"})),
        one("signatureSchemes", "TypeMismatch")
    );
    assert_eq!(errors(json!({"bodyFormat": "PRETTY"})), one("bodyFormat", "Enum"));
    assert_eq!(errors(json!({"envelope": "NONE"})), one("envelope", "Enum"));
    let clash = json!({"secret": "s", "signatureSchemes": ["FIREFLY", "FIREFLY_RUST"]});
    assert_eq!(errors(clash), one("signatureSchemes", "Duplicate"));
    let renamed = json!({"secret": "s", "signatureSchemes": [{"scheme": "FIREFLY", "header": "Host"}]});
    assert_eq!(errors(renamed), one("signatureSchemes[0].header", "Pattern"));
    let forged = json!({
        "secret": "s", "signatureSchemes": [{"scheme": "PYFLY", "header": "X-Mine"}], "customHeaders": {"x-mine": "1"},
    });
    assert_eq!(errors(forged), one("customHeaders.x-mine", "Reserved"));
}

#[test]
fn only_some_profiles_leave_the_content_type_open() {
    let headers = |profile: &str| {
        with(json!({"wireProfile": profile, "customHeaders": {"Content-Type": "text/plain"}}))
    };
    assert!(headers("CUSTOM").is_ok() && headers("PYFLY").is_ok());
    assert!(headers("FIREFLY").is_err() && headers("CLOUDEVENTS").is_err());
}

#[test]
fn omitted_numbers_are_the_profiles_own() {
    let draft = with(json!({"wireProfile": "PYFLY", "timeoutMs": 2000})).expect("valid");
    assert_eq!((draft.max_retries, draft.retry_delay_ms, draft.timeout_ms), (4, 5000, 2000));
    let draft = with(json!({})).expect("valid");
    assert_eq!((draft.max_retries, draft.retry_delay_ms, draft.timeout_ms), (3, 1000, 30_000));
}

#[test]
fn a_change_of_profile_changes_what_followed_from_it() {
    let existing = configuration(with(json!({"secret": "s", "maxRetries": 7})).expect("valid"));
    let body = members(json!({"wireProfile": "DEALIX"}));
    let changed = ConfigurationDraft::patched(&existing, &body).expect("valid");
    assert!(changed.signature_enabled);
    assert_eq!((changed.max_retries, changed.timeout_ms), (7, 10_000));
    let named = configuration(with(json!({"secret": "s", "signatureSchemes": ["PYFLY"]})).expect("valid"));
    let kept = ConfigurationDraft::patched(&named, &members(json!({"name": "other"}))).expect("valid");
    assert_eq!(kept.signature_schemes, named.signature_schemes);
}

#[test]
fn choices_look_in_json_as_they_were_written() {
    let written = json!(["PYFLY", {"scheme": "STRIPE", "header": "My-Signature"}]);
    let draft = with(json!({"secret": "s", "signatureSchemes": written})).expect("valid");
    assert_eq!(serde_json::to_value(&draft.signature_schemes).expect("serialises"), written);
}
