//! A schema of payloads, compiled. Its evaluation is bounded: the schema by `schema_rules`, patterns by an engine of
//! linear time, and schema times payload by [`WORK_MAX`].

use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::schema_rules;

/// Most compiled bytes of one pattern.
const PATTERN_MAX_BYTES: usize = 1 << 20;
/// Most places of the schema times bytes of the payload: about a second of work at the very worst.
const WORK_MAX: u64 = 128 << 20;

/// A compiled schema. Cheap to clone.
#[derive(Clone)]
pub struct PayloadSchema {
    text: Arc<str>,
    places: u64,
    validator: Arc<Validator>,
}

impl std::fmt::Debug for PayloadSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PayloadSchema").field("text", &self.text).finish_non_exhaustive()
    }
}

/// What a payload has against its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON Pointer into the payload; empty is the whole.
    pub pointer: String,
    /// What is wrong there, without the value.
    pub message: String,
}

impl PayloadSchema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// A sentence that says what is wrong and where.
    pub fn compile(schema: &Value) -> Result<Self, String> {
        let places = schema_rules::places(schema)?;
        let patterns = PatternOptions::regex().size_limit(PATTERN_MAX_BYTES);
        let validator = jsonschema::options()
            .with_pattern_options(patterns)
            .offline()
            .build(schema)
            .map_err(|error| format!("Not a valid JSON Schema at #{}: {error}", error.instance_path()))?;
        Ok(Self { text: schema.to_string().into(), places, validator: Arc::new(validator) })
    }

    /// The schema's JSON text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Judges a payload.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn judge(&self, payload: &[u8]) -> Result<(), Violation> {
        let whole = |message: String| Violation { pointer: String::new(), message };
        let work = self.places.saturating_mul(payload.len() as u64);
        if work > WORK_MAX {
            return Err(whole(format!(
                "a payload of {} bytes is too large to be checked against a schema with {} subschemas",
                payload.len(),
                self.places
            )));
        }
        let value: Value = serde_json::from_slice(payload)
            .map_err(|error| whole(format!("the payload is not JSON: {error}")))?;
        self.judge_value(&value)
    }

    /// Judges a payload that is parsed already.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn judge_value(&self, value: &Value) -> Result<(), Violation> {
        self.validator.validate(value).map_err(|error| Violation {
            pointer: error.instance_path().to_string(),
            message: error.masked_with("the value").to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order() -> PayloadSchema {
        let schema = json!({
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": {"type": "string", "pattern": "^o-[0-9]+$"},
                "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
            },
            "$defs": {"line": {"type": "object", "required": ["sku"], "properties": {"n": {"minimum": 1}}}},
        });
        PayloadSchema::compile(&schema).expect("a schema")
    }

    #[test]
    fn a_violation_names_the_place_and_never_the_value() {
        let order = order();
        assert_eq!(order.judge(br#"{"id":"o-1","lines":[{"sku":"a","n":2}]}"#), Ok(()));
        for (payload, pointer, message) in [
            (r#"{"id":"o-1","lines":[{"sku":"a"},{"sku":"b","n":0}]}"#, "/lines/1/n", "minimum"),
            (r#"{"id":"canary"}"#, "/id", "does not match"),
            (r#"{}"#, "", "required"),
            ("nonsense", "", "not JSON"),
        ] {
            let violation = order.judge(payload.as_bytes()).expect_err("a violation");
            assert_eq!(violation.pointer, pointer, "{violation:?}");
            assert!(violation.message.contains(message), "{violation:?}");
            assert!(!violation.message.contains("canary"), "{violation:?}");
        }
    }

    #[test]
    fn what_is_no_schema_and_what_looks_around_is_refused() {
        for (schema, message) in [
            (json!({"type": "objekt"}), "/type"),
            (json!({"pattern": "(?=a)b"}), "pattern"),
            (json!({"pattern": "("}), "pattern"),
            (json!({"pattern": "(a{1000}){1000}"}), "pattern"),
        ] {
            let refusal = PayloadSchema::compile(&schema).expect_err("refused");
            assert!(refusal.contains(message), "{refusal}");
        }
    }

    #[test]
    fn more_work_than_is_allowed_is_refused_at_once() {
        let many: Vec<Value> = (0..1500).map(|n| json!({"not": {"const": n}})).collect();
        let schema = PayloadSchema::compile(&json!({"items": {"allOf": many[..900]}})).expect("a schema");
        let payload = format!("[{}1]", "1,".repeat(100_000));
        let violation = schema.judge(payload.as_bytes()).expect_err("too much");
        assert!(violation.message.contains("too large to be checked"), "{violation:?}");
    }
}
