//! Dealix's webhook subscriptions: one configuration each, named for its endpoint.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::{Map, Value, json};

use super::imported::{Identity, Import, flag_or_true, object, required, status, tenant_or, text};
use super::wanted::Wanted;

/// Dealix's retry schedule after the first, immediate attempt, in milliseconds: six attempts in all.
const DELAYS_MS: [u64; 5] = [30_000, 300_000, 1_800_000, 21_600_000, 86_400_000];
/// Failed deliveries in a row after which Dealix switches an endpoint off.
const FAILURE_THRESHOLD: u64 = 20;
const TIMEOUT_MS: u64 = 10_000;

/// Reads the subscriptions.
pub(super) fn read(items: &[Value], default_tenant: &str) -> anyhow::Result<Wanted> {
    let mut import = Import::from("DEALIX");
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let place = format!("subscriptions[{index}]");
        let item = object(item, &place)?;
        let url = required(item, "endpoint_url", &place)?;
        let tenant = tenant_or(text(item, "customer_id", &place)?, default_tenant);
        let times = seen.entry((tenant.to_owned(), url.to_owned())).or_default();
        *times += 1;
        let body = body(item, url, &place)?;
        import.configuration(Identity { place: &place, tenant, name: name(url, *times), group: url }, body);
    }
    Ok(import.finish())
}

/// The endpoint, cut to what a name may be; the same endpoint subscribed again gets a number.
fn name(url: &str, times: usize) -> String {
    let name: String = url.chars().take(240).collect();
    if times == 1 { name } else { format!("{name} ({times})") }
}

fn body(item: &Map<String, Value>, url: &str, place: &str) -> anyhow::Result<Map<String, Value>> {
    let mut body = Map::from_iter([
        ("url".to_owned(), url.into()),
        ("subscribedEventTypes".to_owned(), events(item, place)?),
        ("status".to_owned(), status(flag_or_true(item, "enabled", place)?)),
        ("maxRetries".to_owned(), DELAYS_MS.len().into()),
        ("retryPolicy".to_owned(), json!({"type": "SCHEDULE", "delaysMs": DELAYS_MS})),
        ("failureThreshold".to_owned(), FAILURE_THRESHOLD.into()),
        ("timeoutMs".to_owned(), TIMEOUT_MS.into()),
    ]);
    Import::sign(&mut body, text(item, "secret", place)?);
    Ok(body)
}

/// No events means all of them.
fn events(item: &Map<String, Value>, place: &str) -> anyhow::Result<Value> {
    match item.get("events") {
        None | Some(Value::Null) => Ok(json!(["*"])),
        Some(Value::Array(events)) if events.is_empty() => Ok(json!(["*"])),
        Some(Value::Array(events)) if events.iter().all(Value::is_string) => Ok(Value::Array(events.clone())),
        Some(_) => bail!("{place}.events must be a list of event types"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::wanted::Kind;
    use super::*;

    #[test]
    fn a_subscription_becomes_a_configuration() {
        let items = json!([
            {"customer_id": "c1", "endpoint_url": "https://a.example/h", "secret": "whsec_x", "events": [], "created_at": 1},
            {"customer_id": "c1", "endpoint_url": "https://a.example/h", "secret": "whsec_y", "events": ["lead.created"], "enabled": false},
        ]);
        let wanted = read(items.as_array().expect("a list"), "default").expect("valid");
        let [domain, first, second] = wanted.resources.as_slice() else { panic!("{:?}", wanted.resources) };
        assert_eq!(
            (domain.kind, domain.name.as_str(), domain.tenant.as_str()),
            (Kind::Domain, "a.example", "c1")
        );
        let expected = json!({
            "name": "https://a.example/h", "tenantId": "c1", "wireProfile": "DEALIX", "url": "https://a.example/h",
            "status": "ACTIVE", "subscribedEventTypes": ["*"], "secret": "whsec_x", "signatureEnabled": true, "maxRetries": 5,
            "retryPolicy": {"type": "SCHEDULE", "delaysMs": [30_000, 300_000, 1_800_000, 21_600_000, 86_400_000_u64]},
            "failureThreshold": 20, "timeoutMs": 10_000,
            "metadata": {"group": "https://a.example/h", "importedFrom": "DEALIX"},
        });
        assert_eq!(Value::Object(first.body.clone()), expected);
        assert_eq!(
            (second.name.as_str(), &second.body["status"]),
            ("https://a.example/h (2)", &json!("DISABLED"))
        );
    }

    #[test]
    fn the_schedule_is_the_originals() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/dealix.json")).expect("JSON");
        let seconds: Vec<u64> = std::iter::once(0).chain(DELAYS_MS.map(|delay| delay / 1000)).collect();
        assert_eq!(vectors["schedule_seconds"], json!(seconds));
        assert_eq!(vectors["max_attempts"], json!(DELAYS_MS.len() + 1));
    }
}
