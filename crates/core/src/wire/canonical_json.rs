//! JSON in one form only, byte for byte: Python's `json.dumps(…, separators=(",", ":"), sort_keys=True)`, which pyfly,
//! svc-infra and Dealix sign, and firefly-rust's sorted form. A receiver that parses such a body and writes it anew gets
//! the same bytes, so it can verify either way.

use super::json_number::{push_python, push_serde};
pub use super::json_reader::JsonFault;
use super::json_reader::{Json, Member, read};
use super::json_text::{Escapes, push_quoted, push_text};

/// The canonical form of a JSON text: keys sorted by code point and the last of repeated ones kept, no blanks, ASCII
/// only, floats as Python's `repr`, integers in full.
///
/// # Errors
/// When the text is not JSON, or has a number or a text Python could not write as JSON: NaN, Infinity, numbers beyond a
/// double's range, integers beyond 4300 digits, lone surrogates.
pub fn canonical(json: &str) -> Result<String, JsonFault> {
    written(json, Form::Python)
}

/// The sorted form of a JSON text: as [`canonical`], but text outside ASCII stays as it is and floats are serde's.
///
/// # Errors
/// When the text is not JSON, or has a number beyond a double's range or a lone surrogate.
pub fn sorted(json: &str) -> Result<String, JsonFault> {
    written(json, Form::Serde)
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Python,
    Serde,
}

impl Form {
    pub(super) fn escapes(self) -> Escapes {
        match self {
            Self::Python => Escapes::Ascii,
            Self::Serde => Escapes::Minimal,
        }
    }
}

fn written(json: &str, form: Form) -> Result<String, JsonFault> {
    let mut value = read(json)?;
    sort(&mut value);
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    push(&value, form, &mut out)?;
    Ok(out)
}

/// Sorts the members of every object inside a value.
pub(super) fn sort(value: &mut Json<'_>) {
    match value {
        Json::Word(_) | Json::Number(_) | Json::Text(_) => {}
        Json::Array(items) => items.iter_mut().for_each(sort),
        Json::Object(members) => {
            // UTF-8 sorts as code points do. The sort is stable: of equal keys the last comes last.
            members.sort_by(|a, b| a.key.cmp(&b.key));
            members.iter_mut().for_each(|member| sort(&mut member.value));
        }
    }
}

/// Writes a sorted value.
pub(super) fn push(value: &Json<'_>, form: Form, out: &mut String) -> Result<(), JsonFault> {
    match value {
        Json::Word(word) => out.push_str(word),
        Json::Number(number) if form == Form::Python => push_python(number, out)?,
        Json::Number(number) => push_serde(number, out)?,
        Json::Text(text) => push_quoted(*text, form.escapes(), out)?,
        Json::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                push(item, form, out)?;
            }
            out.push(']');
        }
        Json::Object(members) => push_object(members, form, out)?,
    }
    Ok(())
}

fn push_object(members: &[Member<'_>], form: Form, out: &mut String) -> Result<(), JsonFault> {
    out.push('{');
    let mut separator = "";
    for (position, member) in members.iter().enumerate() {
        if members.get(position + 1).is_some_and(|next| next.key == member.key) {
            continue;
        }
        out.push_str(separator);
        separator = ",";
        push_quoted(member.quoted, form.escapes(), out)?;
        out.push(':');
        push(&member.value, form, out)?;
    }
    out.push('}');
    Ok(())
}

/// Writes a text of ours, such as an event's type.
pub(super) fn push_own_text(text: &str, form: Form, out: &mut String) {
    push_text(text, form.escapes(), out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_vector_byte_for_byte() {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/canonical_json.json"))
            .expect("valid JSON");
        for case in vectors["cases"].as_array().expect("a list") {
            let input = case["input"].as_str().expect("a text");
            let result = canonical(input);
            if case["recommended"] == "reject" {
                assert!(result.is_err(), "{input}: {result:?}");
            } else {
                assert_eq!(result.expect("canonical"), case["python_sorted_ascii"].as_str().expect("a text"));
            }
        }
    }

    #[test]
    fn firefly_rusts_form_without_its_loss_of_digits() {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/canonical_json.json"))
            .expect("valid JSON");
        for case in vectors["cases"].as_array().expect("a list") {
            let (input, form) = (case["input"].as_str().expect("a text"), &case["firefly_rust_sorted"]);
            match form.as_str() {
                // Upstream turns big integers into doubles; ours stay what they are.
                Some(_) if input.contains("123456789012345678901234567890") => {}
                Some(form) => assert_eq!(sorted(input).as_deref(), Ok(form)),
                None => assert!(sorted(input).is_err(), "{input}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused_with_its_reason() {
        let syntax = |text| matches!(canonical(text), Err(JsonFault::Syntax { .. }));
        for text in [
            "",
            "{",
            "[1,]",
            "01",
            "1.",
            ".5",
            "+1",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\u12\"",
            "{1:2}",
            "nul",
            "-Infinity",
            "\u{feff}1",
        ] {
            assert!(syntax(text), "{text:?}");
        }
        assert_eq!(canonical("1e400"), Err(JsonFault::NotFinite));
        assert_eq!(canonical("\"\\ud800x\""), Err(JsonFault::LoneSurrogate));
        assert_eq!(canonical("{\"\\udc00\":1}"), Err(JsonFault::LoneSurrogate));
        assert_eq!(canonical(&"[".repeat(300)), Err(JsonFault::TooDeep));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            // serde_json reads doubles with long mantissas a little wrong; their writing is tested in `json_number`.
            any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn both_forms_are_fixed_points_and_mean_the_same(value in json()) {
            let source = serde_json::to_string_pretty(&value).expect("serialises");
            for form in [canonical, sorted] {
                let once = form(&source).expect("JSON");
                prop_assert_eq!(&form(&once).expect("JSON"), &once);
                prop_assert_eq!(&serde_json::from_str::<Value>(&once).expect("JSON"), &value);
            }
            prop_assert!(canonical(&source).expect("JSON").is_ascii());
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}\",:\\\\ud8dcnltrue0-9.eE+ -]{0,40}") {
            let ours = canonical(&text).is_ok();
            // serde_json takes lone surrogates for an error too, and numbers beyond a double.
            prop_assert_eq!(ours, serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
        }
    }
}
