//! The type of an event, such as `order.created`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest event type, in characters (the contract's `eventType`).
pub const EVENT_TYPE_MAX_CHARS: usize = 255;

/// An event's type: 1 to 255 characters, not blank, no control character. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 255))]
pub struct EventType(Arc<str>);

/// The text is no event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventTypeError {
    /// Empty, or white space only.
    #[error("Event type must not be blank")]
    Blank,
    /// More than 255 characters.
    #[error("Event type must not exceed 255 characters")]
    TooLong,
    /// A control character, such as a line break: the type becomes a header.
    #[error("Event type must not contain control characters")]
    ControlCharacter,
}

impl EventType {
    /// The type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for EventType {
    type Error = EventTypeError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        if text.trim().is_empty() {
            return Err(EventTypeError::Blank);
        }
        // Bytes bound characters from above, so the count is needed for long texts only.
        if text.len() > EVENT_TYPE_MAX_CHARS && text.chars().count() > EVENT_TYPE_MAX_CHARS {
            return Err(EventTypeError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(EventTypeError::ControlCharacter);
        }
        Ok(Self(Arc::from(text)))
    }
}

impl TryFrom<String> for EventType {
    type Error = EventTypeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::try_from(text.as_str())
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_kept() {
        assert_eq!(EventType::try_from(" "), Err(EventTypeError::Blank));
        assert_eq!(EventType::try_from("order\r\nX: 1"), Err(EventTypeError::ControlCharacter));
        assert_eq!(EventType::try_from("x".repeat(256)), Err(EventTypeError::TooLong));
        assert!(EventType::try_from("é".repeat(255)).is_ok());
    }
}
