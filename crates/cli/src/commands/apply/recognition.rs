use anyhow::bail;
use serde_json::{Map, Value};

use super::wanted::Wanted;
use super::{dealix, own_format, pyfly, servo};

/// Finds out which system a file was written for, and reads it. `default_tenant` owns what names no tenant.
pub(super) fn read(document: &Value, default_tenant: &str) -> anyhow::Result<Wanted> {
    if let Some(source) = pyfly::Source::find(document) {
        return pyfly::read(&source, default_tenant);
    }
    match document {
        Value::Object(members) => match members.get("webhooks") {
            Some(webhooks) => servo::read(webhooks, default_tenant),
            None => match list(members.get("subscriptions")).filter(|items| items.iter().any(is_dealix)) {
                Some(items) => dealix::read(items, default_tenant),
                None => own_format::read(members, default_tenant),
            },
        },
        Value::Array(items) if items.iter().any(is_dealix) => dealix::read(items, default_tenant),
        _ => bail!(
            "the file is of no known form: this service's (domains, configurations, subscriptions), pyfly's \
             (subscriptions with event_type and target_url), Dealix's (subscriptions with endpoint_url) or servo's (webhooks)"
        ),
    }
}

fn list(value: Option<&Value>) -> Option<&Vec<Value>> {
    value.and_then(Value::as_array)
}

fn is_dealix(item: &Value) -> bool {
    item.as_object().is_some_and(|members: &Map<String, Value>| members.contains_key("endpoint_url"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_form_is_recognised() {
        let from = |document: Value| read(&document, "default").map(|wanted| wanted.imported_from);
        let pyfly =
            json!({"name": "c", "subscriptions": [{"event_type": "a", "target_url": "https://a.example/"}]});
        assert_eq!(from(pyfly.clone()).expect("valid"), Some("PYFLY"));
        assert_eq!(from(json!([pyfly])).expect("valid"), Some("PYFLY"));
        assert_eq!(
            from(json!({"pyfly": {"callbacks": {"configs": [pyfly]}}})).expect("valid"),
            Some("PYFLY")
        );
        let dealix = json!([{"customer_id": "c", "endpoint_url": "https://a.example/", "secret": "s"}]);
        assert_eq!(from(json!({"subscriptions": dealix})).expect("valid"), Some("DEALIX"));
        assert_eq!(from(dealix).expect("valid"), Some("DEALIX"));
        let servo =
            json!({"webhooks": [{"url": "https://a.example/", "events": "after:adjust", "secret": "s"}]});
        assert_eq!(from(servo).expect("valid"), Some("SERVO"));
        let own =
            json!({"subscriptions": [{"name": "s", "topicOrQueue": "t", "messagingSystemType": "KAFKA"}]});
        assert_eq!(from(own).expect("valid"), None);
        for unknown in [json!([]), json!("text"), json!({"hooks": []}), Value::Null] {
            assert!(read(&unknown, "default").is_err(), "{unknown}");
        }
    }
}
