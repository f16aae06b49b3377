//! The secrets of a configuration.

use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use time::OffsetDateTime;

use crate::wire::facts::WireError;

/// What a configuration has to sign with.
#[derive(Debug, Clone, Copy, Default)]
pub struct SigningKeys<'a> {
    /// Its secret.
    pub secret: Option<&'a SecretText>,
    /// The secret before rotation.
    pub previous: Option<Expiring<'a>>,
    /// Its own Ed25519 key (`whsk_…`).
    pub ed25519: Option<&'a SecretText>,
    /// That key before rotation.
    pub previous_ed25519: Option<Expiring<'a>>,
}

/// A secret that signs only for a while.
#[derive(Debug, Clone, Copy)]
pub struct Expiring<'a> {
    /// The secret.
    pub secret: &'a SecretText,
    /// From when on it signs no more.
    pub until: OffsetDateTime,
}

impl<'a> SigningKeys<'a> {
    pub(super) fn secret_for(&self, scheme: SignatureScheme) -> Result<&'a str, WireError> {
        self.secret.map(SecretText::expose).ok_or(WireError::NoSecret(scheme))
    }
}

/// Keys made ready, the newest first; each but the first with the time from which it signs no more.
#[derive(Clone)]
pub(super) struct KeyRing<K> {
    pub(super) current: K,
    pub(super) previous: Option<(K, OffsetDateTime)>,
}

impl<K> KeyRing<K> {
    /// The keys that sign at a time.
    pub(super) fn at(&self, at: OffsetDateTime) -> impl Iterator<Item = &K> {
        let previous = self.previous.iter().filter(move |(_, until)| at < *until).map(|(key, _)| key);
        std::iter::once(&self.current).chain(previous)
    }
}
