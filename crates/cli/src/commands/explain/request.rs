use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use callbacks_core::wire::profile::{DeliveryFacts, PreparedWire, WireFacts};
use callbacks_interfaces::ids::{ConfigurationId, DeliveryId, EventRowId};
use callbacks_interfaces::instant;
use callbacks_interfaces::named_enum::NamedEnum as _;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::tenant::TenantId;
use callbacks_interfaces::wire_profile::WireProfile;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use uuid::Uuid;

use super::filter::payload_text;
use super::question_lines::Unanswerable;

/// The header of FIREFLY's signature when the configuration names none.
const SIGNATURE_HEADER: &str = "X-Firefly-Signature";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Question {
    #[serde(default)]
    profile: Option<String>,
    secret: Option<SecretField>,
    #[serde(alias = "signature_header")]
    signature_header: Option<String>,
    id: String,
    #[serde(alias = "event_type")]
    event_type: String,
    timestamp: Timestamp,
    attempt: Option<u16>,
    #[serde(alias = "tenant_id")]
    tenant_id: Option<String>,
    /// The configuration's custom headers.
    headers: Option<BTreeMap<String, String>>,
    payload: Box<RawValue>,
}

/// A secret in a question, which no error quotes.
struct SecretField(Option<SecretText>);

impl<'de> Deserialize<'de> for SecretField {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Self(None));
        }
        SecretText::try_from(text).map(|secret| Self(Some(secret))).map_err(serde::de::Error::custom)
    }
}

/// When the attempt is made: an instant in text, or seconds since 1970.
#[derive(Deserialize)]
#[serde(untagged)]
enum Timestamp {
    Text(String),
    Seconds(serde_json::Number),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    method: &'static str,
    headers: BTreeMap<String, String>,
    body_base64: String,
}

/// Builds the request of one attempt.
pub(super) fn answer(question: Question) -> Result<Answer, Unanswerable> {
    let profile = profile(question.profile.as_deref())?;
    let secret = question.secret.and_then(|field| field.0);
    let custom_headers = question.headers.unwrap_or_default();
    let wire = PreparedWire::prepare(&WireFacts {
        profile,
        secret: secret.as_ref(),
        signature_header: question.signature_header.as_deref().unwrap_or(SIGNATURE_HEADER),
        custom_headers: &custom_headers,
    })
    .map_err(|error| error.to_string())?;
    let payload = Bytes::from(payload_text(&question.payload)?);
    let tenant = question.tenant_id.unwrap_or_else(|| TenantId::default_tenant().to_string());
    let default_tenant = TenantId::default_tenant();
    let facts = DeliveryFacts {
        event_id: &question.id,
        event_type: &question.event_type,
        tenant: question.tenant_id.as_deref().unwrap_or(default_tenant.as_str()),
        delivery_id: delivery_id(&question.id),
        attempt: question.attempt.unwrap_or(1),
        at: at(&question.timestamp)?,
        payload: &payload,
    };
    let (headers, body) = wire.build(&facts).map_err(|error| error.to_string())?;
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    Ok(Answer { method: "POST", headers, body_base64: STANDARD.encode(body) })
}

fn profile(name: Option<&str>) -> Result<WireProfile, Unanswerable> {
    let Some(name) = name else { return Ok(WireProfile::Firefly) };
    WireProfile::from_name(&name.to_ascii_uppercase())
        .ok_or_else(|| format!("profile: {name:?} is not one of {}", WireProfile::allowed_names()))
}

/// A delivery's id follows from the rows of its event and configuration, of which there are none here: the event's id
/// stands for the first when it is a UUID.
fn delivery_id(event_id: &str) -> DeliveryId {
    let event = event_id.parse().unwrap_or(Uuid::nil());
    DeliveryId { event: EventRowId::from(event), configuration: ConfigurationId::from(Uuid::nil()) }
}

fn at(timestamp: &Timestamp) -> Result<OffsetDateTime, Unanswerable> {
    let found = match timestamp {
        Timestamp::Text(text) => instant::from_text(text),
        Timestamp::Seconds(number) => number.as_i64().map_or_else(
            || number.as_f64().and_then(|seconds| OffsetDateTime::UNIX_EPOCH.checked_add(time::Duration::checked_seconds_f64(seconds)?)),
            |seconds| OffsetDateTime::from_unix_timestamp(seconds).ok(),
        ),
    };
    found.ok_or_else(|| "timestamp: an RFC 3339 instant or seconds since 1970".to_owned())
}
