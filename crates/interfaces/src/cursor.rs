//! Where to go on in a long list that is read newest first.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// The last item a caller has seen; the next page starts below it. Ids of executions and events are
/// ordered by time, so the id alone says where to go on, however deep. Its text is opaque to callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(Uuid);

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one this service gave out")]
pub struct CursorError;

impl Cursor {
    /// The id below which to go on.
    #[must_use]
    pub const fn before(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for Cursor {
    fn from(last_seen: Uuid) -> Self {
        Self(last_seen)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        Uuid::from_slice(&bytes).map(Self).map_err(|_| CursorError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(id: u128) {
            let cursor = Cursor::from(Uuid::from_u128(id));
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
    }

    #[test]
    fn foreign_texts_are_refused() {
        for text in ["", "5", "not a cursor", "AAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
    }
}
