//! Text from outside, made fit for PostgreSQL, which refuses the NUL character in any text.

use std::borrow::Cow;

/// `text` with NUL shown as U+FFFD: one strange answer must not fail the flush it shares with others.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

/// The same for an optional text.
pub(crate) fn storable_option(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(storable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_replaced_and_nothing_else() {
        assert_eq!(storable("a\0b"), "a\u{FFFD}b");
        assert!(matches!(storable("a\r\nb"), Cow::Borrowed(_)));
        assert_eq!(storable_option(None), None);
    }
}
