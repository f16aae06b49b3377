//! CloudEvents 1.0 over brokers: what its attributes say about an event, in binary and in structured mode.
//!
//! Binary: a header per attribute, named `ce_…` (Kafka binding), `cloudEvents:…` or `cloudEvents_…` (AMQP binding) or
//! `ce-…` (NATS binding, HTTP); the value is the data. Structured: the value is a JSON envelope (`application/cloudevents+json`).

use base64::Engine as _;
use bytes::Bytes;
use callbacks_interfaces::instant;
use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

/// Prefixes of attribute headers, compared without case.
const PREFIXES: [&str; 4] = ["ce_", "ce-", "cloudEvents:", "cloudEvents_"];
const STRUCTURED: &str = "application/cloudevents+json";

/// What a CloudEvent says about itself. Blank attributes count as absent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) id: Option<String>,
    pub(super) event_type: Option<String>,
    pub(super) source: Option<String>,
    pub(super) time: Option<OffsetDateTime>,
    pub(super) content_type: Option<String>,
}

/// A CloudEvent that carries its data with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) attributes: Attributes,
    /// `data` as its source text, or what `data_base64` holds; empty when there is neither.
    pub(super) data: Bytes,
}

/// The attributes of a message in binary mode; `None` when it is no CloudEvent.
pub(super) fn binary<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Attributes> {
    let mut attributes = Attributes::default();
    let mut versioned = false;
    for (name, value) in headers {
        let Some(attribute) = attribute_name(name) else { continue };
        let text = || Some(value.to_owned()).filter(|text| !text.trim().is_empty());
        match attribute.to_ascii_lowercase().as_str() {
            "specversion" => versioned = true,
            "id" => attributes.id = text(),
            "type" => attributes.event_type = text(),
            "source" => attributes.source = text(),
            "time" => attributes.time = instant::from_text(value),
            _ => {}
        }
    }
    versioned.then_some(attributes)
}

/// Whether a media type announces structured mode.
pub(super) fn is_structured(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(STRUCTURED)
}

/// Reads an envelope.
///
/// # Errors
/// A sentence that says what is wrong with it, without quoting it.
pub(super) fn structured(payload: &Bytes) -> Result<Envelope, String> {
    let raw: RawEnvelope<'_> = serde_json::from_slice(payload).map_err(|error| {
        format!("the value is no CloudEvent envelope (line {} column {})", error.line(), error.column())
    })?;
    let data = match (raw.data, raw.data_base64) {
        (Some(_), Some(_)) => return Err("the CloudEvent has both data and data_base64".to_owned()),
        // The same octets as received, shared with the message.
        (Some(data), None) => payload.slice_ref(data.get().as_bytes()),
        (None, Some(encoded)) => base64::engine::general_purpose::STANDARD
            .decode(encoded.as_bytes())
            .map(Bytes::from)
            .map_err(|_| "data_base64 of the CloudEvent is not base64".to_owned())?,
        (None, None) => Bytes::new(),
    };
    let present = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let attributes = Attributes {
        id: present(raw.id),
        event_type: present(raw.event_type),
        source: present(raw.source),
        time: raw.time.as_deref().and_then(instant::from_text),
        content_type: present(raw.datacontenttype),
    };
    if attributes.event_type.is_none() {
        return Err("the CloudEvent has no type".to_owned());
    }
    Ok(Envelope { attributes, data })
}

#[derive(Deserialize)]
struct RawEnvelope<'a> {
    id: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    source: Option<String>,
    time: Option<String>,
    datacontenttype: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
}

fn attribute_name(header: &str) -> Option<&str> {
    PREFIXES.iter().find_map(|prefix| {
        let (start, rest) = header.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn every_binding_names_its_attributes_in_its_own_way() {
        for prefix in ["ce_", "ce-", "CE-", "cloudEvents:", "cloudEvents_"] {
            let headers = [
                (format!("{prefix}specversion"), "1.0"),
                (format!("{prefix}id"), "A-1"),
                (format!("{prefix}type"), "order.created"),
                (format!("{prefix}source"), "/shop"),
                (format!("{prefix}time"), "2026-01-31T12:00:00Z"),
                ("other".to_owned(), "x"),
            ];
            let found =
                binary(headers.iter().map(|(name, value)| (name.as_str(), *value))).expect("a CloudEvent");
            assert_eq!(
                (found.id, found.event_type, found.source),
                (some("A-1"), some("order.created"), some("/shop"))
            );
            assert!(found.time.is_some(), "{prefix}");
        }
    }

    #[test]
    fn without_a_version_it_is_no_cloud_event() {
        assert_eq!(binary([("ce_type", "x")].into_iter()), None);
    }

    #[test]
    fn data_is_kept_byte_for_byte() {
        let value = Bytes::from_static(br#"{"specversion":"1.0","id":"1","type":"t","source":"/s","datacontenttype":"application/json","data":{"a":  1.0}}"#);
        let envelope = structured(&value).expect("an envelope");
        assert_eq!(&envelope.data[..], br#"{"a":  1.0}"#);
        assert_eq!(envelope.attributes.content_type, some("application/json"));
    }

    #[test]
    fn binary_data_is_decoded() {
        let value = Bytes::from_static(br#"{"id":"1","type":"t","source":"/s","data_base64":"AP8="}"#);
        assert_eq!(&structured(&value).expect("an envelope").data[..], b"\x00\xff");
    }

    #[test]
    fn broken_envelopes_are_told_without_being_quoted() {
        for broken in [
            "canary",
            "[]",
            r#"{"id":"canary"}"#,
            r#"{"type":"t","data":1,"data_base64":""}"#,
            r#"{"type":"t","data_base64":"canary!"}"#,
        ] {
            let reason = structured(&Bytes::from(broken)).expect_err("broken");
            assert!(!reason.contains("canary"), "{reason}");
        }
    }

    #[test]
    fn media_types_are_compared_without_parameters_and_case() {
        assert!(is_structured("Application/CloudEvents+JSON; charset=utf-8"));
        assert!(!is_structured("application/json"));
    }
}
