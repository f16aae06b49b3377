//! What is said on the wire about one attempt, and why it may be impossible to say it.

use bytes::Bytes;
use callbacks_interfaces::delivery_phase::DeliveryPhase;
use callbacks_interfaces::ids::DeliveryId;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use callbacks_interfaces::whsec::KeyFormError;
use time::OffsetDateTime;

use super::canonical_json::JsonFault;

/// What one attempt of one delivery says.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryFacts<'a> {
    /// The id receivers see.
    pub event_id: &'a str,
    /// The event's type.
    pub event_type: &'a str,
    /// Whose event it is.
    pub tenant: &'a str,
    /// Who produced it; empty when nobody said.
    pub source: &'a str,
    /// When it happened: as its producer says, else when it was accepted.
    pub occurred_at: OffsetDateTime,
    /// The payload's media type, where it was said.
    pub content_type: Option<&'a str>,
    /// What else its producer said about it: a JSON object of texts.
    pub event_headers: Option<&'a str>,
    /// The same for every attempt of this delivery.
    pub delivery_id: DeliveryId,
    /// Whether the receiver is told of the event, or asked before it.
    pub phase: DeliveryPhase,
    /// The number of the attempt, from 1.
    pub attempt: u16,
    /// When the attempt is made.
    pub at: OffsetDateTime,
    /// The payload as received.
    pub payload: &'a Bytes,
}

/// Why a delivery cannot be put on the wire. Only [`WireError::Payload`] is the event's fault and stays so; all others
/// are ours, or the configuration's, and can be mended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The payload cannot be written the way the profile, envelope or body format needs it.
    #[error("{0}")]
    Payload(#[from] JsonFault),
    /// A custom header breaks a rule it was saved under.
    #[error("custom headers: {0}")]
    CustomHeaders(String),
    /// The name of the signature header is none.
    #[error("signature header {0:?} is not a header name")]
    SignatureHeader(String),
    /// A value cannot stand in a header.
    #[error("a header value contains characters a header cannot carry")]
    HeaderValue,
    /// A template nobody knows.
    #[error("unknown template {{{{{0}}}}}")]
    UnknownTemplate(String),
    /// Callbacks are to be signed, and there is nothing to sign with.
    #[error(
        "it is to be signed by {0}, and has no secret to do so; set one, or set signatureEnabled to false"
    )]
    NoSecret(SignatureScheme),
    /// The secret is not of the form its scheme needs.
    #[error("{0}")]
    KeyForm(#[from] KeyFormError),
}

#[cfg(test)]
pub(super) mod tests {
    use callbacks_interfaces::ids::{ConfigurationId, EventRowId};
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    pub(crate) fn facts(payload: &Bytes) -> DeliveryFacts<'_> {
        DeliveryFacts {
            event_id: "evt 1",
            event_type: "order.created",
            tenant: "acme",
            source: "shop",
            occurred_at: datetime!(2025-11-01 09:59:58.5 UTC),
            content_type: None,
            event_headers: None,
            delivery_id: DeliveryId {
                event: EventRowId::from(Uuid::from_u128(1)),
                configuration: ConfigurationId::from(Uuid::from_u128(2)),
            },
            phase: DeliveryPhase::After,
            attempt: 2,
            at: datetime!(2025-11-01 10:00:00.25 UTC),
            payload,
        }
    }
}
