use std::fmt;

use callbacks_sdk::verify::verify_firefly;
use http::{HeaderName, StatusCode, request::Parts};

/// Bytes of a body that are printed.
const SHOWN_BODY: usize = 4096;
/// Headers worth printing by the start of their name; the rest is transport.
const SHOWN_HEADERS: [&str; 6] = ["x-", "ce-", "webhook-", "content-type", "user-agent", "traceparent"];

/// One received callback, as it is printed.
pub(super) struct RequestReport<'a> {
    pub(super) number: u64,
    pub(super) head: &'a Parts,
    pub(super) body: &'a [u8],
    pub(super) signature_header: &'a HeaderName,
    pub(super) secret: Option<&'a str>,
    pub(super) answered: StatusCode,
}

impl fmt::Display for RequestReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.head.uri.path_and_query().map_or("/", |target| target.as_str());
        writeln!(
            f,
            "#{} {} {target}  signature: {}  answered: {}",
            self.number,
            self.head.method,
            self.verdict(),
            self.answered.as_u16()
        )?;
        for (name, value) in &self.head.headers {
            let is_shown = SHOWN_HEADERS.iter().any(|start| name.as_str().starts_with(start));
            if is_shown || name == self.signature_header {
                writeln!(f, "    {name}: {}", harmless(value.as_bytes()))?;
            }
        }
        let shown = &self.body[..self.body.len().min(SHOWN_BODY)];
        writeln!(f, "    {}", harmless(shown).replace('\n', "\n    "))?;
        if shown.len() < self.body.len() {
            writeln!(f, "    … {} more bytes", self.body.len() - shown.len())?;
        }
        writeln!(f)
    }
}

impl RequestReport<'_> {
    fn verdict(&self) -> &'static str {
        let header = self.head.headers.get(self.signature_header).map(|value| value.to_str());
        match (self.secret, header) {
            (_, None) => "none",
            (None, Some(_)) => "not verified (no --secret given)",
            (Some(secret), Some(Ok(signature))) if verified(secret, self.body, signature) => "VERIFIED",
            _ => "WRONG",
        }
    }
}

fn verified(secret: &str, body: &[u8], signature: &str) -> bool {
    verify_firefly(secret, body, signature).is_ok()
}

/// Text from outside must not steer the terminal: control characters are shown, not sent.
fn harmless(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for character in String::from_utf8_lossy(bytes).chars() {
        if character.is_control() && character != '\n' && character != '\t' {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(secret: Option<&str>, body: &str) -> String {
        let request = http::Request::post("/hooks?a=1")
            .header("x-firefly-signature", "Yt6e1flh7S1f2AGPOwuRhH0W6L0yASHnBTvuFcDOSSY=")
            .header("connection", "keep-alive")
            .body(())
            .expect("a request");
        let (head, ()) = request.into_parts();
        RequestReport {
            number: 1,
            head: &head,
            body: body.as_bytes(),
            signature_header: &HeaderName::from_static("x-firefly-signature"),
            secret,
            answered: StatusCode::OK,
        }
        .to_string()
    }

    #[test]
    fn it_prints_what_matters() {
        let text = report(None, "{\"a\":1}");
        assert!(text.contains("#1 POST /hooks?a=1"), "{text}");
        assert!(text.contains("not verified") && text.contains("{\"a\":1}"), "{text}");
        assert!(!text.contains("keep-alive"), "{text}");
    }

    #[test]
    fn a_wrong_signature_is_called_wrong() {
        assert!(report(Some("secret"), "altered").contains("signature: WRONG"));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let text = report(None, "\u{1b}[31mred");
        assert!(text.contains("\\u{1b}[31mred"), "{text}");
    }
}
