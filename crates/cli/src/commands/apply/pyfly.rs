//! pyfly's `CallbackConfig`: one configuration with many (event type, URL, headers) pairs becomes one configuration a
//! pair, named `<config name>/<n>` and held together by its metadata.

use std::collections::BTreeMap;

use anyhow::Context as _;
use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::duration_syntax;
use serde_json::{Map, Value, json};

use super::imported::{Identity, Import, count, flag_or_true, object, required, status, tenant_or, text};
use super::wanted::Wanted;

/// `max_attempts` and `backoff_ms` of a config that names none.
const MAX_ATTEMPTS: u64 = 5;
const BACKOFF_MS: u64 = 5_000;
/// Longest delay between two attempts.
const MAX_DELAY_MS: u64 = 300_000;
/// `pyfly.callbacks.http.timeout`.
const TIMEOUT_MS: u64 = 10_000;

/// The configs found in a document, and the service-wide settings around them.
pub(super) struct Source<'a> {
    configs: Vec<(String, &'a Value)>,
    http: Option<&'a Map<String, Value>>,
}

impl<'a> Source<'a> {
    /// Looks where pyfly's configs may stand: alone, in a list, under `configs`, or under `pyfly.callbacks`.
    pub(super) fn find(document: &'a Value) -> Option<Self> {
        let callbacks = document.pointer("/pyfly/callbacks");
        let scope = callbacks.unwrap_or(document);
        let listed = ["configs", "configurations", "callbacks"]
            .iter()
            .find_map(|name| Some((*name, scope.get(*name)?.as_array()?)));
        let configs: Vec<(String, &Value)> = match (listed, scope) {
            (Some((name, items)), _) => {
                items.iter().enumerate().map(|(index, item)| (format!("{name}[{index}]"), item)).collect()
            }
            (None, Value::Array(items)) => {
                items.iter().enumerate().map(|(index, item)| (format!("[{index}]"), item)).collect()
            }
            (None, one) => vec![("config".to_owned(), one)],
        };
        let http = callbacks.and_then(|callbacks| callbacks.get("http")).and_then(Value::as_object);
        configs.iter().any(|(_, config)| is_config(config)).then_some(Self { configs, http })
    }
}

fn is_config(value: &Value) -> bool {
    let pairs = value.get("subscriptions").and_then(Value::as_array);
    pairs.is_some_and(|pairs| pairs.iter().any(|pair| pair.get("target_url").is_some()))
}

/// Reads the configs.
pub(super) fn read(source: &Source<'_>, default_tenant: &str) -> anyhow::Result<Wanted> {
    let mut import = Import::from("PYFLY");
    let wide = service_wide(source.http)?;
    for (place, config) in &source.configs {
        read_config(&mut import, place, object(config, place)?, &wide, default_tenant)?;
    }
    Ok(import.finish())
}

/// What pyfly sets for all configs: the timeout and the breaker.
fn service_wide(http: Option<&Map<String, Value>>) -> anyhow::Result<Map<String, Value>> {
    let setting = |name: &str| http.and_then(|http| http.get(name));
    let timeout = match setting("timeout") {
        None | Some(Value::Null) => TIMEOUT_MS,
        Some(value) => milliseconds(value).context("pyfly.callbacks.http.timeout")?,
    };
    let mut breaker = serde_json::to_value(CircuitBreakerPolicy::consecutive())?;
    let of_breaker = |name: &str| setting("circuit-breaker").and_then(|breaker| breaker.get(name));
    if let Some(threshold) = of_breaker("failure-threshold") {
        breaker["failureThreshold"] = threshold.clone();
    }
    if let Some(wait) = of_breaker("recovery-timeout") {
        breaker["recoveryTimeoutMs"] =
            milliseconds(wait).context("pyfly.callbacks.http.circuit-breaker.recovery-timeout")?.into();
    }
    Ok(Map::from_iter([("timeoutMs".to_owned(), timeout.into()), ("circuitBreaker".to_owned(), breaker)]))
}

fn milliseconds(value: &Value) -> anyhow::Result<u64> {
    Ok(u64::try_from(duration_syntax::pyfly(value)?.whole_milliseconds())?)
}

fn read_config(
    import: &mut Import,
    place: &str,
    config: &Map<String, Value>,
    wide: &Map<String, Value>,
    default_tenant: &str,
) -> anyhow::Result<()> {
    let id = text(config, "id", place)?.unwrap_or_default();
    let name =
        text(config, "name", place)?.filter(|name| !name.is_empty()).or(Some(id).filter(|id| !id.is_empty()));
    let name = name.with_context(|| format!("{place}.name (or id) is required"))?;
    let tenant = tenant_or(text(config, "tenant_id", place)?, default_tenant);
    let shared = shared_members(import, place, config, wide)?;
    let pairs = config.get("subscriptions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, pair) in pairs.iter().enumerate() {
        let place = format!("{place}.subscriptions[{index}]");
        let pair = object(pair, &place)?;
        let mut body = shared.clone();
        let event_type = required(pair, "event_type", &place)?;
        if event_type != "*" && event_type.contains('*') {
            import
                .note(&place, format!("{event_type} is a literal in pyfly; here * is any run of characters"));
        }
        body.insert("subscribedEventTypes".to_owned(), json!([event_type]));
        body.insert("url".to_owned(), required(pair, "target_url", &place)?.into());
        import.headers(&place, &mut body, headers(pair, &place)?);
        let who = Identity { place: &place, tenant, name: format!("{name}/{}", index + 1), group: name };
        import.configuration(who, body);
    }
    Ok(())
}

/// The members every pair of a config shares.
fn shared_members(
    import: &mut Import,
    place: &str,
    config: &Map<String, Value>,
    wide: &Map<String, Value>,
) -> anyhow::Result<Map<String, Value>> {
    let attempts = count(config, "max_attempts", place)?.unwrap_or(MAX_ATTEMPTS);
    let backoff_ms = count(config, "backoff_ms", place)?.unwrap_or(BACKOFF_MS);
    let mut body = wide.clone();
    body.insert("status".to_owned(), status(flag_or_true(config, "enabled", place)?));
    body.insert("maxRetries".to_owned(), import.retries(place, attempts).into());
    let policy = json!({
        "type": "EXPONENTIAL", "initialDelayMs": backoff_ms.min(MAX_DELAY_MS), "multiplier": 2.0,
        "maxDelayMs": MAX_DELAY_MS, "jitter": 0.0,
    });
    body.insert("retryPolicy".to_owned(), policy);
    // pyfly never switches a config off by itself; this is as patient as a configuration can be.
    body.insert("failureThreshold".to_owned(), 100.into());
    body.insert("allowedDomains".to_owned(), allowed_domains(config, place)?.into());
    Import::sign(&mut body, text(config, "secret", place)?);
    if let Some(id) = text(config, "id", place)?.filter(|id| !id.is_empty()) {
        body.insert("metadata".to_owned(), json!({"pyflyId": id}));
    }
    Ok(body)
}

/// The config's own allow-list. An entry stands for its subdomains too, there as here.
fn allowed_domains(config: &Map<String, Value>, place: &str) -> anyhow::Result<Vec<Value>> {
    let entries =
        config.get("authorized_domains").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let domain = |(index, entry): (usize, &Value)| {
        let place = format!("{place}.authorized_domains[{index}]");
        match entry {
            Value::String(domain) => Ok(Value::from(domain.trim())),
            entry => Ok(Value::from(required(object(entry, &place)?, "domain", &place)?.trim())),
        }
    };
    entries.iter().enumerate().map(domain).collect()
}

fn headers(pair: &Map<String, Value>, place: &str) -> anyhow::Result<BTreeMap<String, String>> {
    match pair.get("headers") {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(headers) => serde_json::from_value(headers.clone()).with_context(|| format!("{place}.headers")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::wanted::Kind;
    use super::*;

    #[test]
    fn a_config_becomes_one_configuration_a_pair() {
        let document = json!({"pyfly": {"callbacks": {
            "enabled": true,
            "http": {"timeout": "5s", "circuit-breaker": {"failure-threshold": 3, "recovery-timeout": "1m"}},
            "configs": [{
                "id": "c-1", "tenant_id": "acme", "name": "crm", "secret": "s", "max_attempts": 3, "backoff_ms": 1000,
                "authorized_domains": [{"domain": " example.com ", "description": "ours"}],
                "subscriptions": [
                    {"event_type": "order.created", "target_url": "https://crm.example.com/a", "headers": {"X-A": "1", "Host": "x", "x-pyfly-signature": "forged"}},
                    {"event_type": "*", "target_url": "http://audit.example.com:8080/b"},
                ],
            }],
        }}});
        let wanted = read(&Source::find(&document).expect("pyfly's form"), "default").expect("valid");
        let names: Vec<_> = wanted.resources.iter().map(|one| (one.kind, one.name.as_str())).collect();
        assert_eq!(
            names,
            [
                (Kind::Domain, "audit.example.com:8080"),
                (Kind::Domain, "crm.example.com"),
                (Kind::Configuration, "crm/1"),
                (Kind::Configuration, "crm/2"),
            ]
        );
        assert_eq!(wanted.resources[0].body["requireHttps"], false);
        let expected = json!({
            "name": "crm/1", "tenantId": "acme", "wireProfile": "PYFLY", "status": "ACTIVE",
            "url": "https://crm.example.com/a", "subscribedEventTypes": ["order.created"], "customHeaders": {"X-A": "1"},
            "secret": "s", "signatureEnabled": true, "maxRetries": 2, "timeoutMs": 5000, "failureThreshold": 100,
            "retryPolicy": {"type": "EXPONENTIAL", "initialDelayMs": 1000, "multiplier": 2.0, "maxDelayMs": 300_000, "jitter": 0.0},
            "circuitBreaker": {"mode": "CONSECUTIVE", "failureThreshold": 3, "recoveryTimeoutMs": 60_000, "halfOpenMaxCalls": 1},
            "allowedDomains": ["example.com"],
            "metadata": {"pyflyId": "c-1", "group": "crm", "importedFrom": "PYFLY"},
        });
        assert_eq!(Value::Object(wanted.resources[2].body.clone()), expected);
        assert_eq!(wanted.notes.len(), 2, "{:?}", wanted.notes);
    }

    #[test]
    fn pyflys_defaults_and_oddities() {
        let document = json!({"id": "x", "enabled": false, "max_attempts": 20, "subscriptions": [
            {"event_type": "order.*", "target_url": "https://a.example/"},
        ]});
        let wanted = read(&Source::find(&document).expect("pyfly's form"), "here").expect("valid");
        let body = &wanted.resources[1].body;
        assert_eq!((body["name"].as_str(), body["tenantId"].as_str()), (Some("x/1"), Some("here")));
        assert_eq!(
            (&body["status"], &body["maxRetries"], &body["signatureEnabled"]),
            (&json!("DISABLED"), &json!(10), &json!(false))
        );
        assert_eq!(wanted.notes.len(), 2, "{:?}", wanted.notes);
        let nameless = json!({"subscriptions": [{"event_type": "a", "target_url": "https://a.example/"}]});
        assert!(read(&Source::find(&nameless).expect("pyfly's form"), "d").is_err());
    }
}
