//! A request body that must be a JSON object.

use serde_json::{Map, Value};

use crate::field_errors::ValidationErrors;

/// The members of the JSON object in `body`. Nesting is limited to 128 levels.
///
/// # Errors
/// One error for the body as a whole: empty, not JSON (with line and column), or not an object.
pub fn object(body: &[u8]) -> Result<Map<String, Value>, ValidationErrors> {
    if body.trim_ascii().is_empty() {
        return Err(ValidationErrors::one("", "NotNull", "The body is empty; send a JSON object"));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(other) => Err(not_an_object(kind_of(&other))),
        Err(error) => Err(malformed(&error)),
    }
}

pub(crate) fn not_an_object(kind: &str) -> ValidationErrors {
    ValidationErrors::one("", "TypeMismatch", format!("The body must be a JSON object, not {kind}"))
}

pub(crate) fn malformed(error: &serde_json::Error) -> ValidationErrors {
    ValidationErrors::one("", "Malformed", format!("The body is not valid JSON: {error}"))
}

/// The JSON type of a value with its article, for messages.
pub(crate) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_named() {
        let message = |body: &[u8]| object(body).expect_err("refused").to_string();
        assert_eq!(message(b" "), "The body is empty; send a JSON object");
        assert_eq!(message(b"null"), "The body must be a JSON object, not null");
        assert_eq!(message(b"[1]"), "The body must be a JSON object, not an array");
        assert!(message(b"{\"a\":NaN}").starts_with("The body is not valid JSON: "));
        assert!(message(&[0xff, 0xfe, 0x7b, 0, 0x7d, 0]).contains("not valid JSON"));
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        assert!(message(deep.as_bytes()).contains("recursion limit"));
    }
}
