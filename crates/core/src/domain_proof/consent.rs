//! The handshake of CloudEvents' "HTTP 1.1 Web Hooks" (section 4, abuse protection): an `OPTIONS` request names who wants
//! to send, and only an answer that names the same origin, or `*`, consents. Pure.

use http::{HeaderMap, HeaderName, HeaderValue};

const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const REQUEST_RATE: HeaderName = HeaderName::from_static("webhook-request-rate");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// What an endpoint granted: callbacks a minute, `None` for any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consent {
    /// Callbacks a minute.
    pub rate: Option<u32>,
}

impl Consent {
    /// What two endpoints of one domain grant together: the smaller rate.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let rate = match (self.rate, other.rate) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self { rate }
    }
}

/// The headers of the request. `rate` is what is asked for, a minute.
#[must_use]
pub fn request_headers(origin: &HeaderValue, rate: u32) -> HeaderMap {
    HeaderMap::from_iter([(REQUEST_ORIGIN, origin.clone()), (REQUEST_RATE, HeaderValue::from(rate))])
}

/// What an answer means.
///
/// # Errors
/// A sentence that says what is missing, when it is no consent.
pub fn judge(status: u16, headers: &HeaderMap, origin: &HeaderValue) -> Result<Consent, String> {
    if !(200..300).contains(&status) {
        return Err(format!("it answered {status} to OPTIONS"));
    }
    let asked = origin.to_str().unwrap_or_default();
    let allowed = single(headers, &ALLOWED_ORIGIN)?.ok_or_else(|| {
        format!("its answer to OPTIONS has no WebHook-Allowed-Origin, so it does not consent; it must name {asked} or *")
    })?;
    if allowed != "*" && !allowed.eq_ignore_ascii_case(asked) {
        return Err(format!("its WebHook-Allowed-Origin is another than {asked}"));
    }
    let rate = match single(headers, &ALLOWED_RATE)? {
        None | Some("*") => None,
        Some(text) => match text.parse() {
            Ok(rate) if rate > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Some(rate),
            _ => return Err("its WebHook-Allowed-Rate is neither a positive whole number nor *".to_owned()),
        },
    };
    Ok(Consent { rate })
}

/// The value of a header that must not be there twice.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, String> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str().unwrap_or_default().trim());
    if values.next().is_some() {
        return Err(format!("its answer to OPTIONS has more than one {name}"));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: HeaderValue = HeaderValue::from_static("callbacks.example");

    fn judged(status: u16, headers: &[(&'static str, &'static str)]) -> Result<Consent, String> {
        let pairs = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, value);
        }
        judge(status, &map, &ORIGIN)
    }

    #[test]
    fn the_origin_repeated_or_any_origin_is_consent() {
        for origin in ["callbacks.example", "Callbacks.Example", "*"] {
            assert_eq!(
                judged(200, &[("webhook-allowed-origin", origin)]),
                Ok(Consent { rate: None }),
                "{origin}"
            );
        }
        let rated = |rate| judged(204, &[("webhook-allowed-origin", "*"), ("webhook-allowed-rate", rate)]);
        assert_eq!((rated("60"), rated("*")), (Ok(Consent { rate: Some(60) }), Ok(Consent { rate: None })));
    }

    #[test]
    fn anything_else_is_not() {
        type Case = (u16, &'static [(&'static str, &'static str)], &'static str);
        let cases: [Case; 9] = [
            (200, &[], "no WebHook-Allowed-Origin"),
            (200, &[("allow", "POST")], "no WebHook-Allowed-Origin"),
            (200, &[("webhook-allowed-origin", "other.example")], "another than callbacks.example"),
            (200, &[("webhook-allowed-origin", "callbacks.example, evil")], "another than"),
            (200, &[("webhook-allowed-origin", "*"), ("webhook-allowed-origin", "*")], "more than one"),
            (405, &[("webhook-allowed-origin", "*")], "answered 405"),
            (301, &[("webhook-allowed-origin", "*")], "answered 301"),
            (200, &[("webhook-allowed-origin", "*"), ("webhook-allowed-rate", "0")], "positive whole number"),
            (
                200,
                &[("webhook-allowed-origin", "*"), ("webhook-allowed-rate", "+6")],
                "positive whole number",
            ),
        ];
        for (status, headers, expected) in cases {
            let refusal = judged(status, headers).expect_err(expected);
            assert!(refusal.contains(expected), "{refusal}");
        }
    }

    #[test]
    fn the_smallest_rate_of_several_endpoints_counts() {
        let of = |rate| Consent { rate };
        assert_eq!(of(Some(60)).and(of(None)), of(Some(60)));
        assert_eq!(of(Some(60)).and(of(Some(30))), of(Some(30)));
        assert_eq!(of(None).and(of(None)), of(None));
    }
}
