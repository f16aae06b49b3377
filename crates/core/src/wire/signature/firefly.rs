//! Firefly's signature: standard base64, with padding, of HMAC-SHA256 over the body, keyed with the secret's UTF-8 bytes.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use http::HeaderName;

use super::keys::SigningKeys;
use super::mac::{Sha256Key, value};
use super::signer::Sign;
use crate::wire::facts::WireError;

pub(super) fn prepare(keys: &SigningKeys<'_>, header: &HeaderName) -> Result<Sign, WireError> {
    let key = Sha256Key::new(keys.secret_for(SignatureScheme::Firefly)?.as_bytes());
    let header = header.clone();
    Ok(Arc::new(move |signable, headers| {
        let signature = STANDARD.encode(key.digest(&[signable.body]));
        headers.insert(header.clone(), value(signature.into_bytes()));
        Ok(())
    }))
}
