//! Standard Webhooks, symmetric: `v1,` and base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`, keyed with what the
//! secret's base64 stands for. Several signatures stand in one header, separated by spaces: several versions, and during
//! a rotation several keys.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use callbacks_interfaces::whsec::symmetric_key;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::keys::{KeyRing, SigningKeys};
use super::mac::{Sha256Key, value};
use super::signer::{Sign, Signable};
use crate::wire::facts::{DeliveryFacts, WireError};
use crate::wire::headers::header_text;

pub(super) fn prepare(keys: &SigningKeys<'_>, header: &HeaderName) -> Result<Sign, WireError> {
    let current = Sha256Key::new(&symmetric_key(keys.secret_for(SignatureScheme::StandardWebhooks)?)?);
    let previous = keys.retired(|old| Some(Sha256Key::new(&symmetric_key(old).ok()?)));
    let ring = KeyRing { current, previous };
    let names = HeaderNames::of(header)?;
    Ok(Arc::new(move |signable, headers| {
        let prefix = names.identify(signable.facts, headers)?;
        for key in ring.at(signable.facts.at) {
            let digest = key.digest(&[prefix.as_bytes(), signable.body]);
            names.append(headers, "v1,", &digest);
        }
        Ok(())
    }))
}

/// The three headers. A signature header named `x-signature` takes id and timestamp with it: `x-id`, `x-timestamp`.
#[derive(Clone)]
pub(super) struct HeaderNames {
    id: HeaderName,
    timestamp: HeaderName,
    signature: HeaderName,
}

impl HeaderNames {
    pub(super) fn of(signature: &HeaderName) -> Result<Self, WireError> {
        let prefix = signature.as_str().strip_suffix("-signature").unwrap_or("webhook");
        let name = |what: &str| {
            HeaderName::try_from(format!("{prefix}-{what}"))
                .map_err(|_| WireError::SignatureHeader(signature.to_string()))
        };
        Ok(Self { id: name("id")?, timestamp: name("timestamp")?, signature: signature.clone() })
    }

    /// Sets id and timestamp, and answers what is signed before the body: `<id>.<timestamp>.`.
    pub(super) fn identify(
        &self,
        facts: &DeliveryFacts<'_>,
        headers: &mut HeaderMap,
    ) -> Result<String, WireError> {
        let id = message_id(facts.event_id);
        let timestamp = facts.at.unix_timestamp().to_string();
        let prefix = format!("{id}.{timestamp}.");
        let text = |text: String| HeaderValue::try_from(text).map_err(|_| WireError::HeaderValue);
        headers.insert(self.id.clone(), text(id)?);
        headers.insert(self.timestamp.clone(), text(timestamp)?);
        Ok(prefix)
    }

    /// Adds a signature to the list.
    pub(super) fn append(&self, headers: &mut HeaderMap, version: &str, signature: &[u8]) {
        let mut text = headers.get(&self.signature).map(|list| list.as_bytes().to_vec()).unwrap_or_default();
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(version.as_bytes());
        text.extend_from_slice(STANDARD.encode(signature).as_bytes());
        headers.insert(self.signature.clone(), value(text));
    }
}

/// The bytes before the body and the body, in one piece.
pub(super) fn signed_bytes(prefix: &str, signable: &Signable<'_>) -> Vec<u8> {
    [prefix.as_bytes(), signable.body].concat()
}

/// The event's id as the message's. A full stop would make the signed text ambiguous and is percent-encoded.
pub(in crate::wire) fn message_id(event_id: &str) -> String {
    header_text(event_id).replace('.', "%2E")
}
