//! The credential of a request: `Authorization: Bearer …` or `X-API-Key: …`. Never a query parameter, which logs and
//! histories keep.

use http::{HeaderMap, HeaderName, header};

/// The header for callers that cannot set `Authorization`.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const SCHEME: &str = "bearer ";

/// The one credential a request carries; `None` when it carries none, several, or one of another kind.
#[must_use]
pub fn credential(headers: &HeaderMap) -> Option<&str> {
    let mut bearers = headers.get_all(header::AUTHORIZATION).iter();
    let mut keys = headers.get_all(API_KEY).iter();
    match (bearers.next(), keys.next(), bearers.next(), keys.next()) {
        (Some(value), None, None, None) => bearer(value.to_str().ok()?),
        (None, Some(value), None, None) => value.to_str().ok().map(str::trim),
        _ => None,
    }
}

fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(pairs: &[(HeaderName, &'static str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        credential(&headers).map(str::to_owned)
    }

    #[test]
    fn one_credential_is_read_and_nothing_else() {
        let auth = || header::AUTHORIZATION;
        assert_eq!(of(&[(auth(), "Bearer abc")]).as_deref(), Some("abc"));
        assert_eq!(of(&[(auth(), "bearer  abc ")]).as_deref(), Some("abc"));
        assert_eq!(of(&[(API_KEY, "abc")]).as_deref(), Some("abc"));
        for none in [
            vec![],
            vec![(auth(), "Basic YWRtaW46YWRtaW4=")],
            vec![(auth(), "Bearer")],
            vec![(auth(), "Bearer a"), (auth(), "Bearer b")],
            vec![(auth(), "Bearer a"), (API_KEY, "a")],
        ] {
            assert_eq!(of(&none), None, "{none:?}");
        }
    }
}
