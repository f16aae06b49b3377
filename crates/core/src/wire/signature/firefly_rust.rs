//! firefly-rust's signature: `sha256=` and lower-case hex of HMAC-SHA256 over the body, and the headers it comes with.

use std::sync::Arc;

use callbacks_interfaces::signature_scheme::SignatureScheme;
use http::{HeaderName, HeaderValue};

use super::keys::SigningKeys;
use super::mac::{Sha256Key, value};
use super::pyfly::prefixed_hex;
use super::signer::Sign;
use crate::wire::facts::WireError;
use crate::wire::headers::header_text;

const EVENT: HeaderName = HeaderName::from_static("x-firefly-event");
const EVENT_ID: HeaderName = HeaderName::from_static("x-firefly-event-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-firefly-timestamp");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

pub(super) fn prepare(keys: &SigningKeys<'_>, header: &HeaderName) -> Result<Sign, WireError> {
    let key = Sha256Key::new(keys.secret_for(SignatureScheme::FireflyRust)?.as_bytes());
    let header = header.clone();
    Ok(Arc::new(move |signable, headers| {
        let facts = signable.facts;
        let text = |text: &str| HeaderValue::from_str(text).map_err(|_| WireError::HeaderValue);
        let id = text(&header_text(facts.event_id))?;
        headers.insert(EVENT, text(&header_text(facts.event_type))?);
        headers.insert(CORRELATION_ID, id.clone());
        headers.insert(EVENT_ID, id);
        headers.insert(TIMESTAMP, HeaderValue::from(facts.at.unix_timestamp()));
        headers.insert(header.clone(), value(prefixed_hex(&key, signable.body)));
        Ok(())
    }))
}
