//! servo-webhooks' signature: lower-case hex of HMAC-SHA1 over the body. SHA-1 is broken for collisions, not for HMAC;
//! it is offered for receivers that know nothing else.

use std::sync::Arc;

use callbacks_interfaces::signature_scheme::SignatureScheme;
use http::HeaderName;

use super::keys::SigningKeys;
use super::mac::{Sha1Key, push_hex, value};
use super::signer::Sign;
use crate::wire::facts::WireError;

pub(super) fn prepare(keys: &SigningKeys<'_>, header: &HeaderName) -> Result<Sign, WireError> {
    let key = Sha1Key::new(keys.secret_for(SignatureScheme::ServoSha1)?.as_bytes());
    let header = header.clone();
    Ok(Arc::new(move |signable, headers| {
        let mut text = Vec::with_capacity(40);
        push_hex(&key.digest(signable.body), &mut text);
        headers.insert(header.clone(), value(text));
        Ok(())
    }))
}
