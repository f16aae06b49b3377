//! Whose event a message of a shared subscription is. Pure.
//!
//! Only there a message names its tenant; everywhere else the subscription does. The payload's `tenantId`, `tenantid` (a
//! CloudEvent's attribute), `metadata.tenantId` and `customer_id` count in this order, then the headers. A message that names
//! none, or names one twice, is nobody's event.

use callbacks_interfaces::tenant::TenantId;
use serde::Deserialize;

use super::message::SourceMessage;

const HEADERS: [&str; 6] =
    ["tenantId", "tenant-id", "x-tenant-id", "ce_tenantid", "ce-tenantid", "cloudEvents_tenantid"];

/// The tenant a message names.
///
/// # Errors
/// A sentence when it names none, or something that is no tenant id. It never quotes the message.
pub fn of(message: &SourceMessage) -> Result<TenantId, String> {
    let payload = message.payload.as_deref().unwrap_or_default();
    let members: Members = serde_json::from_slice(payload).unwrap_or_default();
    let named = members.named().or_else(|| in_headers(message)).ok_or_else(|| {
        "the subscription is shared and the message names no tenant (tenantId in the payload or as a header)"
            .to_owned()
    })?;
    TenantId::try_from(named).map_err(|error| format!("the message's tenant cannot be: {error}"))
}

/// What of a payload may name a tenant; other kinds of values than text count as absent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Members {
    #[serde(rename = "tenantId")]
    tenant_id: Text,
    tenantid: Text,
    metadata: Metadata,
    customer_id: Text,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Metadata {
    Object {
        #[serde(rename = "tenantId")]
        tenant_id: Text,
    },
    Other(serde::de::IgnoredAny),
    #[default]
    Absent,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Other(serde::de::IgnoredAny),
    #[default]
    Absent,
}

impl Members {
    fn named(self) -> Option<String> {
        let inner = match self.metadata {
            Metadata::Object { tenant_id } => tenant_id,
            Metadata::Other(_) | Metadata::Absent => Text::Absent,
        };
        [self.tenant_id, self.tenantid, inner, self.customer_id].into_iter().find_map(Text::text)
    }
}

impl Text {
    fn text(self) -> Option<String> {
        match self {
            Self::Plain(text) => Some(text).filter(|text| !text.trim().is_empty()),
            Self::Other(_) | Self::Absent => None,
        }
    }
}

/// The value of the last header of such a name that is not blank, names compared without case.
fn in_headers(message: &SourceMessage) -> Option<String> {
    let named = |name: &str| HEADERS.iter().any(|wanted| name.eq_ignore_ascii_case(wanted));
    let texts = message.headers.iter().rev().filter(|(name, _)| named(name));
    texts
        .filter_map(|(_, value)| std::str::from_utf8(value).ok())
        .find(|text| !text.trim().is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::sources::message::{Place, Said};

    fn message(payload: impl Into<Bytes>, headers: &[(&str, &str)]) -> SourceMessage {
        let place = Place {
            topic: Arc::from("t"),
            partition: Arc::from("0"),
            position: "1".to_owned(),
            lasting: true,
        };
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), Bytes::from((*value).to_owned())));
        SourceMessage {
            place,
            said: Said::default(),
            key: None,
            headers: headers.collect(),
            payload: Some(payload.into()),
        }
    }

    fn tenant(payload: &Value, headers: &[(&str, &str)]) -> Option<String> {
        of(&message(payload.to_string(), headers)).ok().map(|tenant| tenant.as_str().to_owned())
    }

    #[test]
    fn the_payload_counts_before_the_headers_and_its_members_in_their_order() {
        let everywhere =
            json!({"tenantId": "a", "tenantid": "b", "metadata": {"tenantId": "c"}, "customer_id": "d"});
        assert_eq!(tenant(&everywhere, &[("tenantId", "h")]).as_deref(), Some("a"));
        let without = json!({"tenantId": null, "tenantid": "b", "metadata": {"tenantId": "c"}});
        assert_eq!(tenant(&without, &[]).as_deref(), Some("b"));
        let inner =
            json!({"tenantId": " ", "tenantid": {"a": 1}, "metadata": {"tenantId": "c"}, "customer_id": "d"});
        assert_eq!(tenant(&inner, &[]).as_deref(), Some("c"));
        assert_eq!(tenant(&json!({"metadata": "text", "customer_id": "d"}), &[]).as_deref(), Some("d"));
        assert_eq!(
            tenant(&json!({"id": 1}), &[("Tenant-Id", "first"), ("X-Tenant-ID", "h")]).as_deref(),
            Some("h")
        );
        assert_eq!(
            of(&message("no JSON", &[("ce_tenantid", "h")])).map(|t| t.to_string()),
            Ok("h".to_owned())
        );
    }

    #[test]
    fn who_names_nobody_or_two_is_nobody_s() {
        for payload in ["{}", "[]", "null", r#"{"tenantId":7}"#, r#"{"tenantId":"a","tenantId":"b"}"#] {
            let refusal = of(&message(payload, &[])).expect_err(payload);
            assert!(refusal.contains("names no tenant"), "{refusal}");
        }
        assert!(
            of(&message(r#"{"tenantId":"*"}"#, &[])).is_err(),
            "the owner of shared subscriptions is no tenant"
        );
    }
}
