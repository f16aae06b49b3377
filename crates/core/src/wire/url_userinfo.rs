//! Names and passwords in URLs that stand in somebody's header.

use std::borrow::Cow;

use callbacks_interfaces::masked::MASK;

/// What can follow an authority, in a URL or in the text around it.
const ENDS_AUTHORITY: [char; 11] = ['/', '\\', '?', '#', '"', '\'', '<', '>', ' ', '\t', ','];

/// The text with what stands before the `@` of every URL's authority masked. A header may hold several URLs, or one without its
/// scheme; rather too much is masked than too little.
pub(super) fn without_userinfo(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("//") {
        let authority = after.split(ENDS_AUTHORITY).next().unwrap_or(after);
        masked.push_str(before);
        masked.push_str("//");
        rest = after;
        if let Some((userinfo, _)) = authority.rsplit_once('@') {
            masked.push_str(MASK);
            rest = after.strip_prefix(userinfo).unwrap_or(after);
        }
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_passwords_go_and_everything_else_stays() {
        for (text, expected) in [
            ("http://user:canary@127.0.0.1/", "http://***@127.0.0.1/"),
            ("//canary@host/a?b=c@d", "//***@host/a?b=c@d"),
            ("https://u:can@ary@host:1", "https://***@host:1"),
            (
                "<https://u:canary@a/>; rel=\"next\", <http://canary@b>",
                "<https://***@a/>; rel=\"next\", <http://***@b>",
            ),
            ("0;url=http://u:canary@h/x//canary@i", "0;url=http://***@h/x//***@i"),
            ("mail@example.com", "mail@example.com"),
            ("https://host/@path", "https://host/@path"),
            ("https://host", "https://host"),
        ] {
            assert_eq!(without_userinfo(text), expected);
        }
    }

    proptest! {
        #[test]
        fn what_holds_no_url_stays_and_no_text_is_too_odd(text in "[ -~äß]{0,60}") {
            let masked = without_userinfo(&text);
            if !text.contains("//") {
                prop_assert_eq!(masked, text.as_str());
            }
        }
    }
}
