//! svc-infra's signature: lower-case hex of HMAC-SHA256 over the body, and two headers that say so.

use std::sync::Arc;

use callbacks_interfaces::signature_scheme::SignatureScheme;
use http::{HeaderName, HeaderValue};

use super::keys::SigningKeys;
use super::mac::{Sha256Key, push_hex, value};
use super::signer::Sign;
use crate::wire::facts::WireError;

const ALGORITHM: HeaderName = HeaderName::from_static("x-signature-alg");
const VERSION: HeaderName = HeaderName::from_static("x-signature-version");

pub(super) fn prepare(keys: &SigningKeys<'_>, header: &HeaderName) -> Result<Sign, WireError> {
    let key = Sha256Key::new(keys.secret_for(SignatureScheme::SvcInfra)?.as_bytes());
    let header = header.clone();
    Ok(Arc::new(move |signable, headers| {
        let mut text = Vec::with_capacity(64);
        push_hex(&key.digest(&[signable.body]), &mut text);
        headers.insert(header.clone(), value(text));
        headers.insert(ALGORITHM, HeaderValue::from_static("hmac-sha256"));
        headers.insert(VERSION, HeaderValue::from_static("v1"));
        Ok(())
    }))
}
