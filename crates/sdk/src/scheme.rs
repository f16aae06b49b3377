//! How callbacks are signed: one row a scheme.

use callbacks_interfaces::wire_profile::WireProfile;

/// A way of signing a callback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureScheme {
    /// Firefly Callbacks: base64 (standard alphabet, padded) of HMAC-SHA256 over the body, keyed with
    /// the secret's UTF-8 bytes.
    #[default]
    Firefly,
}

impl SignatureScheme {
    /// Every scheme with its name.
    pub const ALL: &'static [(&'static str, Self)] = &[("FIREFLY", Self::Firefly)];

    /// The scheme of that name, ignoring case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, scheme)| *scheme)
    }

    /// The header the signature is in, unless the configuration names another.
    #[must_use]
    pub const fn default_header(self) -> &'static str {
        match self {
            Self::Firefly => "X-Firefly-Signature",
        }
    }
}

impl From<WireProfile> for SignatureScheme {
    fn from(profile: WireProfile) -> Self {
        match profile {
            WireProfile::Firefly => Self::Firefly,
        }
    }
}
