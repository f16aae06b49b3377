//! pyfly's signature: `sha256=` and lower-case hex of HMAC-SHA256 over the body.

use std::sync::Arc;

use callbacks_interfaces::signature_scheme::SignatureScheme;
use http::HeaderName;

use super::keys::SigningKeys;
use super::mac::{Sha256Key, push_hex, value};
use super::signer::Sign;
use crate::wire::facts::WireError;

pub(super) fn prepare(keys: &SigningKeys<'_>, header: &HeaderName) -> Result<Sign, WireError> {
    let key = Sha256Key::new(keys.secret_for(SignatureScheme::Pyfly)?.as_bytes());
    let header = header.clone();
    Ok(Arc::new(move |signable, headers| {
        headers.insert(header.clone(), value(prefixed_hex(&key, signable.body)));
        Ok(())
    }))
}

/// `sha256=…`, which firefly-rust uses too.
pub(super) fn prefixed_hex(key: &Sha256Key, body: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(71);
    text.extend_from_slice(b"sha256=");
    push_hex(&key.digest(&[body]), &mut text);
    text
}
