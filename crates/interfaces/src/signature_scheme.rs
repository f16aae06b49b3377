//! How callbacks are signed.

use crate::named_enum::named_enum;

named_enum! {
    /// A way of signing a callback. All of them sign exactly the bytes sent.
    #[derive(Default)]
    pub enum SignatureScheme {
        /// Firefly Callbacks: base64 (standard alphabet, padded) of HMAC-SHA256 over the body, keyed with
        /// the secret's UTF-8 bytes.
        #[default]
        Firefly = "FIREFLY",
        /// pyfly: `sha256=` and lower-case hex of HMAC-SHA256 over the body.
        Pyfly = "PYFLY",
        /// svc-infra: lower-case hex of HMAC-SHA256 over the body.
        SvcInfra = "SVC_INFRA",
        /// Stripe and Dealix: `t=<unix seconds>,v1=<hex>` of HMAC-SHA256 over `<t>.<body>`.
        Stripe = "STRIPE",
        /// servo-webhooks: lower-case hex of HMAC-SHA1 over the body.
        ServoSha1 = "SERVO_SHA1",
        /// Standard Webhooks, symmetric: `v1,` and base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`,
        /// keyed with what the secret's base64 stands for.
        StandardWebhooks = "STANDARD_WEBHOOKS",
        /// Standard Webhooks, asymmetric: `v1a,` and base64 of the Ed25519 signature over the same.
        StandardWebhooksEd25519 = "STANDARD_WEBHOOKS_ED25519",
        /// firefly-rust: `sha256=` and hex, with its four event headers.
        FireflyRust = "FIREFLY_RUST",
        /// Unsigned.
        None = "NONE",
    }
}

impl SignatureScheme {
    /// Every scheme with its name.
    pub const ALL: &'static [(&'static str, Self)] = <Self as crate::named_enum::NamedEnum>::ALL;

    /// The scheme of that name, ignoring case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, scheme)| *scheme)
    }

    /// The header the signature is in, unless the configuration names another.
    #[must_use]
    pub const fn default_header(self) -> &'static str {
        match self {
            Self::Firefly | Self::FireflyRust | Self::None => "X-Firefly-Signature",
            Self::Pyfly => "X-Pyfly-Signature",
            Self::SvcInfra => "X-Signature",
            Self::Stripe => "Stripe-Signature",
            Self::ServoSha1 => "X-Servo-Signature",
            Self::StandardWebhooks | Self::StandardWebhooksEd25519 => "webhook-signature",
        }
    }

    /// Whether it is keyed with the configuration's secret (Ed25519 has keys of its own).
    #[must_use]
    pub const fn needs_secret(self) -> bool {
        !matches!(self, Self::None | Self::StandardWebhooksEd25519)
    }

    /// Whether two schemes may write into the same header: Standard Webhooks' list holds both versions.
    #[must_use]
    pub const fn shares_header_with(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::StandardWebhooks, Self::StandardWebhooksEd25519)
                | (Self::StandardWebhooksEd25519, Self::StandardWebhooks)
        )
    }
}
