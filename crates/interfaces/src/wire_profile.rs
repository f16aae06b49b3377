//! What deliveries look like on the wire.

use crate::named_enum::named_enum;
use crate::signature_scheme::SignatureScheme;

named_enum! {
    /// A preset of signature scheme, body form, envelope, headers and retry that makes deliveries look
    /// like those of a known system. Every part can be set otherwise in the configuration.
    #[derive(Default)]
    pub enum WireProfile {
        /// Firefly Callbacks: the payload as the body, base64 HMAC-SHA256 over it.
        #[default]
        Firefly = "FIREFLY",
        /// pyfly.callbacks: canonical JSON, `X-Pyfly-Signature: sha256=<hex>`.
        Pyfly = "PYFLY",
        /// svc-infra webhooks: `{topic, payload, version, created_at}` as canonical JSON, `X-Signature`.
        SvcInfra = "SVC_INFRA",
        /// The Dealix dispatcher: its envelope as canonical JSON, `Dealix-Signature: t=…,v1=…`.
        Dealix = "DEALIX",
        /// servo-webhooks: `{event, created_at, results}`, `X-Servo-Signature` by HMAC-SHA1.
        Servo = "SERVO",
        /// Standard Webhooks: `{type, timestamp, data}`, `webhook-id`, `-timestamp` and `-signature`.
        StandardWebhooks = "STANDARD_WEBHOOKS",
        /// CloudEvents 1.0 over HTTP: structured mode, or binary mode with the envelope `EVENT`.
        CloudEvents = "CLOUDEVENTS",
        /// Nothing but what the configuration says.
        Custom = "CUSTOM",
    }
}

impl WireProfile {
    /// How deliveries are signed when the configuration names no scheme.
    #[must_use]
    pub const fn default_scheme(self) -> SignatureScheme {
        match self {
            Self::Firefly | Self::CloudEvents | Self::Custom => SignatureScheme::Firefly,
            Self::Pyfly => SignatureScheme::Pyfly,
            Self::SvcInfra => SignatureScheme::SvcInfra,
            Self::Dealix => SignatureScheme::Stripe,
            Self::Servo => SignatureScheme::ServoSha1,
            Self::StandardWebhooks => SignatureScheme::StandardWebhooks,
        }
    }

    /// The header a scheme's signature is in under this profile, unless the configuration names one.
    #[must_use]
    pub const fn header_of(self, scheme: SignatureScheme) -> &'static str {
        match (self, scheme) {
            (Self::Dealix, SignatureScheme::Stripe) => "Dealix-Signature",
            (_, scheme) => scheme.default_header(),
        }
    }

    /// What of this profile's deliveries is signed when the configuration does not say.
    #[must_use]
    pub const fn signing(self) -> ProfileSigning {
        match self {
            Self::Firefly | Self::CloudEvents | Self::Custom => ProfileSigning::OnRequest,
            Self::Pyfly => ProfileSigning::WithSecret,
            Self::SvcInfra | Self::Dealix | Self::Servo | Self::StandardWebhooks => ProfileSigning::Always,
        }
    }

    /// Whether a custom header may replace the profile's `Content-Type`.
    #[must_use]
    pub const fn content_type_is_free(self) -> bool {
        matches!(self, Self::Pyfly | Self::Dealix | Self::Custom)
    }
}

/// When deliveries are signed although `signatureEnabled` was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileSigning {
    /// Never.
    OnRequest,
    /// When there is a secret.
    WithSecret,
    /// Always: a missing secret is an error.
    Always,
}

impl From<WireProfile> for SignatureScheme {
    fn from(profile: WireProfile) -> Self {
        profile.default_scheme()
    }
}
