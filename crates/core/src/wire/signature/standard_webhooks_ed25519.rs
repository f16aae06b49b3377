//! Standard Webhooks, asymmetric: `v1a,` and base64 of the Ed25519 signature over `<id>.<timestamp>.<body>`. The receiver
//! needs only the public key. The key is the configuration's secret when that is one (`whsk_…`), else a key the service
//! made for it.

use std::sync::Arc;

use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use callbacks_interfaces::whsec::PRIVATE_PREFIX;
use ed25519_dalek::{Signer as _, SigningKey};
use http::HeaderName;

use super::ed25519::signing_key;
use super::keys::{Expiring, KeyRing, SigningKeys};
use super::signer::Sign;
use super::standard_webhooks::{HeaderNames, signed_bytes};
use crate::wire::facts::WireError;

pub(super) fn prepare(keys: &SigningKeys<'_>, header: &HeaderName) -> Result<Sign, WireError> {
    let ring = ring(keys)?;
    let names = HeaderNames::of(header)?;
    Ok(Arc::new(move |signable, headers| {
        let prefix = names.identify(signable.facts, headers)?;
        let signed = signed_bytes(&prefix, signable);
        for key in ring.at(signable.facts.at) {
            names.append(headers, "v1a,", &key.sign(&signed).to_bytes());
        }
        Ok(())
    }))
}

/// The keys that sign this way.
pub(super) fn ring(keys: &SigningKeys<'_>) -> Result<KeyRing<SigningKey>, WireError> {
    let is_private = |secret: &&SecretText| secret.expose().starts_with(PRIVATE_PREFIX);
    let current = keys
        .secret
        .filter(is_private)
        .or(keys.ed25519)
        .ok_or(WireError::NoSecret(SignatureScheme::StandardWebhooksEd25519))?;
    let old = |old: Expiring<'_>| Some((signing_key(old.secret).ok()?, old.until));
    let pairs = keys.previous.into_iter().zip(keys.previous_ed25519);
    let previous =
        pairs.filter_map(|(secret, own)| secret.and_then(old).or_else(|| own.and_then(old))).collect();
    Ok(KeyRing { current: signing_key(current)?, previous })
}
