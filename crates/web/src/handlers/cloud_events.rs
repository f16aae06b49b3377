//! CloudEvents 1.0 over HTTP, read as events of ours. Structured and batched elements are JSON objects; in binary mode
//! the attributes are headers (percent-encoded, HTTP protocol binding 3.1.3) and the body is the data.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_interfaces::event_submission::{BATCH_MAX_LEN, EventSubmission};
use callbacks_interfaces::field_errors::{FieldError, ValidationErrors};
use http::HeaderMap;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::extract::json_object::parse_json;
use crate::problem_response::ApiError;

/// Header whose presence means binary mode.
const SPEC_VERSION_HEADER: &str = "ce-specversion";
/// Most errors listed about one batch.
const MAX_ERRORS: usize = 100;
/// Prefix of attribute headers.
const PREFIX: &str = "ce-";
/// Attributes with a place of their own in an event; all others become headers.
const PLACED: [&str; 9] =
    ["specversion", "id", "source", "type", "time", "tenantid", "datacontenttype", "data", "data_base64"];

/// Whether these headers announce a CloudEvent in binary mode.
pub(crate) fn is_binary(headers: &HeaderMap) -> bool {
    headers.contains_key(SPEC_VERSION_HEADER)
}

/// Reads one structured CloudEvent.
pub(crate) fn structured(body: &[u8]) -> Result<EventSubmission, ApiError> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(body).map_err(|_| {
        parse_json::<serde::de::IgnoredAny>(body)
            .err()
            .unwrap_or_else(|| ApiError::MalformedBody("A CloudEvent must be a JSON object".to_owned()))
    })?;
    let mut attributes = BTreeMap::new();
    let mut errors = Vec::new();
    for (name, raw) in members.iter().filter(|(name, _)| !name.starts_with("data") || *name == "dataschema") {
        match attribute(raw) {
            Ok(Some(text)) => {
                attributes.insert(name.clone(), text);
            }
            Ok(None) => {}
            Err(message) => errors.push(FieldError::new(name, "TypeMismatch", message)),
        }
    }
    if !errors.is_empty() {
        return Err(ValidationErrors(errors).into());
    }
    match (members.get("data"), members.get("data_base64")) {
        (Some(_), Some(_)) => Err(ApiError::parameter(
            "data",
            "Pattern",
            "Only one of data and data_base64 may be present",
            None,
        )),
        (Some(data), None) => submission(&attributes, data.get()),
        (None, Some(encoded)) => submission(&attributes, &decoded(encoded)?),
        (None, None) => submission(&attributes, "null"),
    }
}

/// Parses each element on its own; any broken one refuses all.
pub(crate) fn batch(body: &[u8]) -> Result<Vec<EventSubmission>, ApiError> {
    let items: Vec<&RawValue> = serde_json::from_slice::<Vec<&RawValue>>(body)
        .map_err(|_| parse_json::<Vec<serde::de::IgnoredAny>>(body).err().unwrap_or_else(not_an_array))?;
    if items.is_empty() || items.len() > BATCH_MAX_LEN {
        let message =
            format!("A batch must hold 1 to {BATCH_MAX_LEN} events; this one holds {}", items.len());
        return Err(ApiError::parameter("events", "Size", message, None));
    }
    let mut submissions = Vec::with_capacity(items.len());
    let mut errors: Vec<FieldError> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match structured(item.get().as_bytes()) {
            Ok(submission) => submissions.push(submission),
            Err(error) if errors.len() < MAX_ERRORS => errors.extend(placed(index, &error)),
            Err(_) => {}
        }
    }
    if errors.is_empty() { Ok(submissions) } else { Err(ValidationErrors(errors).into()) }
}

fn not_an_array() -> ApiError {
    ApiError::MalformedBody("The request body must be a JSON array of events".to_owned())
}

/// The errors of one element, under its index.
fn placed(index: usize, error: &ApiError) -> Vec<FieldError> {
    let whole = [FieldError::new("", "Malformed", error.to_string())];
    let fields = if error.fields().is_empty() { &whole[..] } else { error.fields() };
    fields
        .iter()
        .map(|field| {
            let dot = if field.field.is_empty() { "" } else { "." };
            FieldError { field: format!("[{index}]{dot}{}", field.field), ..field.clone() }
        })
        .collect()
}

/// Reads one CloudEvent whose attributes are headers and whose data is the body.
pub(crate) fn binary(headers: &HeaderMap, body: &[u8]) -> Result<EventSubmission, ApiError> {
    let mut attributes = BTreeMap::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix(PREFIX) else { continue };
        let text = percent_decoded(value.as_bytes()).ok_or_else(|| {
            ApiError::parameter(
                name.as_str(),
                "Pattern",
                format!("{name} must be percent-encoded UTF-8"),
                None,
            )
        })?;
        attributes.insert(attribute.to_owned(), text);
    }
    if body.is_empty() {
        return submission(&attributes, "null");
    }
    let data: &RawValue = serde_json::from_slice(body)
        .map_err(|_| parse_json::<Value>(body).err().unwrap_or(ApiError::Internal))?;
    submission(&attributes, data.get())
}

/// The event these attributes and this data make. `data` must be JSON text; its bytes become the payload.
fn submission(attributes: &BTreeMap<String, String>, data: &str) -> Result<EventSubmission, ApiError> {
    check_required(attributes)?;
    let mut event = Map::new();
    let mut place = |ours: &str, theirs: &str| {
        if let Some(text) = attributes.get(theirs) {
            event.insert(ours.to_owned(), text.as_str().into());
        }
    };
    place("id", "id");
    place("source", "source");
    place("type", "type");
    place("occurredAt", "time");
    place("tenantId", "tenantid");
    let headers: Map<String, Value> = attributes
        .iter()
        .filter(|(name, _)| !PLACED.contains(&name.as_str()))
        .map(|(name, text)| (format!("{PREFIX}{name}"), text.as_str().into()))
        .collect();
    if !headers.is_empty() {
        event.insert("headers".to_owned(), headers.into());
    }
    let mut text = Value::Object(event).to_string();
    text.pop();
    text.push_str(",\"payload\":");
    text.push_str(data);
    text.push('}');
    EventSubmission::parse(text.as_bytes()).map_err(ApiError::from)
}

fn check_required(attributes: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let mut errors = Vec::new();
    for name in ["id", "source", "type"] {
        if attributes.get(name).is_none_or(|text| text.trim().is_empty()) {
            errors.push(FieldError::new(
                name,
                "NotBlank",
                format!("The CloudEvents attribute '{name}' is required"),
            ));
        }
    }
    if attributes.get("specversion").map(String::as_str) != Some("1.0") {
        errors.push(FieldError::new(
            "specversion",
            "Pattern",
            "The CloudEvents attribute 'specversion' must be 1.0",
        ));
    }
    if errors.is_empty() { Ok(()) } else { Err(ValidationErrors(errors).into()) }
}

/// An attribute as text; `None` for null, which counts as absent.
fn attribute(raw: &RawValue) -> Result<Option<String>, &'static str> {
    match serde_json::from_str(raw.get()) {
        Ok(Value::String(text)) => Ok(Some(text)),
        Ok(Value::Bool(flag)) => Ok(Some(flag.to_string())),
        Ok(Value::Number(number)) => Ok(Some(number.to_string())),
        Ok(Value::Null) => Ok(None),
        _ => Err("A CloudEvents attribute must be a string, a number or a boolean"),
    }
}

fn decoded(encoded: &RawValue) -> Result<String, ApiError> {
    let refused = |message: &'static str| ApiError::parameter("data_base64", "Pattern", message, None);
    let text: String =
        serde_json::from_str(encoded.get()).map_err(|_| refused("data_base64 must be a string"))?;
    let bytes =
        STANDARD.decode(text).map_err(|_| refused("data_base64 must be base64 (RFC 4648, section 4)"))?;
    let json = serde_json::from_slice::<&RawValue>(&bytes);
    json.map(|data| data.get().to_owned())
        .map_err(|_| refused("data_base64 must hold JSON: payloads are JSON"))
}

fn percent_decoded(bytes: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first == b'%' {
            let (&[high, low], after) = rest.split_first_chunk()?;
            out.push(hex_digit(high)? << 4 | hex_digit(low)?);
            rest = after;
        } else {
            out.push(first);
        }
    }
    String::from_utf8(out).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRUCTURED: &str = r#"{"specversion":"1.0","id":"A-1","source":"/shop","type":"order.created",
        "time":"2026-01-01T00:00:00Z","subject":"17","tenantid":"acme","data":{"n": 1.50}}"#;

    #[test]
    fn structured_data_keeps_its_bytes() {
        let event = structured(STRUCTURED.as_bytes()).expect("valid");
        assert_eq!(event.id.as_deref(), Some("A-1"));
        assert_eq!(&*event.payload, r#"{"n": 1.50}"#);
        assert_eq!(event.tenant.as_ref().map(|tenant| tenant.as_str()), Some("acme"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = structured(br#"{"specversion":"0.3","id":"","type":7,"data":1}"#).expect_err("refused");
        let fields: Vec<_> = error.fields().iter().map(|field| field.field.as_str()).collect();
        assert_eq!(fields, ["id", "source", "specversion"]);
    }

    #[test]
    fn base64_data_must_be_json() {
        let with = |data: &str| {
            structured(
                format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"{data}"}}"#)
                    .as_bytes(),
            )
        };
        assert_eq!(&with("eyJhIjoxfQ==").expect("valid").payload[..], r#"{"a":1}"#);
        assert!(with("AAEC").is_err());
        assert!(with("***").is_err());
    }

    #[test]
    fn binary_attributes_are_percent_decoded() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "s"), ("ce-type", "caf%C3%A9")]
        {
            headers.insert(name, http::HeaderValue::from_static(value));
        }
        let event = binary(&headers, b"{ }").expect("valid");
        assert_eq!(event.event_type.as_str(), "café");
        assert_eq!(&*event.payload, "{ }");
        assert!(
            percent_decoded(b"%").is_none()
                && percent_decoded(b"%zz").is_none()
                && percent_decoded(b"%ff").is_none()
        );
    }
}
