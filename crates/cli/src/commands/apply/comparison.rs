use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::domain_pattern::DomainPattern;
use callbacks_interfaces::instant;
use callbacks_interfaces::masked::MASK;
use callbacks_interfaces::retry_policy::RetryPolicy;
use callbacks_interfaces::signature_choice::SignatureChoice;
use serde::Serialize;
use serde_json::{Map, Value};

/// One member that is not as it should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Difference {
    pub(super) member: String,
    pub(super) from: Value,
    pub(super) to: Value,
}

/// Whether secrets that cannot be compared are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    /// Only where there is none yet.
    Kept,
    /// Always.
    Sent,
}

/// The members of `wanted` that `existing` (a view of the API) does not have like that.
pub(super) fn differences(
    wanted: &Map<String, Value>,
    existing: &Map<String, Value>,
    secrets: Secrets,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for (member, value) in wanted {
        let current = existing.get(member).unwrap_or(&Value::Null);
        let differs = match member.as_str() {
            "secret" | "endpointAuth" | "tls" => {
                let stored = existing.get(&format!("{member}Configured")) == Some(&Value::Bool(true));
                !value.is_null() && (!stored || secrets == Secrets::Sent)
            }
            _ => !same(&canonical(member, value), current, secrets),
        };
        if differs {
            found.push(Difference { member: member.clone(), from: current.clone(), to: value.clone() });
        }
    }
    found
}

/// A value as the service stores and shows it.
fn canonical(member: &str, value: &Value) -> Value {
    let stored = match (member, value) {
        ("url", Value::String(text)) => {
            CallbackUrl::try_from(text.as_str()).ok().map(|url| url.as_str().into())
        }
        ("domain", Value::String(text)) => domain(text),
        ("allowedDomains", Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().and_then(domain))
            .collect::<Option<Vec<_>>>()
            .map(Value::Array),
        ("retryPolicy", Value::Object(policy)) => {
            RetryPolicy::try_from(policy).ok().and_then(|policy| serde_json::to_value(policy).ok())
        }
        ("circuitBreaker", Value::Object(policy)) => {
            CircuitBreakerPolicy::try_from(policy).ok().and_then(|policy| serde_json::to_value(policy).ok())
        }
        ("signatureSchemes", schemes) => serde_json::from_value::<Vec<SignatureChoice>>(schemes.clone())
            .ok()
            .and_then(|schemes| serde_json::to_value(schemes).ok()),
        ("expiresAt", Value::String(text)) => {
            instant::from_text(text).and_then(instant::to_text).map(Value::String)
        }
        _ => None,
    };
    stored.unwrap_or_else(|| value.clone())
}

fn domain(text: &str) -> Option<Value> {
    DomainPattern::try_from(text).ok().map(|domain| domain.to_string().into())
}

/// Equal for the service: 2 is 2.0, nothing is an empty list or map, and a masked value is whatever was wanted.
fn same(wanted: &Value, existing: &Value, secrets: Secrets) -> bool {
    match (wanted, existing) {
        (Value::Number(wanted), Value::Number(existing)) => wanted.as_f64() == existing.as_f64(),
        (_, Value::String(mask)) if mask == MASK => secrets == Secrets::Kept,
        (Value::Array(wanted), Value::Array(existing)) => {
            wanted.len() == existing.len()
                && wanted.iter().zip(existing).all(|(wanted, existing)| same(wanted, existing, secrets))
        }
        (Value::Object(wanted), Value::Object(existing)) => {
            wanted.len() == existing.len()
                && wanted
                    .iter()
                    .all(|(name, value)| existing.get(name).is_some_and(|other| same(value, other, secrets)))
        }
        (one, other) => one == other || (is_nothing(one) && is_nothing(other)),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(wanted: &Value, existing: &Value, secrets: Secrets) -> Vec<String> {
        let object = |value: &Value| value.as_object().expect("an object").clone();
        differences(&object(wanted), &object(existing), secrets).into_iter().map(|one| one.member).collect()
    }

    #[test]
    fn what_the_service_stores_in_another_form_is_the_same() {
        let wanted = json!({
            "url": "HTTPS://A.example", "retryBackoffMultiplier": 2, "allowedDomains": ["A.example."], "customHeaders": {"Authorization": "Bearer x"},
            "retryPolicy": {"type": "LINEAR", "delayMs": 5}, "circuitBreaker": {"mode": "CONSECUTIVE"}, "metadata": {}, "secret": "s",
            "endpointAuth": {"type": "BEARER", "token": "t"}, "tls": {"caPem": "c"},
            "expiresAt": "2030-01-01T00:00:00+01:00",
        });
        let existing = json!({
            "url": "https://a.example/", "retryBackoffMultiplier": 2.0, "allowedDomains": ["a.example"], "customHeaders": {"Authorization": "***"},
            "retryPolicy": {"type": "LINEAR", "delayMs": 5, "maxElapsedMs": null}, "metadata": null, "secret": null, "secretConfigured": true,
            "endpointAuth": null, "endpointAuthConfigured": true, "tls": null, "tlsConfigured": true,
            "circuitBreaker": {"mode": "CONSECUTIVE", "failureThreshold": 5, "recoveryTimeoutMs": 30_000, "halfOpenMaxCalls": 1},
            "expiresAt": "2029-12-31T23:00:00Z", "name": "not mentioned",
        });
        assert_eq!(members(&wanted, &existing, Secrets::Kept), Vec::<String>::new());
        assert_eq!(
            members(&wanted, &existing, Secrets::Sent),
            ["customHeaders", "endpointAuth", "secret", "tls"]
        );
    }

    #[test]
    fn what_differs_is_found() {
        let existing = json!({"name": "a", "maxRetries": 3, "subscribedEventTypes": ["a", "b"], "secretConfigured": false});
        let wanted = json!({"name": "a", "maxRetries": 4, "subscribedEventTypes": ["b", "a"], "secret": "s"});
        assert_eq!(
            members(&wanted, &existing, Secrets::Kept),
            ["maxRetries", "secret", "subscribedEventTypes"]
        );
        assert_eq!(
            members(&json!({"description": null, "filterExpression": "a=b"}), &existing, Secrets::Kept),
            ["filterExpression"]
        );
    }
}
