//! A message as a broker delivered it.

use std::sync::Arc;

use bytes::Bytes;
use callbacks_interfaces::tenant::TenantId;
use time::OffsetDateTime;

use crate::intake::received_event::ReceivedEvent;

/// Where a message stood at its broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The topic, queue or stream.
    pub topic: Arc<str>,
    /// The partition; empty where the broker has none.
    pub partition: Arc<str>,
    /// Its offset, sequence or entry id there.
    pub position: String,
    /// Whether the same message stands at the same place when it is delivered again. Only then an id can be derived.
    pub lasting: bool,
}

/// What a broker's own protocol says about a message, beside headers and value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// An id (AMQP `message-id`, NATS `Nats-Msg-Id`).
    pub id: Option<String>,
    /// A type (AMQP `type`).
    pub event_type: Option<String>,
    /// The value's media type.
    pub content_type: Option<String>,
    /// When it was sent.
    pub time: Option<OffsetDateTime>,
}

/// A message to make an event of.
#[derive(Debug, Clone)]
pub struct SourceMessage {
    /// Where it stood.
    pub place: Place,
    /// What the protocol says about it.
    pub said: Said,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its headers, in order, as sent.
    pub headers: Vec<(String, Bytes)>,
    /// Its value; `None` for a tombstone.
    pub payload: Option<Bytes>,
}

/// What a source delivers.
#[derive(Debug, Clone)]
pub enum Arrival {
    /// A message to make an event of.
    Message(Box<SourceMessage>),
    /// What is an event already and names its tenant (the outbox).
    Event(TenantId, Box<ReceivedEvent>),
}

impl SourceMessage {
    /// Octets it holds in memory, about.
    #[must_use]
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.payload.as_ref().map_or(0, Bytes::len) + self.key.as_ref().map_or(0, Bytes::len) + headers
    }
}
