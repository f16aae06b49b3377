//! Which event types a configuration or subscription wants.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest pattern, in characters.
pub const EVENT_PATTERN_MAX_CHARS: usize = 255;

/// A pattern over event types: `*` is any run of characters (also an empty one), everything else is
/// literal, upper and lower case differ, and the whole type must match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 255))]
pub struct EventPattern(Arc<str>);

/// The text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventPatternError {
    /// Empty, or white space only: it could match nothing.
    #[error("Event type pattern must not be blank; use * for every type")]
    Blank,
    /// More than 255 characters.
    #[error("Event type pattern must not exceed 255 characters")]
    TooLong,
    /// A control character: no event type has one.
    #[error("Event type pattern must not contain control characters")]
    ControlCharacter,
}

impl EventPattern {
    /// Whether the pattern matches the whole of `event_type`. Takes time linear in both lengths:
    /// taking the leftmost place for each piece is never worse than a later one.
    #[must_use]
    pub fn matches(&self, event_type: &str) -> bool {
        let Some((head, after_first_star)) = self.0.split_once('*') else {
            return *self.0 == *event_type;
        };
        let (pieces, tail) = after_first_star.rsplit_once('*').unwrap_or(("", after_first_star));
        let Some(mut rest) = event_type.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail)) else {
            return false;
        };
        for piece in pieces.split('*') {
            let Some((_, after)) = rest.split_once(piece) else {
                return false;
            };
            rest = after;
        }
        true
    }

    /// The one type it matches, when it has no `*`.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&*self.0)
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for EventPattern {
    type Error = EventPatternError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        if text.trim().is_empty() {
            return Err(EventPatternError::Blank);
        }
        if text.chars().count() > EVENT_PATTERN_MAX_CHARS {
            return Err(EventPatternError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(EventPatternError::ControlCharacter);
        }
        Ok(Self(Arc::from(text)))
    }
}

impl TryFrom<String> for EventPattern {
    type Error = EventPatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::try_from(text.as_str())
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for EventPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EventPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, written down as plainly as possible.
    fn oracle(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| oracle(rest, &text[skip..])),
            Some((letter, rest)) => {
                text.split_first().is_some_and(|(first, others)| first == letter && oracle(rest, others))
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn agrees_with_the_definition(pattern in "[ab.*]{1,8}", text in "[ab.]{0,10}") {
            let wanted = oracle(
                &pattern.chars().collect::<Vec<_>>(),
                &text.chars().collect::<Vec<_>>(),
            );
            let pattern = EventPattern::try_from(pattern).expect("not blank");
            prop_assert_eq!(pattern.matches(&text), wanted);
        }
    }

    #[test]
    fn prefix_and_suffix_do_not_overlap() {
        let pattern = EventPattern::try_from("aba*aba").expect("valid");
        assert!(!pattern.matches("aba"));
        assert!(!pattern.matches("ababa"));
        assert!(pattern.matches("abaaba"));
    }

    #[test]
    fn a_literal_has_no_star() {
        let literal = EventPattern::try_from("a.b").expect("valid");
        assert_eq!(literal.literal(), Some("a.b"));
        assert_eq!(EventPattern::try_from("a.*").expect("valid").literal(), None);
    }

    #[test]
    fn blank_and_control_characters_are_refused() {
        assert_eq!(EventPattern::try_from(""), Err(EventPatternError::Blank));
        assert_eq!(EventPattern::try_from("a\0"), Err(EventPatternError::ControlCharacter));
    }
}
