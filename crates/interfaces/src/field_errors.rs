//! What is wrong with a body: one entry a violated rule, all of them at once.

use std::fmt;

use serde_json::Value;

/// One violated rule of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// The JSON path of the field: `name`, `subscribedEventTypes[2]`, `retryPolicy.delayMs`;
    /// empty for the body as a whole.
    pub field: String,
    /// The rule, in the contract's words: `NotBlank`, `NotNull`, `Size`, `Min`, `Max`,
    /// `DecimalMin`, `DecimalMax`, `Pattern`, `Email`, `TypeMismatch`, `Enum`.
    pub code: String,
    /// What is wrong and what would be right, for people.
    pub message: String,
    /// The refused value, where showing it is harmless (never a secret).
    pub rejected: Option<Value>,
}

impl FieldError {
    /// An error that quotes no value.
    #[must_use]
    pub fn new(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), code: code.into(), message: message.into(), rejected: None }
    }

    /// The same error, quoting the refused value (long text is cut to 200 characters).
    #[must_use]
    pub fn rejecting(mut self, value: &Value) -> Self {
        self.rejected = Some(shortened(value));
        self
    }
}

const REJECTED_TEXT_MAX_CHARS: usize = 200;

/// An answer must not be as long as the hostile body that caused it.
fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > REJECTED_TEXT_MAX_CHARS => {
            let mut cut: String = text.chars().take(REJECTED_TEXT_MAX_CHARS).collect();
            cut.push('…');
            Value::String(cut)
        }
        Value::Array(items) => Value::String(format!("[{} items]", items.len())),
        Value::Object(members) => Value::String(format!("{{{} members}}", members.len())),
        other => other.clone(),
    }
}

/// All that is wrong with a body. Never empty.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct ValidationErrors(pub Vec<FieldError>);

impl ValidationErrors {
    /// A single error that quotes no value.
    #[must_use]
    pub fn one(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self(vec![FieldError::new(field, code, message)])
    }
}

impl From<FieldError> for ValidationErrors {
    fn from(error: FieldError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for ValidationErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            if !error.field.is_empty() {
                write!(f, "{}: ", error.field)?;
            }
            f.write_str(&error.message)?;
        }
        Ok(())
    }
}
