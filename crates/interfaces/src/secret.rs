//! A signing secret on its way in. It cannot be printed or serialised, only exposed by name.

use std::fmt;

use zeroize::Zeroizing;

/// Longest secret, in characters (the contract's `secret`).
pub const SECRET_MAX_CHARS: usize = 500;

/// A secret: 1 to 500 characters, wiped from memory when dropped.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

/// The text cannot be a secret. The message never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretTextError {
    /// Empty.
    #[error("Secret must not be empty")]
    Empty,
    /// More than 500 characters.
    #[error("Secret must not exceed 500 characters")]
    TooLong,
    /// Contains NUL, which no database text can hold.
    #[error("Secret must not contain the NUL character")]
    Nul,
}

impl SecretText {
    /// The secret itself: for signing and for encryption at rest, never for logs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl SecretText {
    /// A secret of another kind than the contract's, with a limit of its own; `None` when empty, too long or with NUL.
    #[must_use]
    pub fn of_at_most(text: String, max_chars: usize) -> Option<Self> {
        let text = Zeroizing::new(text);
        let fits = !text.is_empty() && text.chars().count() <= max_chars && !text.contains('\0');
        fits.then_some(Self(text))
    }
}

impl TryFrom<String> for SecretText {
    type Error = SecretTextError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = Zeroizing::new(text);
        if text.is_empty() {
            return Err(SecretTextError::Empty);
        }
        if text.chars().count() > SECRET_MAX_CHARS {
            return Err(SecretTextError::TooLong);
        }
        if text.contains('\0') {
            return Err(SecretTextError::Nul);
        }
        Ok(Self(text))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_it_and_expose_shows_it() {
        let secret = SecretText::try_from("whsec_canary".to_owned()).expect("valid");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.expose(), "whsec_canary");
    }

    #[test]
    fn limits_are_kept() {
        let refused = |text: String| SecretText::try_from(text).map(|_| ());
        assert_eq!(refused(String::new()), Err(SecretTextError::Empty));
        assert_eq!(refused("x".repeat(501)), Err(SecretTextError::TooLong));
        assert_eq!(refused("a\0b".to_owned()), Err(SecretTextError::Nul));
        assert_eq!(refused("é".repeat(500)), Ok(()));
    }
}
