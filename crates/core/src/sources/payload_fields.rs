//! The members of a payload that may name an event, read without taking the rest of the payload apart.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Scalar members of a JSON object, as text. `null`, blank and structured values count as absent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PayloadFields {
    pub(super) event_type: Option<String>,
    pub(super) plain_type: Option<String>,
    pub(super) at_type: Option<String>,
    pub(super) event_id: Option<String>,
    pub(super) id: Option<String>,
}

/// The members, or `None` when the value is no JSON. JSON that is not an object has none of them.
pub(super) fn read(payload: &[u8]) -> Option<PayloadFields> {
    let mut reader = serde_json::Deserializer::from_slice(payload);
    let fields = reader.deserialize_any(Members).ok()?;
    reader.end().ok()?;
    Some(fields)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = PayloadFields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    /// Of a member given twice the last one counts, as with the parsers of the compatible systems.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PayloadFields, A::Error> {
        let mut fields = PayloadFields::default();
        while let Some(Name(name)) = map.next_key()? {
            let field = match &*name {
                "eventType" => &mut fields.event_type,
                "type" => &mut fields.plain_type,
                "@type" => &mut fields.at_type,
                "eventId" => &mut fields.event_id,
                "id" => &mut fields.id,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *field = scalar(map.next_value::<&RawValue>()?);
        }
        Ok(fields)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<PayloadFields, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(PayloadFields::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<PayloadFields, E> {
        Ok(PayloadFields::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<PayloadFields, E> {
        Ok(PayloadFields::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<PayloadFields, E> {
        Ok(PayloadFields::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<PayloadFields, E> {
        Ok(PayloadFields::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<PayloadFields, E> {
        Ok(PayloadFields::default())
    }

    fn visit_unit<E>(self) -> Result<PayloadFields, E> {
        Ok(PayloadFields::default())
    }
}

/// A member's name, borrowed unless it is written with escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text of a string, number or boolean.
fn scalar(raw: &RawValue) -> Option<String> {
    let source = raw.get();
    let text = match source.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(source).ok()?,
        b'{' | b'[' | b'n' => return None,
        _ => source.to_owned(),
    };
    (!text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn scalars_are_taken_and_everything_else_counts_as_absent() {
        let fields =
            read(br#"{"eventType":5,"type":true,"@type":{"n":"x"},"eventId":null,"id":" "}"#).expect("JSON");
        let wanted =
            PayloadFields { event_type: some("5"), plain_type: some("true"), ..PayloadFields::default() };
        assert_eq!(fields, wanted);
    }

    #[test]
    fn escaped_names_are_the_same_names_and_the_last_one_counts() {
        let fields = read(br#"{"id":"a","data":{"id":"inner"},"\u0069d":"b"}"#).expect("JSON");
        assert_eq!(fields.id, some("b"));
    }

    #[test]
    fn any_json_is_json_and_nothing_else_is() {
        for json in ["1", "-1", "1.5", "null", "true", "\"x\"", "[1,{\"id\":2}]", " {} "] {
            assert_eq!(read(json.as_bytes()), Some(PayloadFields::default()), "{json}");
        }
        for other in ["", "{", "{}x", "abc", "{\"id\":}", "\u{feff}{}"] {
            assert_eq!(read(other.as_bytes()), None, "{other:?}");
        }
        assert_eq!(read(b"\xff\xfe"), None);
    }

    #[test]
    fn depth_does_not_exhaust_the_stack() {
        let deep = format!("{{\"type\":\"t\",\"d\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(deep.as_bytes()).and_then(|fields| fields.plain_type), some("t"));
    }
}
