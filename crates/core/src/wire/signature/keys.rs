//! The secrets of a configuration.

use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use time::OffsetDateTime;

use crate::wire::facts::WireError;

/// Secrets that may sign beside the current one: two rotations within a day.
pub const RETIRED: usize = 2;

/// What a configuration has to sign with.
#[derive(Debug, Clone, Copy, Default)]
pub struct SigningKeys<'a> {
    /// Its secret.
    pub secret: Option<&'a SecretText>,
    /// The secrets before the last rotations, the newest first.
    pub previous: [Option<Expiring<'a>>; RETIRED],
    /// Its own Ed25519 key (`whsk_…`).
    pub ed25519: Option<&'a SecretText>,
    /// Those keys before the last rotations, the newest first.
    pub previous_ed25519: [Option<Expiring<'a>>; RETIRED],
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

    /// The secrets before the current one, made ready; those of another form cannot have signed this way.
    pub(super) fn retired<K>(&self, key: impl Fn(&'a str) -> Option<K>) -> Vec<(K, OffsetDateTime)> {
        let retired = self.previous.iter().flatten();
        retired.filter_map(|old| Some((key(old.secret.expose())?, old.until))).collect()
    }
}

/// Keys made ready, the newest first; each but the first with the time from which it signs no more.
#[derive(Clone)]
pub(super) struct KeyRing<K> {
    pub(super) current: K,
    pub(super) previous: Vec<(K, OffsetDateTime)>,
}

impl<K> KeyRing<K> {
    /// The keys that sign at a time.
    pub(super) fn at(&self, at: OffsetDateTime) -> impl Iterator<Item = &K> {
        let previous = self.previous.iter().filter(move |(_, until)| at < *until).map(|(key, _)| key);
        std::iter::once(&self.current).chain(previous)
    }
}
