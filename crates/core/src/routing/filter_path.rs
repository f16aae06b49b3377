//! Firefly's filters, `path=value`: a dotted path into the payload and the text its value must have.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::filter_outcome::FilterFailure;

/// A parsed `path=value`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PathFilter {
    path: Vec<String>,
    wanted: String,
}

impl PathFilter {
    /// Parses an expression; `None` when it does not have this form: a dotted path of letters, digits, `_`, `-` and
    /// `@`, and one `=` that is not the beginning of `==`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (path, wanted) = text.split_once('=')?;
        let path: Vec<String> = path.trim().split('.').map(str::to_owned).collect();
        let is_form = !wanted.starts_with('=') && path.iter().all(|segment| is_segment(segment));
        is_form.then(|| Self { path, wanted: wanted.trim().to_owned() })
    }

    /// Compares the value at the path: a string by its content, anything else by its compact text, numbers as they
    /// are written (`42` is not `42.0`). A missing path does not match.
    pub(super) fn matches(&self, payload: &[u8]) -> Result<bool, FilterFailure> {
        let mut value: &RawValue = serde_json::from_slice(payload).map_err(|_| not_json())?;
        for segment in &self.path {
            match member(value, segment)? {
                Some(found) => value = found,
                None => return Ok(false),
            }
        }
        let literal = value.get();
        match literal.as_bytes().first() {
            Some(b'"') => Ok(serde_json::from_str::<String>(literal).map_err(|_| not_json())? == self.wanted),
            Some(b'{' | b'[') => Ok(compact(literal)? == self.wanted),
            _ => Ok(literal == self.wanted),
        }
    }
}

fn is_segment(segment: &str) -> bool {
    !segment.is_empty() && segment.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '@'))
}

fn not_json() -> FilterFailure {
    FilterFailure::new("the payload is not valid JSON")
}

/// The member of an object under a name, as it is written; the last one if there are several, `None` if there is none
/// or `value` is no object.
fn member<'a>(value: &'a RawValue, name: &str) -> Result<Option<&'a RawValue>, FilterFailure> {
    if !value.get().starts_with('{') {
        return Ok(None);
    }
    let mut object = serde_json::Deserializer::from_str(value.get());
    object.deserialize_map(Member(name)).map_err(|_| not_json())
}

struct Member<'n>(&'n str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(Equals(self.0))? {
            if is_it {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Compares a key without keeping it.
struct Equals<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Equals<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Equals<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

/// JSON without insignificant white space and with every string escaped in the one shortest way. Numbers stay as written.
fn compact(json: &str) -> Result<String, FilterFailure> {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    let mut following = rest.chars();
    while let Some(next) = following.next() {
        if next == '"' {
            let (literal, after) = rest.split_at(string_length(rest));
            let content: String = serde_json::from_str(literal).map_err(|_| not_json())?;
            text.push_str(&serde_json::to_string(&content).map_err(|_| not_json())?);
            rest = after;
            following = rest.chars();
        } else {
            if !next.is_ascii_whitespace() {
                text.push(next);
            }
            rest = following.as_str();
        }
    }
    Ok(text)
}

/// Length in bytes of the string literal `json` begins with.
fn string_length(json: &str) -> usize {
    let mut escaped = false;
    let end = json.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(json.len(), |position| position + 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(expression: &str, payload: &str) -> Result<bool, FilterFailure> {
        PathFilter::parse(expression).expect("of this form").matches(payload.as_bytes())
    }

    #[test]
    fn only_a_dotted_path_and_one_equals_sign_is_this_form() {
        for text in ["a=b", " a.b = c", "@type=x", "a-b_c.1=", "a=b=c", "a==b"]
            .iter()
            .zip([true, true, true, true, true, false])
        {
            assert_eq!(PathFilter::parse(text.0).is_some(), text.1, "{}", text.0);
        }
        for text in [
            "", "a", "=x", "a..b=c", "a.b!=c", "a<=b", "a>=b", "a b=c", "a[0]=b", "f(x)=y", ".a=b", "a.=b",
            "!a=b", "'a'=b",
        ] {
            assert_eq!(PathFilter::parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_compared_as_they_are_written() {
        let payload = r#"{"i":42,"f":42.0,"big":12345678901234567890123,"e":1e2}"#;
        for (expression, expected) in [
            ("i=42", true),
            ("i=42.0", false),
            ("f=42.0", true),
            ("f=42", false),
            ("big=12345678901234567890123", true),
            ("e=1e2", true),
            ("e=100", false),
        ] {
            assert_eq!(matches(expression, payload), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn objects_and_lists_are_compared_by_their_compact_text() {
        let payload = "{ \"a\" : { \"x\" : [ 1 , 2.50, \"\\u0041 \\\" b\" ] } }";
        assert_eq!(matches(r#"a={"x":[1,2.50,"A \" b"]}"#, payload), Ok(true));
        assert_eq!(matches("a.x.0=1", payload), Ok(false));
    }

    #[test]
    fn the_last_of_equal_names_counts() {
        assert_eq!(matches("a=2", r#"{"a":1,"b":3,"a":2}"#), Ok(true));
        assert_eq!(matches("\u{e9}=x", r#"{"\u00e9":"x"}"#), Ok(true));
    }

    #[test]
    fn a_payload_that_is_no_json_cannot_be_decided() {
        for payload in ["", "{", "{\"a\":1", "not json", "{\"a\":\"\\ud800\"}", "\u{0}"] {
            assert!(matches("a=1", payload).is_err(), "{payload:?}");
        }
        for payload in ["[]", "1", "null", "\"a\"", "{}"] {
            assert_eq!(matches("a=1", payload), Ok(false), "{payload:?}");
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".{0,6}".prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_parsed_document(json in any_json(), path in prop::collection::vec("[a-c]", 1..4), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) }.expect("writes");
            let found = path.iter().try_fold(&json, |value, name| value.get(name.as_str()));
            let wanted = match found {
                Some(serde_json::Value::String(content)) => content.trim().to_owned(),
                Some(other) => serde_json::to_string(other).expect("writes"),
                None => "x".to_owned(),
            };
            let filter = PathFilter { path, wanted: wanted.clone() };
            let expected = match found {
                Some(serde_json::Value::String(content)) => *content == wanted,
                other => other.is_some(),
            };
            prop_assert_eq!(filter.matches(text.as_bytes()), Ok(expected));
        }

        #[test]
        fn no_text_and_no_payload_panics(text in ".{0,40}", payload in ".{0,40}") {
            if let Some(filter) = PathFilter::parse(&text) {
                let _ = filter.matches(payload.as_bytes());
            }
        }
    }
}
