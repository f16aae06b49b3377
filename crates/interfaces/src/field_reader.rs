//! Reads the fields of a JSON object and collects everything that is wrong with them.
//!
//! The rules and messages are Jakarta Validation's, as the contract uses them: an omitted property
//! takes its default, `null` on a required one is an error, unknown properties are ignored, and one
//! field may violate several rules at once. Lengths are counted in Unicode characters.

use std::collections::BTreeMap;
use std::convert::Infallible;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::field_errors::{FieldError, ValidationErrors};
use crate::instant;
use crate::json_body::kind_of;
use crate::masked::is_sensitive_name;
use crate::named_enum::NamedEnum;
use crate::patch::Patch;
use crate::scalar_rules::{holds_nul, is_email, whole_number};

/// How long a text or list may be, and what to say otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Fewest characters or items.
    pub min: usize,
    /// Most characters or items.
    pub max: usize,
    /// The message of a violation.
    pub message: &'static str,
}

/// Which numbers are allowed, and what to say otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<T> {
    /// Smallest number.
    pub min: T,
    /// The message for a smaller one.
    pub below: &'static str,
    /// Largest number.
    pub max: T,
    /// The message for a larger one.
    pub above: &'static str,
}

/// A reader over one JSON object. Each method reads one property; an error is recorded and the
/// property's default returned, so that reading goes on and everything wrong is reported at once.
#[derive(Debug)]
pub struct FieldReader<'a> {
    object: &'a Map<String, Value>,
    prefix: String,
    errors: Vec<FieldError>,
}

impl<'a> FieldReader<'a> {
    /// A reader over a body.
    #[must_use]
    pub const fn new(object: &'a Map<String, Value>) -> Self {
        Self { object, prefix: String::new(), errors: Vec::new() }
    }

    /// What was wrong.
    ///
    /// # Errors
    /// All recorded errors, when there is one.
    pub fn finish(self) -> Result<(), ValidationErrors> {
        if self.errors.is_empty() { Ok(()) } else { Err(ValidationErrors(self.errors)) }
    }

    /// What the object says about a property.
    #[must_use]
    pub fn get(&self, name: &str) -> Patch<&'a Value> {
        match self.object.get(name) {
            None => Patch::Absent,
            Some(Value::Null) => Patch::Null,
            Some(value) => Patch::Value(value),
        }
    }

    /// Records an error that quotes no value.
    pub fn fail(&mut self, name: &str, code: &str, message: impl Into<String>) {
        let field = format!("{}{name}", self.prefix);
        self.errors.push(FieldError::new(field, code, message));
    }

    /// Records an error that quotes the refused value, unless the field's name says it may be a
    /// secret.
    pub fn refuse(&mut self, name: &str, code: &str, message: impl Into<String>, value: &Value) {
        if is_sensitive_name(name) {
            self.fail(name, code, message);
            return;
        }
        let field = format!("{}{name}", self.prefix);
        self.errors.push(FieldError::new(field, code, message).rejecting(value));
    }

    fn mismatch(&mut self, name: &str, expected: &str, value: &Value) {
        let message = format!("{name} must be {expected}, not {}", kind_of(value));
        self.refuse(name, "TypeMismatch", message, value);
    }

    fn string(&mut self, name: &str, value: &'a Value) -> Option<&'a str> {
        let Value::String(text) = value else {
            self.mismatch(name, "a string", value);
            return None;
        };
        if text.contains('\0') {
            // No database text can hold NUL; refused here so that it is never our failure.
            let message = format!("{name} must not contain the NUL character");
            self.fail(name, "Pattern", message);
            return None;
        }
        Some(text)
    }

    fn check_size(&mut self, name: &str, length: usize, size: &Size, value: &Value) {
        if length < size.min || length > size.max {
            self.refuse(name, "Size", size.message, value);
        }
    }

    /// A text that may be missing.
    pub fn text(&mut self, name: &str, size: &Size) -> Option<String> {
        let value = self.get(name).value()?;
        let text = self.string(name, value)?;
        self.check_size(name, text.chars().count(), size, value);
        Some(text.to_owned())
    }

    /// A text that must not be missing or blank.
    pub fn required_text(&mut self, name: &str, required: &str, size: &Size) -> String {
        let Patch::Value(value) = self.get(name) else {
            self.fail(name, "NotBlank", required);
            return String::new();
        };
        let Some(text) = self.string(name, value) else {
            return String::new();
        };
        if text.trim().is_empty() {
            self.refuse(name, "NotBlank", required, value);
        }
        self.check_size(name, text.chars().count(), size, value);
        text.to_owned()
    }

    /// An e-mail address that may be missing. An empty text is valid, as in Jakarta's rule.
    pub fn email(&mut self, name: &str, message: &str, size: &Size) -> Option<String> {
        let text = self.text(name, size)?;
        if !text.is_empty() && !is_email(&text) {
            self.refuse(name, "Email", message, &Value::String(text.clone()));
        }
        Some(text)
    }

    /// A boolean; `false` when missing.
    pub fn flag_or_false(&mut self, name: &str) -> bool {
        self.optional_flag(name).unwrap_or(false)
    }

    /// A boolean; `true` when missing.
    pub fn flag_or_true(&mut self, name: &str) -> bool {
        self.optional_flag(name).unwrap_or(true)
    }

    /// A boolean that may be missing.
    pub fn optional_flag(&mut self, name: &str) -> Option<bool> {
        let value = self.get(name).value()?;
        if let Value::Bool(flag) = value {
            return Some(*flag);
        }
        self.mismatch(name, "true or false", value);
        None
    }

    /// An integer that may be missing. A number out of bounds is returned as the nearest bound.
    pub fn integer(&mut self, name: &str, bounds: &Bounds<i64>) -> Option<i64> {
        let value = self.get(name).value()?;
        let Some(number) = whole_number(value) else {
            self.mismatch(name, "a whole number", value);
            return None;
        };
        if number < bounds.min {
            self.refuse(name, "Min", bounds.below, value);
        } else if number > bounds.max {
            self.refuse(name, "Max", bounds.above, value);
        }
        Some(number.clamp(bounds.min, bounds.max))
    }

    /// An integer of 32 bits with a default.
    pub fn int32(&mut self, name: &str, default: i32, bounds: &Bounds<i64>) -> i32 {
        self.optional_int32(name, bounds).unwrap_or(default)
    }

    /// An integer of 32 bits that may be missing.
    pub fn optional_int32(&mut self, name: &str, bounds: &Bounds<i64>) -> Option<i32> {
        self.integer(name, bounds).and_then(|number| i32::try_from(number).ok())
    }

    /// A decimal number with a default.
    pub fn decimal(&mut self, name: &str, default: f64, bounds: &Bounds<f64>) -> f64 {
        let Some(value) = self.get(name).value() else {
            return default;
        };
        let Some(number) = value.as_f64() else {
            self.mismatch(name, "a number", value);
            return default;
        };
        if number < bounds.min {
            self.refuse(name, "DecimalMin", bounds.below, value);
        } else if number > bounds.max {
            self.refuse(name, "DecimalMax", bounds.above, value);
        }
        number.clamp(bounds.min, bounds.max)
    }

    /// One of an enum's names; the default when absent, an error when `null`.
    pub fn required_name<E: NamedEnum>(&mut self, name: &str, default: E, required: &str) -> E {
        if matches!(self.get(name), Patch::Null) {
            self.fail(name, "NotNull", required);
        }
        self.name_or(name, default)
    }

    /// One of an enum's names; the default when missing.
    pub fn name_or<E: NamedEnum>(&mut self, name: &str, default: E) -> E {
        self.optional_name(name).unwrap_or(default)
    }

    /// One of an enum's names, which may be missing.
    pub fn optional_name<E: NamedEnum>(&mut self, name: &str) -> Option<E> {
        let value = self.get(name).value()?;
        let found = E::from_name(self.string(name, value)?);
        if found.is_none() {
            let message = format!("{name} must be one of {}", E::allowed_names());
            self.refuse(name, "Enum", message, value);
        }
        found
    }

    /// A list of texts that may be missing. Items that are no texts are reported by their index.
    pub fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        self.parsed_texts(name, |text| Ok::<_, Infallible>(text.to_owned()))
    }

    /// A list of texts, each parsed; an item that cannot be is reported by its index.
    pub fn parsed_texts<T, E: std::fmt::Display>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let value = self.get(name).value()?;
        let Value::Array(items) = value else {
            self.mismatch(name, "an array of strings", value);
            return None;
        };
        let mut parsed = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let field = format!("{name}[{index}]");
            let Some(text) = self.string(&field, item) else {
                continue;
            };
            match parse(text) {
                Ok(result) => parsed.push(result),
                Err(error) => self.refuse(&field, "Pattern", error.to_string(), item),
            }
        }
        Some(parsed)
    }

    /// An object of texts that may be missing.
    pub fn text_map(&mut self, name: &str) -> Option<BTreeMap<String, String>> {
        let value = self.get(name).value()?;
        let Value::Object(members) = value else {
            self.mismatch(name, "an object of strings", value);
            return None;
        };
        let mut map = BTreeMap::new();
        for (key, member) in members {
            if let Some(text) = self.string(&format!("{name}.{key}"), member) {
                map.insert(key.clone(), text.to_owned());
            }
        }
        Some(map)
    }

    /// Any JSON object that may be missing.
    pub fn any_object(&mut self, name: &str) -> Option<Map<String, Value>> {
        let value = self.get(name).value()?;
        let Value::Object(members) = value else {
            self.mismatch(name, "an object", value);
            return None;
        };
        if holds_nul(value) {
            let message = format!("{name} must not contain the NUL character");
            self.fail(name, "Pattern", message);
        }
        Some(members.clone())
    }

    /// An RFC 3339 instant that may be missing.
    pub fn instant(&mut self, name: &str) -> Option<OffsetDateTime> {
        let value = self.get(name).value()?;
        let text = self.string(name, value)?;
        let instant = instant::from_text(text);
        if instant.is_none() {
            let message = format!("{name} must be an instant such as 2026-01-31T12:00:00Z");
            self.refuse(name, "Pattern", message, value);
        }
        instant
    }

    /// A text that may be missing, turned into a validated value.
    pub fn parsed<T, E: std::fmt::Display>(
        &mut self,
        name: &str,
        code: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.get(name).value()?;
        let text = self.string(name, value)?;
        match parse(text) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.refuse(name, code, error.to_string(), value);
                None
            }
        }
    }

    /// An object inside this one that may be missing, read by its own reader.
    pub fn nested<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut FieldReader<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(name).value()?;
        let Value::Object(members) = value else {
            self.mismatch(name, "an object", value);
            return None;
        };
        let mut inner = FieldReader {
            object: members,
            prefix: format!("{}{name}.", self.prefix),
            errors: std::mem::take(&mut self.errors),
        };
        let result = read(&mut inner);
        self.errors = inner.errors;
        result
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refused_values_are_quoted_unless_they_may_be_secret() {
        let Value::Object(body) = json!({"secret": "canary", "name": "long"}) else {
            unreachable!("an object");
        };
        let size = Size { min: 0, max: 3, message: "too long" };
        let mut reader = FieldReader::new(&body);
        reader.text("secret", &size);
        reader.text("name", &size);
        let errors = reader.finish().expect_err("refused").0;
        assert_eq!(errors[0].rejected, None);
        assert_eq!(errors[1].rejected, Some(json!("long")));
    }
}
