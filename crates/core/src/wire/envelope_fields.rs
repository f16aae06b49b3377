//! The members of every envelope: their names, their order, and what they say.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use callbacks_interfaces::delivery_phase::DeliveryPhase;
use callbacks_interfaces::envelope::Envelope;
use time::{OffsetDateTime, UtcOffset};

use super::facts::DeliveryFacts;
use super::headers::{header_text, instant_text};

/// One member of an envelope.
pub(super) struct Field<'a> {
    pub(super) name: Cow<'static, str>,
    pub(super) part: Part<'a>,
}

/// What a member holds.
pub(super) enum Part<'a> {
    Text(Cow<'a, str>),
    Number(i64),
    /// The payload itself.
    Payload,
    /// A payload that is no JSON.
    Base64(&'a Bytes),
}

/// The members of an envelope, in the order its own system writes them.
pub(super) fn fields_of<'a>(envelope: Envelope, facts: &DeliveryFacts<'a>, data: Part<'a>) -> Vec<Field<'a>> {
    match envelope {
        Envelope::Event | Envelope::Payload => Vec::new(),
        Envelope::SvcInfra => vec![
            text("topic", facts.event_type),
            field("payload", data),
            field("version", Part::Number(1)),
            text("created_at", python_instant(facts.occurred_at)),
        ],
        Envelope::Dealix => vec![
            text("id", facts.event_id),
            text("type", facts.event_type),
            text("customer_id", facts.tenant),
            field("timestamp", Part::Number(facts.occurred_at.unix_timestamp())),
            text("api_version", "v1"),
            field("data", data),
        ],
        Envelope::Servo => vec![
            text("event", servo_event(facts)),
            text("created_at", instant_text(facts.occurred_at)),
            field("results", data),
        ],
        Envelope::Standard => vec![
            text("type", facts.event_type),
            text("timestamp", instant_text(facts.occurred_at)),
            field("data", data),
        ],
        Envelope::CloudEvents => cloud_event(facts, data),
    }
}

/// CloudEvents' attributes of an event, except those of its data. Extension attributes are the event's headers `ce-…`.
pub(super) fn attributes<'a>(facts: &DeliveryFacts<'a>) -> Vec<Field<'a>> {
    let source = if facts.source.is_empty() {
        Cow::Owned(format!("urn:callbacks:tenant:{}", header_text(facts.tenant)))
    } else {
        Cow::Borrowed(facts.source)
    };
    let mut attributes = vec![
        text("specversion", "1.0"),
        text("id", facts.event_id),
        text("source", source),
        text("type", facts.event_type),
        text("time", instant_text(facts.occurred_at)),
    ];
    attributes.extend(
        extensions(facts.event_headers)
            .into_iter()
            .map(|(name, value)| Field { name: Cow::Owned(name), part: Part::Text(Cow::Owned(value)) }),
    );
    attributes
}

fn cloud_event<'a>(facts: &DeliveryFacts<'a>, data: Part<'a>) -> Vec<Field<'a>> {
    let mut fields = attributes(facts);
    let (name, usual) = match data {
        Part::Base64(_) => ("data_base64", "application/octet-stream"),
        Part::Payload | Part::Text(_) | Part::Number(_) => ("data", "application/json"),
    };
    fields.push(text("datacontenttype", facts.content_type.unwrap_or(usual)));
    fields.push(field(name, data));
    fields
}

/// Names an extension must not have, because they are said already.
const PLACED: [&str; 9] =
    ["specversion", "id", "source", "type", "time", "tenantid", "datacontenttype", "data", "data_base64"];

/// Headers `ce-name` and `ce_name` whose name is an attribute's: lower-case letters and digits.
fn extensions(event_headers: Option<&str>) -> BTreeMap<String, String> {
    let Some(text) = event_headers else { return BTreeMap::new() };
    // What is stored there the service has written itself; what cannot be read says nothing.
    let headers: BTreeMap<String, String> = serde_json::from_str(text).unwrap_or_default();
    let is_extension = |name: &str| {
        !name.is_empty()
            && !PLACED.contains(&name)
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    headers
        .into_iter()
        .filter_map(|(name, value)| {
            let name = name.to_ascii_lowercase();
            let name = name.strip_prefix("ce-").or(name.strip_prefix("ce_"))?;
            is_extension(name).then(|| (name.to_owned(), value))
        })
        .collect()
}

fn servo_event<'a>(facts: &DeliveryFacts<'a>) -> Cow<'a, str> {
    let event_type = facts.event_type;
    if event_type.starts_with("before:") || event_type.starts_with("after:") {
        return Cow::Borrowed(event_type);
    }
    Cow::Owned(match facts.phase {
        DeliveryPhase::After => format!("after:{event_type}"),
        DeliveryPhase::Before => format!("before:{event_type}"),
    })
}

/// Python's `datetime.isoformat()` in UTC: microseconds only when there are any, and the offset in figures.
fn python_instant(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute, second) = at.to_hms();
    let fraction = match at.microsecond() {
        0 => String::new(),
        microsecond => format!(".{microsecond:06}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}+00:00")
}

fn text<'a>(name: &'static str, value: impl Into<Cow<'a, str>>) -> Field<'a> {
    field(name, Part::Text(value.into()))
}

fn field<'a>(name: &'static str, part: Part<'a>) -> Field<'a> {
    Field { name: Cow::Borrowed(name), part }
}
