//! Instants as text: RFC 3339, always UTC with `Z`. For `#[serde(with = "…")]`.

use serde::{Deserialize, Deserializer, Serializer};
use time::OffsetDateTime;
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;

/// The instant as RFC 3339 text in UTC. Years outside 0..=9999 have no such text and give `None`.
#[must_use]
pub fn to_text(instant: OffsetDateTime) -> Option<String> {
    instant.to_offset(UtcOffset::UTC).format(&Rfc3339).ok()
}

/// The instant an RFC 3339 text names, in UTC; `None` for any other text.
#[must_use]
pub fn from_text(text: &str) -> Option<OffsetDateTime> {
    let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    instant.checked_to_offset(UtcOffset::UTC)
}

/// Writes an instant.
///
/// # Errors
/// When the year cannot be written, or the serializer fails.
pub fn serialize<S: Serializer>(instant: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = to_text(*instant).ok_or_else(|| serde::ser::Error::custom("the year is outside 0..=9999"))?;
    serializer.serialize_str(&text)
}

/// Reads an instant.
///
/// # Errors
/// When the text is not RFC 3339.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OffsetDateTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    from_text(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 instant"))
}

/// The same for an instant that may be missing (`null`).
pub mod option {
    use serde::{Deserialize, Deserializer, Serializer};
    use time::OffsetDateTime;

    /// Writes an instant or `null`.
    ///
    /// # Errors
    /// As [`super::serialize`].
    pub fn serialize<S: Serializer>(
        instant: &Option<OffsetDateTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match instant {
            Some(instant) => super::serialize(instant, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads an instant or `null`.
    ///
    /// # Errors
    /// As [`super::deserialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<OffsetDateTime>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        super::from_text(&text).map(Some).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 instant"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_becomes_z() {
        let instant = from_text("2026-01-02T03:04:05.5+02:00").expect("valid");
        assert_eq!(to_text(instant).as_deref(), Some("2026-01-02T01:04:05.5Z"));
        assert_eq!(from_text("2026-13-45"), None);
        assert_eq!(from_text("infinity"), None);
    }
}
