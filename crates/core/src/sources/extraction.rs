//! Makes an event of a message. Pure: the message alone decides.
//!
//! A CloudEvent's attributes count first, where it is one. Otherwise the type is the payload's `eventType`, `type` or
//! `@type`, then a header's, then what the protocol says; the id likewise. Absent, `null`, blank and structured values are
//! passed over. JSON without any type becomes [`UNKNOWN_TYPE`], as in the compatible system; a missing id is derived from
//! where the message stood, so that it is the same one when the message comes again.

use std::collections::BTreeMap;

use bytes::Bytes;
use callbacks_interfaces::event_submission::{
    EVENT_HEADERS_MAX, EVENT_HEADERS_MAX_OCTETS, EVENT_ID_MAX_CHARS,
};
use callbacks_interfaces::event_type::EventType;
use callbacks_interfaces::ids::SubscriptionId;
use callbacks_interfaces::json_depth::{PAYLOAD_MAX_DEPTH, is_too_deep};
use time::OffsetDateTime;
use uuid::Uuid;

use super::cloud_event::{self, Attributes};
use super::message::{Place, SourceMessage};
use super::payload_fields::{self, PayloadFields};
use crate::intake::received_event::ReceivedEvent;

/// The type of JSON messages that name none (Firefly's).
pub const UNKNOWN_TYPE: &str = "unknown.event";
/// The header under which an event keeps its message's key.
pub const KEY_HEADER: &str = "messageKey";

const TYPE_HEADERS: [&str; 5] = ["eventType", "event-type", "type", "ce_type", "ce-type"];
const ID_HEADERS: [&str; 4] = ["eventId", "event-id", "ce_id", "ce-id"];
const ENCODING_HEADERS: [&str; 2] = ["content-encoding", "contentEncoding"];
/// What some clients say about values that are sent as they are.
const PLAIN_ENCODINGS: [&str; 6] = ["identity", "utf-8", "utf8", "us-ascii", "binary", "8bit"];
const CONTENT_TYPE_HEADERS: [&str; 2] = ["content-type", "contentType"];

/// What a message turned out to be.
#[derive(Debug)]
pub enum Extracted {
    /// An event.
    Event(Box<ReceivedEvent>),
    /// A key without a value and without a type: it says that something may be forgotten, and is no event.
    Tombstone,
    /// No event, and why. The reason never quotes the message.
    Poison(String),
}

/// Makes an event of a message of a subscription. `max_payload` is in octets.
#[must_use]
pub fn extract(message: &SourceMessage, subscription: SubscriptionId, max_payload: usize) -> Extracted {
    let size = message.payload.as_ref().map_or(0, Bytes::len);
    if size > max_payload {
        return Extracted::Poison(format!(
            "the value has {size} bytes, more than the {max_payload} an event may have"
        ));
    }
    let headers = text_headers(message);
    match read(message, &headers) {
        Err(reason) => Extracted::Poison(reason),
        Ok(None) => Extracted::Tombstone,
        Ok(Some(found)) => match found.into_event(message, &headers, subscription) {
            Ok(event) => Extracted::Event(Box::new(event)),
            Err(reason) => Extracted::Poison(reason),
        },
    }
}

/// Makes an event of a message as somebody says it is, whatever the message says. Without an id the message's place gives it.
#[must_use]
pub fn as_event_of_type(
    message: &SourceMessage,
    subscription: SubscriptionId,
    event_type: &EventType,
    id: Option<String>,
) -> Extracted {
    let headers = text_headers(message);
    let attributes = Attributes {
        id,
        event_type: Some(event_type.as_str().to_owned()),
        content_type: message.said.content_type.clone(),
        ..Attributes::default()
    };
    let found = Found { attributes, payload: message.payload.clone().unwrap_or_default() };
    match found.into_event(message, &headers, subscription) {
        Ok(event) => Extracted::Event(Box::new(event)),
        Err(reason) => Extracted::Poison(reason),
    }
}

/// An event's id as somebody gives it.
///
/// # Errors
/// When it is too long or has control characters.
pub fn given_id(id: &str) -> Result<String, String> {
    within_limits("the event's id", id.to_owned())
}

/// The id of a message that names none: UUID version 5 of where it stood. The broker's time is part of it: a topic that was
/// deleted and made anew counts its offsets from the start again, and its messages are others.
#[must_use]
pub fn derived_id(subscription: SubscriptionId, place: &Place, time: Option<OffsetDateTime>) -> Uuid {
    let time = time.map_or(0, OffsetDateTime::unix_timestamp_nanos);
    let name = format!(
        "{subscription}\u{1f}{}\u{1f}{}\u{1f}{}\u{1f}{time}",
        place.topic, place.partition, place.position
    );
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

/// What was found in a message.
struct Found {
    attributes: Attributes,
    payload: Bytes,
}

type Headers<'a> = Vec<(&'a str, &'a str)>;

fn read(message: &SourceMessage, headers: &Headers<'_>) -> Result<Option<Found>, String> {
    let content_type = message.said.content_type.as_deref().or_else(|| last(headers, &CONTENT_TYPE_HEADERS));
    let Some(payload) = &message.payload else {
        let mut attributes = cloud_event::binary(headers.iter().copied()).unwrap_or_default();
        fill(&mut attributes, PayloadFields::default(), headers, message);
        return Ok(attributes.event_type.is_some().then(|| Found { attributes, payload: Bytes::new() }));
    };
    if last(headers, &ENCODING_HEADERS).is_some_and(is_encoded) {
        return Err("the value has a content-encoding, which is not undone here; send it plain".to_owned());
    }
    if content_type.is_some_and(cloud_event::is_structured) {
        if is_too_deep(payload) {
            return Err(too_deep());
        }
        let envelope = cloud_event::structured(payload)?;
        return Ok(Some(Found { attributes: envelope.attributes, payload: envelope.data }));
    }
    let mut attributes = cloud_event::binary(headers.iter().copied()).unwrap_or_default();
    attributes.content_type = content_type.map(str::to_owned);
    let fields = payload_fields::read(payload);
    let is_json = fields.is_some();
    if is_json && is_too_deep(payload) {
        return Err(too_deep());
    }
    fill(&mut attributes, fields.unwrap_or_default(), headers, message);
    if attributes.event_type.is_none() && is_json {
        attributes.event_type = Some(UNKNOWN_TYPE.to_owned());
    }
    if attributes.event_type.is_none() {
        return Err("the value is not JSON, and neither a header nor the broker names its type".to_owned());
    }
    Ok(Some(Found { attributes, payload: payload.clone() }))
}

fn is_encoded(encoding: &str) -> bool {
    !PLAIN_ENCODINGS.iter().any(|plain| encoding.trim().eq_ignore_ascii_case(plain))
}

fn too_deep() -> String {
    format!("the value is JSON that is nested deeper than {PAYLOAD_MAX_DEPTH}")
}

/// Completes what a CloudEvent's attributes left open.
fn fill(attributes: &mut Attributes, fields: PayloadFields, headers: &Headers<'_>, message: &SourceMessage) {
    let header = |names: &[&str]| names.iter().find_map(|name| last(headers, &[name])).map(str::to_owned);
    let said = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    attributes.event_type = attributes
        .event_type
        .take()
        .or(fields.event_type)
        .or(fields.plain_type)
        .or(fields.at_type)
        .or_else(|| header(&TYPE_HEADERS))
        .or_else(|| said(&message.said.event_type));
    attributes.id = attributes
        .id
        .take()
        .or(fields.event_id)
        .or(fields.id)
        .or_else(|| header(&ID_HEADERS))
        .or_else(|| said(&message.said.id));
}

/// The value of the last header of one of these names that is not blank, names compared without case.
fn last<'a>(headers: &Headers<'a>, names: &[&str]) -> Option<&'a str> {
    let named = |name: &str| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted));
    headers
        .iter()
        .rev()
        .find(|(name, value)| named(name) && !value.trim().is_empty())
        .map(|(_, value)| *value)
}

/// Headers that are text.
fn text_headers(message: &SourceMessage) -> Headers<'_> {
    message
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value).ok()?)))
        .collect()
}

impl Found {
    fn into_event(
        self,
        message: &SourceMessage,
        headers: &Headers<'_>,
        subscription: SubscriptionId,
    ) -> Result<ReceivedEvent, String> {
        let Attributes { id, event_type, source, time, content_type } = self.attributes;
        let event_type = EventType::try_from(event_type.unwrap_or_default().as_str())
            .map_err(|error| error.to_string())?;
        let id = match id {
            Some(id) => Some(within_limits("the event's id", id)?),
            None => message
                .place
                .lasting
                .then(|| derived_id(subscription, &message.place, message.said.time).to_string()),
        };
        // Ids are unique to their producers only, so the topic tells apart those that do not say who they are.
        let source = match source {
            Some(source) => within_limits("the event's source", source)?,
            None => {
                message.place.topic.chars().filter(|c| !c.is_control()).take(EVENT_ID_MAX_CHARS).collect()
            }
        };
        let occurred_at = time.or(message.said.time);
        let kept = kept_headers(message, headers);
        Ok(ReceivedEvent {
            id,
            event_type,
            source,
            content_type,
            occurred_at,
            headers: kept,
            payload: self.payload,
        })
    }
}

fn within_limits(what: &str, text: String) -> Result<String, String> {
    if text.chars().count() > EVENT_ID_MAX_CHARS {
        return Err(format!("{what} has more than {EVENT_ID_MAX_CHARS} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} contains control characters"));
    }
    Ok(text)
}

/// The headers an event keeps, as many as an event may have, and its key among them.
fn kept_headers(message: &SourceMessage, headers: &Headers<'_>) -> Option<BTreeMap<String, String>> {
    let key = message.key.as_ref().and_then(|key| std::str::from_utf8(key).ok()).map(|key| (KEY_HEADER, key));
    let mut kept = BTreeMap::new();
    let mut octets = 0;
    for (name, value) in key.into_iter().chain(headers.iter().copied()) {
        let fits =
            kept.len() < EVENT_HEADERS_MAX && octets + name.len() + value.len() <= EVENT_HEADERS_MAX_OCTETS;
        if fits && !name.is_empty() && !name.chars().chain(value.chars()).any(char::is_control) {
            octets += name.len() + value.len();
            kept.insert(name.to_owned(), value.to_owned());
        }
    }
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests;
