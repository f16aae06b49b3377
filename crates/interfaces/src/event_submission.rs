//! An event as a producer hands it over (POST), validated, its payload byte for byte as received.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::event_type::EventType;
use crate::field_errors::{FieldError, ValidationErrors};
use crate::instant;
use crate::json_body::malformed;
use crate::json_depth::{PAYLOAD_MAX_DEPTH, is_too_deep};
use crate::tenant::TenantId;

/// Longest event id and source, in characters.
pub const EVENT_ID_MAX_CHARS: usize = 255;
/// Most headers of an event.
pub const EVENT_HEADERS_MAX: usize = 64;
/// Most octets of all header names and values of an event.
pub const EVENT_HEADERS_MAX_OCTETS: usize = 8 * 1024;
/// Most events of a batch.
pub const BATCH_MAX_LEN: usize = 1000;

/// A validated event. Of a property given twice, under either of its names, the last one counts.
#[derive(Clone)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(rename_all = "camelCase"))]
pub struct EventSubmission {
    /// The producer's id, by which a repeat is recognised (also `eventId`); made up when missing.
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub id: Option<String>,
    /// The type (also `eventType`).
    #[cfg_attr(feature = "openapi", schema(rename = "type"))]
    pub event_type: EventType,
    /// Any JSON value: its source text, unchanged.
    #[cfg_attr(feature = "openapi", schema(value_type = serde_json::Value))]
    pub payload: Box<str>,
    /// When it happened.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub occurred_at: Option<OffsetDateTime>,
    /// Where it comes from; part of its identity.
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub source: Option<String>,
    /// What else the producer says about it.
    pub headers: Option<BTreeMap<String, String>>,
    /// Whose it is, for callers who may name a tenant.
    #[cfg_attr(feature = "openapi", schema(rename = "tenantId"))]
    pub tenant: Option<TenantId>,
}

/// Payloads are not for logs.
impl fmt::Debug for EventSubmission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSubmission")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("payload_len", &self.payload.len())
            .field("source", &self.source)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl EventSubmission {
    /// Reads one event from a body.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(body: &[u8]) -> Result<Self, ValidationErrors> {
        if body.trim_ascii().is_empty() {
            let message = "The body is empty; send an event such as {\"type\": …, \"payload\": …}";
            return Err(ValidationErrors::one("", "NotNull", message));
        }
        let raw: RawEvent<'_> = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
        raw.validated("")
    }

    /// Reads up to 1,000 events from a body: an array, or an object with the array as `events`.
    ///
    /// # Errors
    /// Everything that is wrong with any of them, fields named `[3].type`; then none is accepted.
    pub fn parse_batch(body: &[u8]) -> Result<Vec<Self>, ValidationErrors> {
        let items: Vec<&RawValue> = batch_items(body).map_err(|error| malformed(&error))?;
        if items.is_empty() || items.len() > BATCH_MAX_LEN {
            let message = format!("A batch must have 1 to {BATCH_MAX_LEN} events, not {}", items.len());
            return Err(ValidationErrors::one("", "Size", message));
        }
        let mut events = Vec::with_capacity(items.len());
        let mut errors = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("[{index}]");
            let result = serde_json::from_str::<RawEvent<'_>>(item.get())
                .map_err(|error| {
                    let message = format!("Not an event: {error}");
                    ValidationErrors::one(path.as_str(), "TypeMismatch", message)
                })
                .and_then(|raw| raw.validated(&format!("{path}.")));
            match result {
                Ok(event) => events.push(event),
                Err(more) => errors.extend(more.0),
            }
            if errors.len() >= BATCH_ERRORS_MAX {
                break;
            }
        }
        if errors.is_empty() { Ok(events) } else { Err(ValidationErrors(errors)) }
    }

    /// Adds what the request said for the event beside its body; a header of the event's own stays when there was nothing.
    pub fn carry(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.headers.get_or_insert_default().insert(name.to_owned(), value.to_owned());
        }
    }
}

/// A thousand wrong events need not be answered with thousands of errors.
const BATCH_ERRORS_MAX: usize = 100;

fn batch_items(body: &[u8]) -> Result<Vec<&RawValue>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        events: Vec<&'a RawValue>,
    }
    if body.trim_ascii_start().starts_with(b"{") {
        return serde_json::from_slice::<Wrapped<'_>>(body).map(|wrapped| wrapped.events);
    }
    serde_json::from_slice(body)
}

/// The members of an event as source text. Intake is the hottest path of the service: nothing is
/// copied before it is known what is kept, and a payload is never taken apart.
#[derive(Default)]
struct RawEvent<'a> {
    id: Option<&'a RawValue>,
    event_type: Option<&'a RawValue>,
    payload: Option<&'a RawValue>,
    occurred_at: Option<&'a RawValue>,
    source: Option<&'a RawValue>,
    headers: Option<&'a RawValue>,
    tenant: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for RawEvent<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawEventVisitor)
    }
}

struct RawEventVisitor;

impl<'de> Visitor<'de> for RawEventVisitor {
    type Value = RawEvent<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object with type and payload")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut event = RawEvent::default();
        while let Some(Text(name)) = members.next_key()? {
            let slot = match &*name {
                "id" | "eventId" => &mut event.id,
                "type" | "eventType" => &mut event.event_type,
                "payload" => &mut event.payload,
                "occurredAt" => &mut event.occurred_at,
                "source" => &mut event.source,
                "headers" => &mut event.headers,
                "tenantId" => &mut event.tenant,
                _ => {
                    members.next_value::<serde::de::IgnoredAny>()?;
                    continue;
                }
            };
            *slot = Some(members.next_value()?);
        }
        Ok(event)
    }
}

/// A text that is borrowed from the body when it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl RawEvent<'_> {
    fn validated(&self, prefix: &str) -> Result<EventSubmission, ValidationErrors> {
        let mut errors = Errors { prefix, found: Vec::new() };
        let event_type = errors.read_event_type(self.event_type);
        let payload = errors.read_payload(self.payload);
        let id = errors.read_name(self.id, "id");
        let source = errors.read_name(self.source, "source");
        let occurred_at = errors.read_instant(self.occurred_at);
        let headers = errors.read_headers(self.headers);
        let tenant = errors.read_tenant(self.tenant);
        match (event_type, payload) {
            (Some(event_type), Some(payload)) if errors.found.is_empty() => {
                Ok(EventSubmission { id, event_type, payload, occurred_at, source, headers, tenant })
            }
            _ => Err(ValidationErrors(errors.found)),
        }
    }
}

struct Errors<'p> {
    prefix: &'p str,
    found: Vec<FieldError>,
}

impl Errors<'_> {
    fn add(&mut self, field: &str, code: &str, message: impl Into<String>) {
        let field = format!("{}{field}", self.prefix);
        self.found.push(FieldError::new(field, code, message));
    }

    /// A text; `None` when it is missing, `null` or (recorded) not a text.
    fn read_text<'a>(&mut self, raw: Option<&'a RawValue>, field: &str) -> Option<Cow<'a, str>> {
        let raw = raw.filter(|raw| raw.get() != "null")?;
        match serde_json::from_str::<Text<'a>>(raw.get()) {
            Ok(Text(text)) => Some(text),
            Err(_) => {
                self.add(field, "TypeMismatch", format!("{field} must be a string"));
                None
            }
        }
    }

    fn read_event_type(&mut self, raw: Option<&RawValue>) -> Option<EventType> {
        let before = self.found.len();
        let Some(text) = self.read_text(raw, "type") else {
            if self.found.len() == before {
                self.add("type", "NotBlank", "type is required, such as order.created");
            }
            return None;
        };
        match EventType::try_from(&*text) {
            Ok(event_type) => Some(event_type),
            Err(error) => {
                self.add("type", "Pattern", error.to_string());
                None
            }
        }
    }

    fn read_payload(&mut self, raw: Option<&RawValue>) -> Option<Box<str>> {
        let Some(raw) = raw else {
            self.add("payload", "NotNull", "payload is required; it may be any JSON value");
            return None;
        };
        if is_too_deep(raw.get().as_bytes()) {
            let message = format!("payload must not be nested deeper than {PAYLOAD_MAX_DEPTH} levels");
            self.add("payload", "Size", message);
            return None;
        }
        Some(raw.get().into())
    }

    /// `id` or `source`: kept as given, so it must be something a header and a row can carry.
    fn read_name(&mut self, raw: Option<&RawValue>, field: &str) -> Option<String> {
        let text = self.read_text(raw, field)?;
        if text.trim().is_empty() {
            self.add(field, "NotBlank", format!("{field} must not be blank; leave it out instead"));
        } else if text.chars().count() > EVENT_ID_MAX_CHARS {
            let message = format!("{field} must not exceed {EVENT_ID_MAX_CHARS} characters");
            self.add(field, "Size", message);
        } else if text.chars().any(char::is_control) {
            let message = format!("{field} must not contain control characters");
            self.add(field, "Pattern", message);
        }
        Some(text.into_owned())
    }

    fn read_instant(&mut self, raw: Option<&RawValue>) -> Option<OffsetDateTime> {
        let text = self.read_text(raw, "occurredAt")?;
        let instant = instant::from_text(&text);
        if instant.is_none() {
            let message = "occurredAt must be an instant such as 2026-01-31T12:00:00Z";
            self.add("occurredAt", "Pattern", message);
        }
        instant
    }

    fn read_headers(&mut self, raw: Option<&RawValue>) -> Option<BTreeMap<String, String>> {
        let raw = raw.filter(|raw| raw.get() != "null")?;
        let Ok(headers) = serde_json::from_str::<BTreeMap<String, String>>(raw.get()) else {
            self.add("headers", "TypeMismatch", "headers must be an object of strings");
            return None;
        };
        let octets: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if headers.len() > EVENT_HEADERS_MAX || octets > EVENT_HEADERS_MAX_OCTETS {
            let message = format!(
                "headers must not exceed {EVENT_HEADERS_MAX} entries or \
                 {EVENT_HEADERS_MAX_OCTETS} bytes in total"
            );
            self.add("headers", "Size", message);
        }
        let has_control = |text: &str| text.chars().any(char::is_control);
        if headers.iter().any(|(name, value)| has_control(name) || has_control(value)) {
            self.add("headers", "Pattern", "headers must not contain control characters");
        }
        Some(headers)
    }

    fn read_tenant(&mut self, raw: Option<&RawValue>) -> Option<TenantId> {
        let text = self.read_text(raw, "tenantId")?;
        match TenantId::try_from(&*text) {
            Ok(tenant) => Some(tenant),
            Err(error) => {
                self.add("tenantId", "Pattern", error.to_string());
                None
            }
        }
    }
}
