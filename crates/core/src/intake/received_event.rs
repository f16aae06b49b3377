//! An event as the intake takes it, from whichever side it came. Its payload may be any bytes.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use callbacks_interfaces::event_submission::EventSubmission;
use callbacks_interfaces::event_type::EventType;
use time::OffsetDateTime;

use crate::routing::event_document::{EventDocument, EventFacts};

/// An event whose tenant is known from elsewhere. Cloning shares the payload.
#[derive(Clone)]
pub struct ReceivedEvent {
    /// The id by which a repeat is recognised, at most 255 characters; `None` = it cannot be recognised.
    pub id: Option<String>,
    /// The type.
    pub event_type: EventType,
    /// Where it comes from, at most 255 characters; part of its identity. Empty when nobody said.
    pub source: String,
    /// The payload's media type, where it was said.
    pub content_type: Option<String>,
    /// When it happened, according to its producer.
    pub occurred_at: Option<OffsetDateTime>,
    /// What else its producer said about it.
    pub headers: Option<BTreeMap<String, String>>,
    /// The payload as received.
    pub payload: Bytes,
}

/// Payloads are not for logs.
impl fmt::Debug for ReceivedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedEvent")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("source", &self.source)
            .field("payload_len", &self.payload.len())
            .finish_non_exhaustive()
    }
}

impl ReceivedEvent {
    /// The event as filters see it.
    pub(crate) fn document(&self) -> EventDocument<'_> {
        EventDocument::new(EventFacts {
            id: self.id.as_deref().unwrap_or_default(),
            event_type: self.event_type.as_str(),
            source: &self.source,
            headers: self.headers.as_ref(),
            payload: &self.payload,
        })
    }
}

impl From<EventSubmission> for ReceivedEvent {
    fn from(submission: EventSubmission) -> Self {
        Self {
            id: submission.id,
            event_type: submission.event_type,
            source: submission.source.unwrap_or_default(),
            content_type: None,
            occurred_at: submission.occurred_at,
            headers: submission.headers,
            payload: Bytes::from(String::from(submission.payload)),
        }
    }
}
