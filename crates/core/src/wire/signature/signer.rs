//! The table of signature schemes, and a configuration's scheme made ready.

use std::fmt;
use std::sync::Arc;

use callbacks_interfaces::signature_scheme::SignatureScheme;
use http::{HeaderMap, HeaderName};

use super::keys::SigningKeys;
use super::{
    firefly, firefly_rust, pyfly, servo, standard_webhooks, standard_webhooks_ed25519, stripe, svc_infra,
};
use crate::wire::facts::{DeliveryFacts, WireError};

/// Adds a delivery's signature, and the headers that belong to it.
pub(super) type Sign = Arc<dyn Fn(&Signable<'_>, &mut HeaderMap) -> Result<(), WireError> + Send + Sync>;

/// Makes a scheme ready: keys, and the header for the signature.
type Prepare = fn(&SigningKeys<'_>, &HeaderName) -> Result<Sign, WireError>;

/// The table.
fn row(scheme: SignatureScheme) -> Option<Prepare> {
    match scheme {
        SignatureScheme::Firefly => Some(firefly::prepare),
        SignatureScheme::Pyfly => Some(pyfly::prepare),
        SignatureScheme::SvcInfra => Some(svc_infra::prepare),
        SignatureScheme::Stripe => Some(stripe::prepare),
        SignatureScheme::ServoSha1 => Some(servo::prepare),
        SignatureScheme::StandardWebhooks => Some(standard_webhooks::prepare),
        SignatureScheme::StandardWebhooksEd25519 => Some(standard_webhooks_ed25519::prepare),
        SignatureScheme::FireflyRust => Some(firefly_rust::prepare),
        SignatureScheme::None => None,
    }
}

/// What is signed: exactly what is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signable<'a> {
    pub(crate) facts: &'a DeliveryFacts<'a>,
    pub(crate) body: &'a [u8],
}

/// A scheme made ready for a configuration.
#[derive(Clone)]
pub(crate) struct Signer {
    scheme: SignatureScheme,
    sign: Sign,
}

impl Signer {
    /// Prepares a scheme; `None` for the one that does not sign.
    pub(crate) fn prepare(
        scheme: SignatureScheme,
        header: &str,
        keys: &SigningKeys<'_>,
    ) -> Result<Option<Self>, WireError> {
        let Some(prepare) = row(scheme) else { return Ok(None) };
        let name = HeaderName::try_from(header).map_err(|_| WireError::SignatureHeader(header.to_owned()))?;
        Ok(Some(Self { scheme, sign: prepare(keys, &name)? }))
    }

    /// Signs a delivery.
    pub(crate) fn sign(&self, signable: &Signable<'_>, headers: &mut HeaderMap) -> Result<(), WireError> {
        (self.sign)(signable, headers)
    }
}

/// The keys are not for logs.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}
