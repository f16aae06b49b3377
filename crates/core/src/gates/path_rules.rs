//! Which paths of an authorized domain callbacks may go to.

use callbacks_interfaces::callback_url::CallbackUrl;

/// An authorized domain's `allowedPaths`, made ready: `*` is any run of characters, everything else is literal and
/// upper and lower case differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRules(Option<Vec<PathPattern>>);

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathRefusal {
    /// No pattern matches.
    #[error("is not an allowed path")]
    NotAllowed,
    /// Servers disagree about what such a path means, so a rule about paths cannot be kept.
    #[error("contains encoded slashes, backslashes, NUL or hidden dot segments")]
    Ambiguous,
}

impl PathRules {
    /// Compiles the patterns; none at all means every path.
    pub fn compile<S: AsRef<str>>(patterns: &[S]) -> Self {
        let unrestricted =
            patterns.is_empty() || patterns.iter().any(|pattern| matches!(pattern.as_ref(), "*" | "/*"));
        Self(
            (!unrestricted)
                .then(|| patterns.iter().map(|pattern| PathPattern::compile(pattern.as_ref())).collect()),
        )
    }

    /// Checks the path of a URL, whose dot segments the parser has already resolved.
    ///
    /// # Errors
    /// Says whether no pattern matches or the path could mean different things to different servers.
    pub fn check(&self, url: &CallbackUrl) -> Result<(), PathRefusal> {
        let Some(patterns) = &self.0 else { return Ok(()) };
        let path = normalised(url.url().path());
        if is_ambiguous(&path) {
            return Err(PathRefusal::Ambiguous);
        }
        if patterns.iter().any(|pattern| pattern.matches(&path)) {
            Ok(())
        } else {
            Err(PathRefusal::NotAllowed)
        }
    }
}

/// The literal runs between the stars.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PathPattern(Vec<String>);

impl PathPattern {
    fn compile(pattern: &str) -> Self {
        let rooted = if pattern.starts_with(['/', '*']) { pattern.to_owned() } else { format!("/{pattern}") };
        Self(normalised(&rooted).split('*').map(str::to_owned).collect())
    }

    /// Leftmost places are never worse than later ones, so this is linear.
    fn matches(&self, path: &str) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else {
            return self.0.first().is_some_and(|only| only == path);
        };
        let Some(mut rest) =
            path.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()))
        else {
            return false;
        };
        middle.iter().all(|piece| {
            let found = rest.split_once(piece.as_str());
            rest = found.map_or("", |(_, after)| after);
            found.is_some()
        })
    }
}

/// One spelling for equal paths: unreserved characters unencoded, everything else but the sub-delimiters encoded,
/// hexadecimal digits in upper case (RFC 3986 section 6.2.2).
fn normalised(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, encoded_byte(after)) {
            (b'%', Some(decoded)) => {
                push(&mut text, decoded, is_unreserved(decoded));
                rest = after.get(2..).unwrap_or_default();
            }
            (byte, _) => push(
                &mut text,
                *byte,
                byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'{' | b'}'),
            ),
        }
    }
    text
}

fn push(text: &mut String, byte: u8, as_it_is: bool) {
    if as_it_is {
        text.push(char::from(byte));
    } else {
        text.push_str(&format!("%{byte:02X}"));
    }
}

fn encoded_byte(after_percent: &[u8]) -> Option<u8> {
    let [high, low, ..] = after_percent else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Encoded slashes, backslashes and NULs, the same encoded twice, and dot segments dressed up as `..;` or `..%3B`.
fn is_ambiguous(normalised_path: &str) -> bool {
    const HIDDEN: [&str; 7] = ["%2F", "%5C", "%00", "%252", "%255", "%2500", "%25%"];
    let dressed_up = |segment: &str| {
        let name = segment.split(';').next().unwrap_or_default().split("%3B").next().unwrap_or_default();
        name == "." || name == ".."
    };
    HIDDEN.iter().any(|hidden| normalised_path.contains(hidden)) || normalised_path.split('/').any(dressed_up)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, path: &str) -> Result<(), PathRefusal> {
        let url = CallbackUrl::try_from(format!("https://a.example{path}")).expect("a URL");
        PathRules::compile(&[pattern]).check(&url)
    }

    #[test]
    fn equal_spellings_are_equal() {
        for (pattern, path) in [
            ("/caf\u{e9}/*", "/caf%c3%a9/x"),
            ("/%61", "/a"),
            ("/a", "/%61"),
            ("hook", "/hook"),
            ("/a b", "/a%20b"),
        ] {
            assert_eq!(check(pattern, path), Ok(()), "{pattern} {path}");
        }
        assert_eq!(check("/Hook", "/hook"), Err(PathRefusal::NotAllowed));
    }

    #[test]
    fn what_servers_read_differently_is_refused() {
        for path in [
            "/w/%2F..%2Fadmin",
            "/w/..%2fadmin",
            "/w/..%5cadmin",
            "/w/%00",
            "/w/..;/admin",
            "/w/..%3b/admin",
            "/w/..;a=b/admin",
            "/w/%252e%252e/admin",
            "/w/%252f..%252fadmin",
            "/w/%255c",
            "/w/.;x/",
        ] {
            assert_eq!(check("/w/*", path), Err(PathRefusal::Ambiguous), "{path}");
        }
        for path in ["/w/../admin", "/w/%2e%2e/admin", "/w/.%2E/admin", "//w/a"] {
            assert_eq!(check("/w/*", path), Err(PathRefusal::NotAllowed), "{path}");
        }
    }

    #[test]
    fn a_domain_without_path_rules_takes_every_path() {
        for patterns in [&[][..], &["*"], &["/*"], &["/a", "*"]] {
            let url = CallbackUrl::try_from("https://a.example/x%2Fy").expect("a URL");
            assert_eq!(PathRules::compile(patterns).check(&url), Ok(()), "{patterns:?}");
        }
    }

    /// The definition of the pattern, as plainly as possible.
    fn oracle(pattern: &[u8], path: &[u8]) -> bool {
        match pattern.split_first() {
            None => path.is_empty(),
            Some((b'*', rest)) => (0..=path.len()).any(|skip| oracle(rest, &path[skip..])),
            Some((byte, rest)) => {
                path.split_first().is_some_and(|(first, others)| first == byte && oracle(rest, others))
            }
        }
    }

    proptest! {
        #[test]
        fn patterns_agree_with_the_definition(pattern in "/[ab/*]{0,8}", path in "/[ab/]{0,10}") {
            prop_assert_eq!(PathPattern::compile(&pattern).matches(&path), oracle(pattern.as_bytes(), path.as_bytes()));
        }

        #[test]
        fn normal_form_is_stable(path in "/[ -~]{0,20}|/(%[0-9a-fA-F]{2}|[a-z/.]){0,10}") {
            let once = normalised(&path);
            prop_assert_eq!(normalised(&once), once);
        }
    }
}
