//! servo's `webhooks:` list: one configuration a webhook, or two when it wants events before and after they happen.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use callbacks_interfaces::duration_syntax;
use serde_json::{Map, Value, json};

use super::imported::{Identity, Import, count, object, required, text};
use super::servo_event::ServoEvent;
use super::wanted::Wanted;

/// Keys of a webhook; servo refuses others.
const KNOWN: [&str; 9] =
    ["name", "description", "events", "channels", "response_channel", "url", "secret", "headers", "backoff"];
/// What `backoff` is when nothing is said.
const MAX_TRIES: u64 = 12;
const MAX_TIME_MS: u64 = 180_000;
const TIMEOUT_MS: u64 = 10_000;
/// The first delay of the `backoff` library, which doubles it without bound; a day is beyond every `max_time` in use.
const FIRST_DELAY_MS: u64 = 1_000;
const MAX_DELAY_MS: u64 = 86_400_000;

/// Reads the webhooks. servo has no tenants: all belong to `tenant`.
pub(super) fn read(webhooks: &Value, tenant: &str) -> anyhow::Result<Wanted> {
    let mut import = Import::from("SERVO");
    let webhooks = webhooks.as_array().context("webhooks must be a list")?;
    for (index, webhook) in webhooks.iter().enumerate() {
        let place = format!("webhooks[{index}]");
        read_webhook(&mut import, &place, object(webhook, &place)?, tenant)?;
    }
    Ok(import.finish())
}

fn read_webhook(
    import: &mut Import,
    place: &str,
    webhook: &Map<String, Value>,
    tenant: &str,
) -> anyhow::Result<()> {
    if let Some(unknown) = webhook.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        bail!("{place}.{unknown} is not known; known are {}", KNOWN.join(", "));
    }
    let url = required(webhook, "url", place)?;
    let name = text(webhook, "name", place)?.unwrap_or(url);
    let (before, after): (Vec<ServoEvent>, Vec<ServoEvent>) =
        events(webhook, place)?.into_iter().partition(ServoEvent::is_before);
    let channels = !texts(webhook, "channels", place)?.is_empty();
    if channels {
        import.note(place, "channels are not carried over: there is no pub/sub bus here");
    }
    if before.is_empty() && after.is_empty() && !channels {
        bail!("{place}: events and channels cannot both be empty");
    }
    let shared = shared_members(import, place, webhook, url)?;
    let both = !before.is_empty() && !after.is_empty();
    for (phase, events) in [("BEFORE", before), ("AFTER", after)] {
        if events.is_empty() {
            continue;
        }
        let mut body = shared.clone();
        body.insert("phase".to_owned(), phase.into());
        body.insert(
            "subscribedEventTypes".to_owned(),
            events.iter().map(|event| Value::from(event.as_str())).collect(),
        );
        let name = if both { format!("{name}/{}", phase.to_ascii_lowercase()) } else { name.to_owned() };
        import.configuration(
            Identity { place, tenant, name, group: text(webhook, "name", place)?.unwrap_or(url) },
            body,
        );
    }
    Ok(())
}

fn shared_members(
    import: &mut Import,
    place: &str,
    webhook: &Map<String, Value>,
    url: &str,
) -> anyhow::Result<Map<String, Value>> {
    let mut body =
        Map::from_iter([("url".to_owned(), url.into()), ("timeoutMs".to_owned(), TIMEOUT_MS.into())]);
    if let Some(description) = text(webhook, "description", place)? {
        body.insert("description".to_owned(), description.into());
    }
    let Some(secret) = text(webhook, "secret", place)? else {
        bail!("{place}.secret is required");
    };
    Import::sign(&mut body, Some(secret));
    import.headers(place, &mut body, headers(webhook, place)?);
    add_backoff(import, place, webhook, &mut body)?;
    Ok(body)
}

fn add_backoff(
    import: &mut Import,
    place: &str,
    webhook: &Map<String, Value>,
    body: &mut Map<String, Value>,
) -> anyhow::Result<()> {
    let (tries, max_time_ms) = match webhook.get("backoff") {
        None | Some(Value::Null) => (MAX_TRIES, Some(MAX_TIME_MS)),
        Some(Value::Bool(false)) => (1, None),
        Some(backoff) => {
            let place = format!("{place}.backoff");
            let backoff = object(backoff, &place)?;
            let max_time = match backoff.get("max_time") {
                None | Some(Value::Null) => MAX_TIME_MS,
                Some(value) => milliseconds(value).with_context(|| format!("{place}.max_time"))?,
            };
            (count(backoff, "max_tries", &place)?.unwrap_or(MAX_TRIES), Some(max_time))
        }
    };
    // The time ends first: with delays of 1, 2, 4 … s no more attempts than this begin within it.
    let within_time =
        max_time_ms.map_or(u64::MAX, |limit| u64::from((limit / FIRST_DELAY_MS + 1).ilog2()) + 2);
    body.insert("maxRetries".to_owned(), import.retries(place, tries.min(within_time)).into());
    let policy = json!({
        "type": "EXPONENTIAL", "initialDelayMs": FIRST_DELAY_MS, "multiplier": 2.0, "maxDelayMs": MAX_DELAY_MS,
        "jitter": 0.0, "maxElapsedMs": max_time_ms,
    });
    body.insert("retryPolicy".to_owned(), policy);
    Ok(())
}

fn milliseconds(value: &Value) -> anyhow::Result<u64> {
    let duration = duration_syntax::servo(value)?;
    u64::try_from(duration.whole_milliseconds()).context("a duration must not be negative")
}

fn events(webhook: &Map<String, Value>, place: &str) -> anyhow::Result<Vec<ServoEvent>> {
    let texts = texts(webhook, "events", place)?;
    texts.iter().map(|text| text.parse().with_context(|| format!("{place}.events"))).collect()
}

/// A text or a list of texts.
fn texts(members: &Map<String, Value>, name: &str, place: &str) -> anyhow::Result<Vec<String>> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(value) => serde_json::from_value(value.clone())
            .with_context(|| format!("{place}.{name} must be a text or a list of texts")),
    }
}

/// Headers as a map, as a list of `{name, value}`, or as a list of maps.
fn headers(webhook: &Map<String, Value>, place: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let place = format!("{place}.headers");
    match webhook.get("headers") {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Array(items)) => {
            let mut headers = BTreeMap::new();
            for (index, item) in items.iter().enumerate() {
                let place = format!("{place}[{index}]");
                let item = object(item, &place)?;
                if item.contains_key("name") && item.contains_key("value") {
                    let value = text(item, "value", &place)?.unwrap_or_default();
                    headers.insert(required(item, "name", &place)?.to_owned(), value.to_owned());
                } else {
                    headers.extend(
                        serde_json::from_value::<BTreeMap<_, _>>(item.clone().into()).context(place)?,
                    );
                }
            }
            Ok(headers)
        }
        Some(map) => serde_json::from_value(map.clone()).context(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(webhook: &Value) -> anyhow::Result<Wanted> {
        read(&json!([webhook]), "default")
    }

    #[test]
    fn a_webhook_in_full() {
        let wanted = one(&json!({
            "name": "email", "description": "Sends mail", "events": ["before:adjust", "after:measure"], "secret": "s",
            "url": "https://example.com/", "headers": [{"name": "x-some-header", "value": "some value"}, {"content-type": "text/plain"}],
            "backoff": {"max_tries": 3, "max_time": "5m"},
        }))
        .expect("valid");
        let [_, before, after] = wanted.resources.as_slice() else { panic!("{:?}", wanted.resources) };
        assert_eq!((before.name.as_str(), after.name.as_str()), ("email/before", "email/after"));
        let expected = json!({
            "name": "email/after", "tenantId": "default", "wireProfile": "SERVO", "phase": "AFTER", "description": "Sends mail",
            "url": "https://example.com/", "subscribedEventTypes": ["after:measure"], "secret": "s", "signatureEnabled": true,
            "customHeaders": {"x-some-header": "some value"}, "maxRetries": 2, "timeoutMs": 10_000,
            "retryPolicy": {"type": "EXPONENTIAL", "initialDelayMs": 1000, "multiplier": 2.0, "maxDelayMs": 86_400_000, "jitter": 0.0, "maxElapsedMs": 300_000},
            "metadata": {"group": "email", "importedFrom": "SERVO"},
        });
        assert_eq!(Value::Object(after.body.clone()), expected);
        assert_eq!(wanted.notes.len(), 1, "{:?}", wanted.notes);
    }

    #[test]
    fn backoff_false_and_by_default() {
        let body = |extra: &Value| {
            let mut webhook =
                json!({"url": "https://example.com/", "events": "after:measure", "secret": "s"});
            webhook.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
            let wanted = one(&webhook).expect("valid");
            assert!(wanted.notes.is_empty(), "{:?}", wanted.notes);
            wanted.resources[1].body.clone()
        };
        assert_eq!(body(&json!({"backoff": false}))["maxRetries"], 0);
        let by_default = body(&json!({}));
        // 9 calls fit into 180 s, as the backoff library makes them.
        assert_eq!(
            (&by_default["maxRetries"], &by_default["retryPolicy"]["maxElapsedMs"]),
            (&json!(8), &json!(180_000))
        );
    }

    #[test]
    fn servos_own_validation_vectors() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/servo.json")).expect("JSON");
        for case in vectors["config_validation"].as_array().expect("a list") {
            let input = &case["input"];
            // `backoff: false` is documented and refused by a defect; the rules of URLs and channels are checked elsewhere.
            let valid = case["valid"] == true
                || input["backoff"] == false
                || input["url"] == "notaurl"
                || input["url"] == "ftp://example.com"
                || input["channels"].is_array();
            assert_eq!(one(input).is_ok(), valid, "{case}");
        }
    }
}
