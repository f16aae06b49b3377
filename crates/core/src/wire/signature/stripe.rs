//! Stripe's and Dealix's signature: `t=<unix seconds>,v1=<hex>` of HMAC-SHA256 over `<t>.<body>`. The time is the
//! attempt's, so that a late retry is not stale; during a rotation there are several `v1`, the newest first.

use std::sync::Arc;

use callbacks_interfaces::signature_scheme::SignatureScheme;
use http::HeaderName;

use super::keys::{KeyRing, SigningKeys};
use super::mac::{Sha256Key, push_hex, value};
use super::signer::Sign;
use crate::wire::facts::WireError;

pub(super) fn prepare(keys: &SigningKeys<'_>, header: &HeaderName) -> Result<Sign, WireError> {
    let ring = KeyRing {
        current: Sha256Key::new(keys.secret_for(SignatureScheme::Stripe)?.as_bytes()),
        previous: keys.retired(|old| Some(Sha256Key::new(old.as_bytes()))),
    };
    let header = header.clone();
    Ok(Arc::new(move |signable, headers| {
        let at = signable.facts.at;
        let timestamp = at.unix_timestamp().to_string();
        let mut text = Vec::with_capacity(160);
        text.extend_from_slice(b"t=");
        text.extend_from_slice(timestamp.as_bytes());
        for key in ring.at(at) {
            text.extend_from_slice(b",v1=");
            push_hex(&key.digest(&[timestamp.as_bytes(), b".", signable.body]), &mut text);
        }
        headers.insert(header.clone(), value(text));
        Ok(())
    }))
}
