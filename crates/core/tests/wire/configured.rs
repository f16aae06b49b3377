//! A configuration and an event to put on the wire.

use std::collections::BTreeMap;

use bytes::Bytes;
use callbacks_core::wire::profile::{
    DeliveryFacts, Expiring, PreparedWire, SigningFacts, SigningKeys, WireError, WireFacts,
};
use callbacks_interfaces::body_format::BodyFormat;
use callbacks_interfaces::delivery_phase::DeliveryPhase;
use callbacks_interfaces::envelope::Envelope;
use callbacks_interfaces::ids::{ConfigurationId, DeliveryId, EventRowId};
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::signature_choice::SignatureChoice;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use callbacks_interfaces::wire_profile::WireProfile;
use http::HeaderMap;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

/// A configuration; everything but the profile can stay as it is.
pub(crate) struct Configured {
    pub(crate) profile: WireProfile,
    pub(crate) schemes: Option<Vec<SignatureChoice>>,
    pub(crate) header: Option<&'static str>,
    pub(crate) secret: Option<SecretText>,
    pub(crate) previous: Vec<(SecretText, OffsetDateTime)>,
    pub(crate) own_key: Option<SecretText>,
    pub(crate) body_format: Option<BodyFormat>,
    pub(crate) envelope: Option<Envelope>,
    pub(crate) custom_headers: BTreeMap<String, String>,
}

pub(crate) fn secret(text: &str) -> SecretText {
    SecretText::try_from(text.to_owned()).expect("a secret")
}

impl Configured {
    pub(crate) fn new(profile: WireProfile, secret_text: &str) -> Self {
        Self {
            profile,
            schemes: None,
            header: None,
            secret: (!secret_text.is_empty()).then(|| secret(secret_text)),
            previous: Vec::new(),
            own_key: None,
            body_format: None,
            envelope: None,
            custom_headers: BTreeMap::new(),
        }
    }

    pub(crate) fn signing(mut self, schemes: &[SignatureScheme]) -> Self {
        self.schemes = Some(schemes.iter().copied().map(SignatureChoice::Usual).collect());
        self
    }

    pub(crate) fn prepare(&self) -> Result<PreparedWire, WireError> {
        PreparedWire::prepare(&WireFacts {
            profile: self.profile,
            signing: SigningFacts {
                enabled: self.secret.is_some() || self.own_key.is_some(),
                schemes: self.schemes.as_deref(),
                header: self.header,
                firefly_header: "X-Firefly-Signature",
                keys: SigningKeys {
                    secret: self.secret.as_ref(),
                    previous: std::array::from_fn(|place| {
                        self.previous.get(place).map(|(secret, until)| Expiring { secret, until: *until })
                    }),
                    ed25519: self.own_key.as_ref(),
                    previous_ed25519: Default::default(),
                },
            },
            body_format: self.body_format,
            envelope: self.envelope,
            custom_headers: &self.custom_headers,
        })
    }

    pub(crate) fn send(&self, event: &Event<'_>) -> Result<(HeaderMap, Bytes), WireError> {
        self.prepare()?.build(&event.facts(&Bytes::copy_from_slice(event.payload)))
    }
}

/// An event on its way.
#[derive(Clone, Copy)]
pub(crate) struct Event<'a> {
    pub(crate) id: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) at: OffsetDateTime,
    pub(crate) attempt: u16,
    pub(crate) payload: &'a [u8],
}

impl<'a> Event<'a> {
    pub(crate) fn of(payload: &'a [u8]) -> Self {
        let at = datetime!(2025-11-01 10:00:00.25 UTC);
        Self { id: "evt_1", event_type: "order.created", tenant: "acme", at, attempt: 2, payload }
    }

    pub(crate) fn facts<'b>(&'b self, payload: &'b Bytes) -> DeliveryFacts<'b> {
        DeliveryFacts {
            event_id: self.id,
            event_type: self.event_type,
            tenant: self.tenant,
            source: "shop",
            occurred_at: self.at,
            content_type: None,
            event_headers: Some(r#"{"ce-subject":"order 7","ce-partitionkey":"acme","X-Other":"1"}"#),
            delivery_id: DeliveryId {
                event: EventRowId::from(Uuid::from_u128(1)),
                configuration: ConfigurationId::from(Uuid::from_u128(2)),
            },
            phase: DeliveryPhase::After,
            attempt: self.attempt,
            at: self.at,
            payload,
        }
    }
}
