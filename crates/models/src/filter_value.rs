//! Values of filters: JSON turned into what the database compares with, by the kind of the column.

use callbacks_interfaces::field_errors::FieldError;
use callbacks_interfaces::instant;
use serde_json::Value;
use sqlx::QueryBuilder;
use sqlx::postgres::Postgres;
use sqlx::types::Uuid;
use time::OffsetDateTime;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// An array of texts; equal to a text when it contains it.
    Texts,
    Uuid,
    Integer,
    Number,
    Boolean,
    Instant,
}

/// A value, ready to be bound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound {
    Text(String),
    Contained(String),
    Uuid(Uuid),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Instant(OffsetDateTime),
}

impl Kind {
    /// The operator of equality.
    pub(crate) const fn equality(self) -> &'static str {
        match self {
            Self::Texts => "@>",
            _ => "=",
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::Text | Self::Texts => "a text",
            Self::Uuid => "a UUID",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Instant => "an RFC 3339 instant such as 2026-01-02T03:04:05Z",
        }
    }
}

/// The value for a column of `kind`; `name` is how an error calls the filter.
pub(crate) fn bound(kind: Kind, value: &Value, name: &str) -> Result<Bound, FieldError> {
    convert(kind, value).ok_or_else(|| {
        let message = format!("{name} must be compared with {}", kind.expected());
        FieldError::new(name, "TypeMismatch", message).rejecting(value)
    })
}

fn convert(kind: Kind, value: &Value) -> Option<Bound> {
    match kind {
        Kind::Text => text(value).map(Bound::Text),
        Kind::Texts => text(value).map(Bound::Contained),
        Kind::Uuid => Uuid::parse_str(value.as_str()?).ok().map(Bound::Uuid),
        Kind::Integer => value.as_i64().map(Bound::Integer),
        Kind::Number => value.as_f64().map(Bound::Number),
        Kind::Boolean => value.as_bool().map(Bound::Boolean),
        Kind::Instant => instant::from_text(value.as_str()?).map(Bound::Instant),
    }
}

/// PostgreSQL cannot even compare a text with NUL in it.
fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    (!text.contains('\0')).then(|| text.to_owned())
}

impl Bound {
    pub(crate) fn push_to(&self, query: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Text(text) => query.push_bind(text.clone()),
            Self::Contained(text) => query.push_bind(vec![text.clone()]),
            Self::Uuid(uuid) => query.push_bind(*uuid),
            Self::Integer(number) => query.push_bind(*number),
            Self::Number(number) => query.push_bind(*number),
            Self::Boolean(boolean) => query.push_bind(*boolean),
            Self::Instant(instant) => query.push_bind(*instant),
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_must_be_of_the_columns_kind() {
        assert_eq!(bound(Kind::Integer, &json!(7), "f"), Ok(Bound::Integer(7)));
        assert_eq!(bound(Kind::Number, &json!(7), "f"), Ok(Bound::Number(7.0)));
        for (kind, value) in [
            (Kind::Integer, json!("7")),
            (Kind::Integer, json!(7.5)),
            (Kind::Uuid, json!("x")),
            (Kind::Instant, json!("yesterday")),
            (Kind::Text, json!(1)),
            (Kind::Text, json!("a\0b")),
            (Kind::Boolean, json!("true")),
        ] {
            let error = bound(kind, &value, "filters.f").expect_err("wrong kind");
            assert_eq!(error.code, "TypeMismatch");
            assert!(error.message.starts_with("filters.f must be"), "{}", error.message);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_conversion_panic(text in ".{0,40}") {
            for kind in [Kind::Text, Kind::Texts, Kind::Uuid, Kind::Integer, Kind::Number, Kind::Boolean, Kind::Instant] {
                let _ = convert(kind, &json!(text));
            }
        }
    }
}
