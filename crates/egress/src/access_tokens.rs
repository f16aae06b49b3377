//! Access tokens from authorization servers (RFC 6749 section 4.4): kept until they expire, fetched by one request at a time
//! for each configuration, never shown. What goes wrong is worded without a byte of the server's answer but its error code.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use callbacks_core::delivery::transport::{Destination, FailureKind, TokenSource, WireRequest};
use callbacks_interfaces::endpoint_auth::{ClientAuthentication, ClientCredentials, is_bearer_token};
use callbacks_interfaces::ids::ConfigurationId;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use crate::fault::Fault;

/// How long a token is used whose server does not say.
const DEFAULT_LIFE: Duration = Duration::from_secs(300);
/// Longest time a token is used, whatever its server says.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// A token is renewed this long before its end, or after nine tenths of its life, whichever is later.
const MARGIN: Duration = Duration::from_secs(30);
/// After a failure the server is left alone for this long: deliveries that wait fail alike, without asking again.
const PAUSE: Duration = Duration::from_secs(1);
/// Tokens nobody asked for this long are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Longest token that fits into a header.
const TOKEN_MAX: usize = 16 * 1024;

/// An `Authorization` header with a token, and whether it was fetched for this very request.
#[derive(Clone)]
pub(crate) struct AccessToken {
    pub(crate) header: HeaderValue,
    pub(crate) fresh: bool,
    number: u64,
}

/// The tokens in use. Bounded by the configurations that deliver: each has one.
#[derive(Default)]
pub(crate) struct AccessTokens {
    slots: Mutex<HashMap<ConfigurationId, Arc<Slot>>>,
}

/// One configuration's token. The lock is held while one is fetched, so that only one request does.
struct Slot {
    state: tokio::sync::Mutex<State>,
    last_used: Mutex<Instant>,
}

#[derive(Default)]
struct State {
    /// For which credentials the rest of this was fetched.
    credentials: Option<Arc<ClientCredentials>>,
    token: Option<(HeaderValue, Instant)>,
    failed: Option<(FailureKind, String, Instant)>,
    /// Counts the tokens, so that a refusal of an old one does not throw the new one away.
    number: u64,
}

impl AccessTokens {
    /// The token of a configuration: the one kept, or one that `fetch` gets with the request it is given.
    ///
    /// `refused` is a token the endpoint did not accept; it is not given out again.
    pub(crate) async fn token<F>(
        &self,
        destination: &Destination,
        source: &TokenSource,
        refused: Option<&AccessToken>,
        fetch: impl FnOnce(WireRequest) -> F,
    ) -> Result<AccessToken, Fault>
    where
        F: Future<Output = Result<(u16, Bytes), Fault>>,
    {
        let slot = self.slot(destination.configuration);
        let mut state = slot.state.lock().await;
        if !state.is_for(&source.credentials) {
            *state = State {
                credentials: Some(Arc::clone(&source.credentials)),
                number: state.number,
                ..State::default()
            };
        }
        let now = Instant::now();
        if refused.is_some_and(|refused| refused.number == state.number) {
            state.token = None;
        }
        if let Some((header, _)) = state.token.as_ref().filter(|(_, until)| now < *until) {
            return Ok(AccessToken { header: header.clone(), fresh: false, number: state.number });
        }
        if let Some((kind, message, _)) = state.failed.as_ref().filter(|(_, _, at)| now - *at < PAUSE) {
            return Err(Fault::new(*kind, message.clone()));
        }
        let host = source.credentials.token_url.url().host_str().unwrap_or_default();
        let answered = fetch(request(destination, source)).await;
        let answered = answered.and_then(|(status, body)| {
            read(host, status, &body).map_err(|reason| Fault::new(FailureKind::Credentials, reason))
        });
        match answered {
            Ok((header, life)) => {
                state.number += 1;
                state.failed = None;
                state.token = Some((header.clone(), now + usable(life)));
                Ok(AccessToken { header, fresh: true, number: state.number })
            }
            Err(fault) => {
                // Our own proxy's failures stay what they are; all others are the authorization server's.
                let kind = match fault.kind {
                    FailureKind::Proxy | FailureKind::Tunnel => fault.kind,
                    _ => FailureKind::Credentials,
                };
                let message = format!("no access token, so the endpoint was not called: {}", fault.message);
                state.failed = Some((kind, message.clone(), Instant::now()));
                Err(Fault { proxy: fault.proxy, ..Fault::new(kind, message) })
            }
        }
    }

    fn slot(&self, configuration: ConfigurationId) -> Arc<Slot> {
        let mut slots = self.slots.lock();
        let slot = slots.entry(configuration).or_insert_with(|| {
            Arc::new(Slot { state: tokio::sync::Mutex::default(), last_used: Mutex::new(Instant::now()) })
        });
        *slot.last_used.lock() = Instant::now();
        Arc::clone(slot)
    }

    /// Forgets the tokens of configurations that deliver no more.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        self.slots
            .lock()
            .retain(|_, slot| Arc::strong_count(slot) > 1 || now - *slot.last_used.lock() < FORGOTTEN_AFTER);
    }
}

impl State {
    /// A change of the configuration makes new credentials, even with the same text; their tokens are compared by text.
    fn is_for(&self, credentials: &Arc<ClientCredentials>) -> bool {
        self.credentials.as_ref().is_some_and(|known| {
            Arc::ptr_eq(known, credentials)
                || (known.token_url == credentials.token_url
                    && known.client_id == credentials.client_id
                    && known.client_secret.expose() == credentials.client_secret.expose()
                    && known.scope == credentials.scope
                    && known.audience == credentials.audience
                    && known.client_authentication == credentials.client_authentication)
        })
    }
}

/// How long a token with this life is used.
fn usable(life: Duration) -> Duration {
    life.saturating_sub(MARGIN).max(life * 9 / 10).min(LONGEST_LIFE)
}

/// The token request. Its deadline is that of the delivery, which waits for it.
fn request(destination: &Destination, source: &TokenSource) -> WireRequest {
    let credentials = &source.credentials;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    for (name, value) in [("scope", &credentials.scope), ("audience", &credentials.audience)] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            form.append_pair(name, value);
        }
    }
    match credentials.client_authentication {
        ClientAuthentication::Header => {
            headers.extend(basic(credentials).map(|value| (AUTHORIZATION, value)));
        }
        ClientAuthentication::Body => {
            form.append_pair("client_id", &credentials.client_id);
            form.append_pair("client_secret", credentials.client_secret.expose());
        }
    }
    let destination = Destination {
        url: Arc::new(credentials.token_url.clone()),
        allowed_ips: source.allowed_ips.clone(),
        token_source: None,
        ..destination.clone()
    };
    let body = Bytes::from(form.finish());
    WireRequest { destination, method: Method::POST, headers, body, timeout: Duration::MAX }
}

/// Id and secret, each form-encoded first (RFC 6749 section 2.3.1).
fn basic(credentials: &ClientCredentials) -> Option<HeaderValue> {
    let encoded = |text: &str| Zeroizing::new(byte_serialize(text.as_bytes()).collect::<String>());
    let (id, secret) = (encoded(&credentials.client_id), encoded(credentials.client_secret.expose()));
    let pair = Zeroizing::new(format!("{}:{}", *id, *secret));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    // Base64 is always a valid header value.
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The token in a server's answer, and how long it lives.
fn read(host: &str, status: u16, body: &[u8]) -> Result<(HeaderValue, Duration), String> {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    let member = |name: &str| answer.as_ref().and_then(|answer| answer.get(name));
    if !(200..300).contains(&status) {
        let code = member("error").and_then(Value::as_str).filter(|code| is_error_code(code));
        let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
        return Err(format!(
            "the token endpoint {host} answered HTTP {status}{code}. Check clientId, clientSecret and scope"
        ));
    }
    if let Some(kind) = member("token_type").and_then(Value::as_str)
        && !kind.eq_ignore_ascii_case("bearer")
    {
        return Err(format!("the token endpoint {host} gave a token that is none of type Bearer"));
    }
    let token = member("access_token").and_then(Value::as_str);
    let token =
        token.filter(|token| token.len() <= TOKEN_MAX && is_bearer_token(token)).ok_or_else(|| {
            format!("the token endpoint {host} answered without a usable access_token. Check tokenUrl")
        })?;
    let text = Zeroizing::new(format!("Bearer {token}"));
    let mut header =
        HeaderValue::from_str(&text).map_err(|_| format!("the token of {host} cannot stand in a header"))?;
    header.set_sensitive(true);
    let life = member("expires_in").and_then(|life| life.as_u64().or_else(|| life.as_str()?.parse().ok()));
    Ok((header, life.map_or(DEFAULT_LIFE, Duration::from_secs)))
}

/// The registered form of OAuth's error codes; anything else might be made to carry something.
fn is_error_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(body: &str) -> Duration {
        read("login.example.com", 200, body.as_bytes()).expect("a token").1
    }

    #[test]
    fn answers_are_read_with_their_life() {
        let (header, _) = read("h", 200, br#"{"access_token":"abc","token_type":"bearer","expires_in":60}"#)
            .expect("a token");
        assert_eq!(header, "Bearer abc");
        assert!(!format!("{header:?}").contains("abc"));
        assert_eq!(life(r#"{"access_token":"abc","expires_in":60}"#), Duration::from_secs(60));
        assert_eq!(life(r#"{"access_token":"abc","expires_in":"60"}"#), Duration::from_secs(60));
        assert_eq!(life(r#"{"access_token":"abc"}"#), DEFAULT_LIFE);
    }

    #[test]
    fn a_token_is_renewed_before_its_end_and_at_last_after_a_day() {
        assert_eq!(usable(Duration::from_secs(3600)), Duration::from_secs(3570));
        assert_eq!(usable(Duration::from_secs(20)), Duration::from_secs(18));
        assert_eq!(usable(Duration::ZERO), Duration::ZERO);
        assert_eq!(usable(Duration::from_secs(u64::MAX / 100)), LONGEST_LIFE);
    }

    #[test]
    fn refusals_name_the_code_and_nothing_else() {
        for (status, body, text) in [
            (400, r#"{"error":"invalid_client","error_description":"canary"}"#, "HTTP 400 (invalid_client)"),
            (401, r#"{"error":"CANARY canary"}"#, "HTTP 401. Check"),
            (500, "canary", "HTTP 500"),
            (200, "canary", "without a usable access_token"),
            (200, r#"{"access_token":"canary\r\nX-Injected: 1"}"#, "without a usable access_token"),
            (200, r#"{"access_token":"canary","token_type":"mac"}"#, "none of type Bearer"),
            (204, "", "without a usable access_token"),
        ] {
            let reason = read("login.example.com", status, body.as_bytes()).expect_err("refused");
            assert!(reason.contains(text) && reason.contains("login.example.com"), "{reason}");
            assert!(!reason.to_lowercase().contains("canary"), "{reason}");
        }
    }
}
