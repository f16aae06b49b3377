//! The table of wire profiles, and a configuration's part of a delivery made ready: its headers parsed, its templates
//! compiled, its keys scheduled. Building one delivery is then a few small texts and one HMAC.

use std::collections::BTreeMap;

use bytes::Bytes;
use callbacks_interfaces::body_format::BodyFormat;
use callbacks_interfaces::envelope::Envelope;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::signature_choice::SignatureChoice;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use callbacks_interfaces::wire_headers::CustomHeaderRules;
use callbacks_interfaces::wire_profile::WireProfile;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::envelope::compose;
pub use super::facts::{DeliveryFacts, WireError};
use super::profiles::{cloud_events, custom, dealix, firefly, pyfly, servo, standard_webhooks, svc_infra};
use super::recipe::Recipe;
pub use super::signature::keys::{Expiring, SigningKeys};
use super::signature::public_keys;
use super::signature::signer::{Signable, Signer};
use super::template::Template;

/// The table.
fn recipe(profile: WireProfile) -> &'static Recipe {
    match profile {
        WireProfile::Firefly => &firefly::RECIPE,
        WireProfile::Pyfly => &pyfly::RECIPE,
        WireProfile::SvcInfra => &svc_infra::RECIPE,
        WireProfile::Dealix => &dealix::RECIPE,
        WireProfile::Servo => &servo::RECIPE,
        WireProfile::StandardWebhooks => &standard_webhooks::RECIPE,
        WireProfile::CloudEvents => &cloud_events::RECIPE,
        WireProfile::Custom => &custom::RECIPE,
    }
}

/// What a configuration says about the wire.
#[derive(Debug, Clone, Copy)]
pub struct WireFacts<'a> {
    /// The preset.
    pub profile: WireProfile,
    /// How it signs.
    pub signing: SigningFacts<'a>,
    /// How the body's JSON is written; what profile and schemes need when `None`.
    pub body_format: Option<BodyFormat>,
    /// What the body is made of; the profile's when `None`.
    pub envelope: Option<Envelope>,
    /// Headers of its own, whose values may hold templates.
    pub custom_headers: &'a BTreeMap<String, String>,
}

/// What a configuration says about signing.
#[derive(Debug, Clone, Copy)]
pub struct SigningFacts<'a> {
    /// Whether it signs.
    pub enabled: bool,
    /// How; the profile's way when `None`.
    pub schemes: Option<&'a [SignatureChoice]>,
    /// Name of the first scheme's header, if not the usual one.
    pub header: Option<&'a str>,
    /// Usual name of the header of the scheme FIREFLY, a setting of the service.
    pub firefly_header: &'a str,
    /// What it signs with.
    pub keys: SigningKeys<'a>,
}

impl<'a> SigningFacts<'a> {
    /// Signing with a secret the profile's usual way, or not at all without one.
    #[must_use]
    pub fn usual(secret: Option<&'a SecretText>) -> Self {
        let firefly_header = SignatureScheme::Firefly.default_header();
        let keys = SigningKeys { secret, ..SigningKeys::default() };
        Self { enabled: secret.is_some(), schemes: None, header: None, firefly_header, keys }
    }

    /// The schemes that sign, each with its header.
    fn used(&self, profile: WireProfile) -> Vec<(SignatureScheme, &'a str)> {
        let usual = |scheme| match scheme {
            SignatureScheme::Firefly => self.firefly_header,
            other => profile.header_of(other),
        };
        let named = self.schemes.unwrap_or_default().iter().map(|choice| (choice.scheme(), choice.header()));
        let default = self.schemes.is_none().then(|| (profile.default_scheme(), None));
        named
            .chain(default)
            .filter(|(scheme, _)| self.enabled && *scheme != SignatureScheme::None)
            .enumerate()
            .map(|(position, (scheme, header))| {
                let first = self.header.filter(|_| position == 0);
                (scheme, header.or(first).unwrap_or_else(|| usual(scheme)))
            })
            .collect()
    }
}

/// A configuration's part of every delivery, ready for use.
#[derive(Debug, Clone)]
pub struct PreparedWire {
    profile: WireProfile,
    envelope: Envelope,
    body_format: BodyFormat,
    constant_headers: Vec<(HeaderName, HeaderValue)>,
    custom_headers: Vec<(HeaderName, Template)>,
    signers: Vec<Signer>,
    public_keys: Vec<[u8; 32]>,
}

impl PreparedWire {
    /// Prepares what a configuration says.
    ///
    /// # Errors
    /// [`WireError`] when a stored header does not keep the rules any more, or there is nothing to sign with.
    pub fn prepare(facts: &WireFacts<'_>) -> Result<Self, WireError> {
        let used = facts.signing.used(facts.profile);
        check_custom_headers(facts, &used)?;
        let custom_headers = facts.custom_headers.iter().map(|(name, value)| custom_header(name, value));
        let signers =
            used.iter().map(|(scheme, header)| Signer::prepare(*scheme, header, &facts.signing.keys));
        let schemes: Vec<_> = used.iter().map(|(scheme, _)| *scheme).collect();
        let has_public_keys = schemes.contains(&SignatureScheme::StandardWebhooksEd25519);
        Ok(Self {
            profile: facts.profile,
            envelope: facts.envelope.unwrap_or_else(|| Envelope::of(facts.profile)),
            body_format: facts.body_format.unwrap_or_else(|| BodyFormat::implied(facts.profile, &schemes)),
            constant_headers: (recipe(facts.profile).constant_headers)(),
            custom_headers: custom_headers.collect::<Result<_, _>>()?,
            signers: signers.filter_map(Result::transpose).collect::<Result<_, _>>()?,
            public_keys: if has_public_keys { public_keys(&facts.signing.keys) } else { Vec::new() },
        })
    }

    /// Builds the headers and the body of one attempt, signed. Custom headers override the profile's, and the
    /// signatures, which cover exactly the body returned, override everything.
    ///
    /// # Errors
    /// [`WireError::Payload`] when the payload cannot be written as the profile needs it, [`WireError::HeaderValue`]
    /// when a fact cannot stand in a header.
    pub fn build(&self, facts: &DeliveryFacts<'_>) -> Result<(HeaderMap, Bytes), WireError> {
        let composed = compose(self.envelope, self.body_format, facts)?;
        let mut headers = HeaderMap::with_capacity(16 + self.custom_headers.len());
        for (name, value) in &self.constant_headers {
            headers.insert(name, value.clone());
        }
        (recipe(self.profile).fact_headers)(facts, &composed, &mut headers)?;
        for (name, template) in &self.custom_headers {
            headers.insert(name, template.fill(facts)?);
        }
        let signable = Signable { facts, body: &composed.body };
        for signer in &self.signers {
            signer.sign(&signable, &mut headers)?;
        }
        Ok((headers, composed.body))
    }

    /// The public keys receivers verify with, the current one first; none unless it signs with Ed25519.
    #[must_use]
    pub fn public_keys(&self) -> &[[u8; 32]] {
        &self.public_keys
    }
}

fn check_custom_headers(facts: &WireFacts<'_>, used: &[(SignatureScheme, &str)]) -> Result<(), WireError> {
    let taken: Vec<&str> = used.iter().map(|(_, header)| *header).collect();
    let content_type_is_free = facts.profile.content_type_is_free();
    let problems = CustomHeaderRules { taken: &taken, content_type_is_free }.problems(facts.custom_headers);
    match problems.into_iter().next() {
        Some(problem) => Err(WireError::CustomHeaders(problem.message)),
        None => Ok(()),
    }
}

fn custom_header(name: &str, value: &str) -> Result<(HeaderName, Template), WireError> {
    let sensitive = callbacks_interfaces::masked::is_sensitive_name(name);
    let parsed = HeaderName::try_from(name)
        .map_err(|_| WireError::CustomHeaders(format!("{name:?} is not a header name")))?;
    Ok((parsed, Template::compile(value, sensitive)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::facts::tests::facts;
    use super::*;

    fn prepare(custom: &[(&str, &str)], secret: Option<&str>) -> Result<PreparedWire, WireError> {
        let custom_headers =
            custom.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let secret = secret.map(|text| SecretText::try_from(text.to_owned()).expect("a secret"));
        PreparedWire::prepare(&WireFacts {
            profile: WireProfile::Firefly,
            signing: SigningFacts::usual(secret.as_ref()),
            body_format: None,
            envelope: None,
            custom_headers: &custom_headers,
        })
    }

    #[test]
    fn a_firefly_delivery_in_full() {
        let payload = Bytes::from_static(b"{\"id\":1,\"amount\":99}");
        let wire = prepare(
            &[("X-Trace", "{{eventType}}#{{attempt}}"), ("Authorization", "Bearer canary")],
            Some("topsecret"),
        )
        .expect("valid");
        let (headers, body) = wire.build(&facts(&payload)).expect("valid facts");
        let shown: BTreeMap<_, _> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("ASCII"))).collect();
        let user_agent = concat!("Callbacks/", env!("CARGO_PKG_VERSION"));
        let delivery_id = facts(&payload).delivery_id.to_string();
        let expected = BTreeMap::from([
            ("content-type", "application/json"),
            ("x-event-type", "order.created"),
            ("x-event-id", "evt%201"),
            ("x-timestamp", "2025-11-01T10:00:00.250Z"),
            ("x-delivery-id", delivery_id.as_str()),
            ("x-delivery-attempt", "2"),
            ("x-callbacks-hops", "1"),
            ("user-agent", user_agent),
            ("x-trace", "order.created#2"),
            ("authorization", "Bearer canary"),
            ("x-firefly-signature", "Fu4qYLQcDs7EGngTGCt/Wxr4e+mnQW7ZRmLQKuvMDK4="),
        ]);
        assert_eq!(shown, expected);
        assert_eq!(body, payload);
        assert!(headers["authorization"].is_sensitive());
    }

    #[test]
    fn without_a_secret_nothing_is_signed() {
        let payload = Bytes::from_static(b"1");
        let (headers, _) = prepare(&[], None).expect("valid").build(&facts(&payload)).expect("valid facts");
        assert!(!headers.contains_key("x-firefly-signature"));
    }

    #[test]
    fn a_custom_header_replaces_the_profiles() {
        let payload = Bytes::from_static(b"1");
        let (headers, _) = prepare(&[("User-Agent", "mine/1")], None)
            .expect("valid")
            .build(&facts(&payload))
            .expect("valid facts");
        assert_eq!(headers["user-agent"], "mine/1");
        assert_eq!(headers.get_all("user-agent").iter().count(), 1);
    }

    #[test]
    fn stored_headers_that_break_the_rules_are_not_sent() {
        for custom in [
            ("X-A", "v\r\nX-Injected: 1"),
            ("Host", "evil"),
            ("X A", "1"),
            ("X-A", "{{secret}}"),
            ("X-Firefly-Signature", "forged"),
        ] {
            assert!(prepare(&[custom], Some("s")).is_err(), "{custom:?}");
        }
    }

    proptest! {
        #[test]
        fn any_event_can_be_put_on_the_wire(event_id in ".{1,40}", event_type in ".{1,40}", tenant in ".{1,20}", payload in prop::collection::vec(any::<u8>(), 0..64)) {
            let wire = prepare(&[("X-All", "{{eventId}}{{eventType}}{{tenantId}}{{attempt}}{{timestamp}}")], Some("s")).expect("valid");
            let payload = Bytes::from(payload);
            let facts = DeliveryFacts { event_id: &event_id, event_type: &event_type, tenant: &tenant, ..facts(&payload) };
            let (headers, body) = wire.build(&facts).expect("every text can be encoded");
            prop_assert_eq!(body, payload);
            for value in headers.values() {
                prop_assert!(value.to_str().is_ok_and(|text| text.chars().all(|c| c == ' ' || c.is_ascii_graphic())));
            }
        }
    }
}
