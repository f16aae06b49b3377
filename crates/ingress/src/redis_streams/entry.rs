//! An entry of a stream as a message.
//!
//! An entry is a list of fields. The first of `payload`, `data`, `value`, `body` and `message` that is there is the value,
//! the others are headers; an entry with none of them is a JSON object of its fields.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use callbacks_core::sources::message::{Place, Said, SourceMessage};
use redis::Value;
use redis::streams::StreamId;
use time::OffsetDateTime;

const PAYLOAD_FIELDS: [&str; 5] = ["payload", "data", "value", "body", "message"];

pub(super) fn size(entry: &StreamId) -> usize {
    entry.map.values().filter_map(octets).map(|value| value.len()).sum()
}

fn octets(value: &Value) -> Option<Bytes> {
    match value {
        Value::BulkString(octets) => Some(Bytes::copy_from_slice(octets)),
        Value::SimpleString(text) => Some(Bytes::copy_from_slice(text.as_bytes())),
        Value::VerbatimString { text, .. } => Some(Bytes::copy_from_slice(text.as_bytes())),
        Value::Int(number) => Some(Bytes::from(number.to_string())),
        _ => None,
    }
}

pub(super) fn message(entry: StreamId, topic: &Arc<str>) -> SourceMessage {
    let mut fields: BTreeMap<String, Bytes> =
        entry.map.iter().filter_map(|(name, value)| Some((name.clone(), octets(value)?))).collect();
    let named = PAYLOAD_FIELDS.iter().find_map(|name| fields.remove(*name));
    let payload = named.unwrap_or_else(|| object(&fields));
    let time = entry.id.split_once('-').and_then(|(millis, _)| millis.parse::<i128>().ok());
    let time = time.and_then(|millis| OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000).ok());
    SourceMessage {
        place: Place {
            topic: Arc::clone(topic),
            partition: Arc::from(""),
            position: entry.id,
            lasting: true,
        },
        said: Said { time, ..Said::default() },
        key: None,
        headers: fields.into_iter().collect(),
        payload: Some(payload),
    }
}

/// Fields as a JSON object of texts.
fn object(fields: &BTreeMap<String, Bytes>) -> Bytes {
    let texts: BTreeMap<&str, Cow<'_, str>> =
        fields.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value))).collect();
    serde_json::to_vec(&texts).map(Bytes::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fields: &[(&str, &str)]) -> StreamId {
        let map = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::BulkString(value.as_bytes().to_vec())))
            .collect();
        StreamId { id: "1700000000000-3".to_owned(), map, ..StreamId::default() }
    }

    #[test]
    fn one_field_is_the_value_and_the_others_are_headers() {
        let made = message(entry(&[("data", "{\"a\": 1}"), ("type", "order.created")]), &Arc::from("orders"));
        assert_eq!(made.payload.as_deref(), Some(&b"{\"a\": 1}"[..]));
        assert_eq!(made.headers, [("type".to_owned(), Bytes::from("order.created"))]);
        assert_eq!((made.place.position.as_str(), made.said.time.is_some()), ("1700000000000-3", true));
    }

    #[test]
    fn fields_alone_are_an_object() {
        let made = message(entry(&[("type", "t"), ("amount", "5")]), &Arc::from("orders"));
        assert_eq!(made.payload.as_deref(), Some(&br#"{"amount":"5","type":"t"}"#[..]));
    }
}
