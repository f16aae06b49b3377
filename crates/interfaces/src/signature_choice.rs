//! One of the ways a configuration's callbacks are signed.

use serde::{Deserialize, Serialize};

use crate::signature_scheme::SignatureScheme;
use crate::wire_profile::WireProfile;

/// Most schemes of one configuration.
pub const SIGNATURE_SCHEMES_MAX: usize = 8;

/// A scheme, in its usual header or in one of the configuration's choice. In JSON the scheme's name,
/// or `{"scheme": …, "header": …}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum SignatureChoice {
    /// In the header that is usual for it.
    Usual(SignatureScheme),
    /// In another header.
    Renamed {
        /// The scheme.
        scheme: SignatureScheme,
        /// The header's name. For Standard Webhooks a name `x-signature` also renames the headers of
        /// id and timestamp, to `x-id` and `x-timestamp`.
        header: String,
    },
}

impl SignatureChoice {
    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> SignatureScheme {
        match self {
            Self::Usual(scheme) | Self::Renamed { scheme, .. } => *scheme,
        }
    }

    /// The schemes deliveries are signed with: those named, else the profile's; none when they are not signed.
    pub(crate) fn in_use(
        enabled: bool,
        named: Option<&[Self]>,
        profile: WireProfile,
    ) -> impl Iterator<Item = SignatureScheme> {
        let default = named.is_none().then(|| profile.default_scheme());
        let named = named.unwrap_or_default().iter().map(Self::scheme);
        named.chain(default).filter(move |scheme| enabled && *scheme != SignatureScheme::None)
    }

    /// The header it is in, if not the usual one.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Usual(_) => None,
            Self::Renamed { header, .. } => Some(header),
        }
    }
}
