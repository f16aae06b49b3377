//! How the body's JSON is written.

use crate::named_enum::named_enum;
use crate::signature_scheme::SignatureScheme;
use crate::wire_profile::WireProfile;

named_enum! {
    /// How the body's JSON is written. Whatever it is, the bytes signed are the bytes sent.
    #[derive(Default)]
    pub enum BodyFormat {
        /// As received, byte for byte.
        #[default]
        Raw = "RAW",
        /// As Python's `json.dumps(…, sort_keys=True, separators=(",", ":"))` writes it, byte for byte.
        Canonical = "CANONICAL",
        /// Keys sorted, no blanks, text outside ASCII as it is: firefly-rust's form.
        Sorted = "SORTED",
    }
}

impl BodyFormat {
    /// The form when the configuration names none: receivers of some systems write the JSON anew before
    /// they verify, and for them it must already be in their form.
    #[must_use]
    pub fn implied(profile: WireProfile, schemes: &[SignatureScheme]) -> Self {
        let profile_is_canonical =
            matches!(profile, WireProfile::Pyfly | WireProfile::SvcInfra | WireProfile::Dealix);
        let is_canonical = |scheme: &SignatureScheme| {
            matches!(scheme, SignatureScheme::Pyfly | SignatureScheme::SvcInfra | SignatureScheme::Stripe)
        };
        if profile_is_canonical || schemes.iter().any(is_canonical) {
            Self::Canonical
        } else if schemes.contains(&SignatureScheme::FireflyRust) {
            Self::Sorted
        } else {
            Self::Raw
        }
    }
}
