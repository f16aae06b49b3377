//! The table of wire profiles, and a configuration's part of a delivery made ready: its headers parsed, its templates
//! compiled, its key scheduled. Building one delivery is then a few small texts and one HMAC.

use std::collections::BTreeMap;

use bytes::Bytes;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::wire_headers::custom_header_problems;
use callbacks_interfaces::wire_profile::WireProfile;
use http::{HeaderMap, HeaderName, HeaderValue};

pub use super::facts::{DeliveryFacts, WireError};
use super::firefly;
use super::recipe::Recipe;
use super::signature::firefly::FireflyKey;
use super::template::Template;

/// The table.
fn recipe(profile: WireProfile) -> &'static Recipe {
    match profile {
        WireProfile::Firefly => &firefly::RECIPE,
    }
}

/// What a configuration says about the wire.
#[derive(Debug, Clone, Copy)]
pub struct WireFacts<'a> {
    /// The preset.
    pub profile: WireProfile,
    /// The signing secret; `None` sends unsigned.
    pub secret: Option<&'a SecretText>,
    /// Name of the header that carries the signature.
    pub signature_header: &'a str,
    /// Headers of its own, whose values may hold templates.
    pub custom_headers: &'a BTreeMap<String, String>,
}

/// A configuration's part of every delivery, ready for use.
#[derive(Debug, Clone)]
pub struct PreparedWire {
    profile: WireProfile,
    constant_headers: Vec<(HeaderName, HeaderValue)>,
    custom_headers: Vec<(HeaderName, Template)>,
    signature: Option<(HeaderName, FireflyKey)>,
}

impl PreparedWire {
    /// Prepares what a configuration says.
    ///
    /// # Errors
    /// [`WireError`] when a stored header does not keep the rules any more.
    pub fn prepare(facts: &WireFacts<'_>) -> Result<Self, WireError> {
        let signature_header = facts.secret.map(|_| facts.signature_header);
        if let Some(problem) =
            custom_header_problems(facts.custom_headers, signature_header).into_iter().next()
        {
            return Err(WireError::CustomHeaders(problem.message));
        }
        let custom_headers = facts
            .custom_headers
            .iter()
            .map(|(name, value)| custom_header(name, value))
            .collect::<Result<_, _>>()?;
        let signature = facts.secret.map(|secret| {
            let name = HeaderName::try_from(facts.signature_header)
                .map_err(|_| WireError::SignatureHeader(facts.signature_header.to_owned()))?;
            Ok((name, FireflyKey::new(secret)))
        });
        Ok(Self {
            profile: facts.profile,
            constant_headers: (recipe(facts.profile).constant_headers)(),
            custom_headers,
            signature: signature.transpose()?,
        })
    }

    /// Builds the headers and the body of one attempt, signed. Custom headers override the profile's, and the
    /// signature, which covers exactly the body returned, overrides everything.
    ///
    /// # Errors
    /// [`WireError::HeaderValue`] when a fact cannot stand in a header.
    pub fn build(&self, facts: &DeliveryFacts<'_>) -> Result<(HeaderMap, Bytes), WireError> {
        let recipe = recipe(self.profile);
        let mut headers = HeaderMap::with_capacity(12 + self.custom_headers.len());
        for (name, value) in &self.constant_headers {
            headers.insert(name, value.clone());
        }
        (recipe.fact_headers)(facts, &mut headers)?;
        for (name, template) in &self.custom_headers {
            headers.insert(name, template.fill(facts)?);
        }
        let body = (recipe.body)(facts);
        if let Some((name, key)) = &self.signature {
            headers.insert(name, key.sign(&body));
        }
        Ok((headers, body))
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
            secret: secret.as_ref(),
            signature_header: "X-Firefly-Signature",
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
