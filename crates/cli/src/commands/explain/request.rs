use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use callbacks_core::wire::profile::{
    DeliveryFacts, Expiring, PreparedWire, SigningFacts, SigningKeys, WireFacts,
};
use callbacks_interfaces::body_format::BodyFormat;
use callbacks_interfaces::delivery_phase::DeliveryPhase;
use callbacks_interfaces::envelope::Envelope;
use callbacks_interfaces::ids::{ConfigurationId, DeliveryId, EventRowId};
use callbacks_interfaces::instant;
use callbacks_interfaces::named_enum::NamedEnum as _;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::signature_choice::SignatureChoice;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use callbacks_interfaces::tenant::TenantId;
use callbacks_interfaces::wire_profile::WireProfile;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use uuid::Uuid;

use super::filter::payload_text;
use super::question_lines::Unanswerable;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Question {
    #[serde(default)]
    profile: Option<String>,
    /// One scheme instead of the profile's.
    scheme: Option<String>,
    /// Several at once.
    #[serde(alias = "signatureSchemes")]
    schemes: Option<Vec<SignatureChoice>>,
    envelope: Option<Envelope>,
    body_format: Option<BodyFormat>,
    secret: Option<SecretField>,
    /// The current secret and the one before it, which still signs.
    #[serde(default)]
    secrets: Vec<SecretField>,
    #[serde(alias = "signature_header")]
    signature_header: Option<String>,
    id: String,
    #[serde(alias = "event_type")]
    event_type: String,
    /// When the attempt is made.
    timestamp: Timestamp,
    /// When the event happened, if not then.
    occurred_at: Option<Timestamp>,
    #[serde(default)]
    source: String,
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
pub(super) fn answer(question: &Question) -> Result<Answer, Unanswerable> {
    let wire = wire(question)?;
    let payload = Bytes::from(payload_text(&question.payload)?);
    let default_tenant = TenantId::default_tenant();
    let at = instant_of(&question.timestamp)?;
    let facts = DeliveryFacts {
        event_id: &question.id,
        event_type: &question.event_type,
        tenant: question.tenant_id.as_deref().unwrap_or(default_tenant.as_str()),
        source: &question.source,
        occurred_at: question.occurred_at.as_ref().map_or(Ok(at), instant_of)?,
        content_type: None,
        event_headers: None,
        delivery_id: delivery_id(&question.id),
        phase: DeliveryPhase::After,
        attempt: question.attempt.unwrap_or(1),
        at,
        payload: &payload,
    };
    let (headers, body) = wire.build(&facts).map_err(|error| error.to_string())?;
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    Ok(Answer { method: "POST", headers, body_base64: STANDARD.encode(body) })
}

fn wire(question: &Question) -> Result<PreparedWire, Unanswerable> {
    let named = question
        .scheme
        .as_deref()
        .map(scheme)
        .transpose()?
        .map(|scheme| vec![SignatureChoice::Usual(scheme)]);
    let schemes = named.as_deref().or(question.schemes.as_deref());
    let given = question.secret.iter().chain(&question.secrets).filter_map(|field| field.0.as_ref());
    let mut secrets: Vec<&SecretText> = Vec::new();
    for secret in given {
        if secrets.iter().all(|known| known.expose() != secret.expose()) {
            secrets.push(secret);
        }
    }
    let keys = SigningKeys {
        secret: secrets.first().copied(),
        previous: [1, 2].map(|place| secrets.get(place).map(|secret| Expiring { secret, until: FOR_GOOD })),
        ..SigningKeys::default()
    };
    let no_headers = BTreeMap::new();
    PreparedWire::prepare(&WireFacts {
        profile: profile(question.profile.as_deref())?,
        signing: SigningFacts {
            enabled: keys.secret.is_some() || schemes.is_some(),
            schemes,
            header: question.signature_header.as_deref(),
            firefly_header: SignatureScheme::Firefly.default_header(),
            keys,
        },
        body_format: question.body_format,
        envelope: question.envelope,
        custom_headers: question.headers.as_ref().unwrap_or(&no_headers),
    })
    .map_err(|error| error.to_string())
}

/// A previous secret in a question signs whatever the time.
const FOR_GOOD: OffsetDateTime = time::macros::datetime!(9999-12-31 0:00 UTC);

fn scheme(name: &str) -> Result<SignatureScheme, Unanswerable> {
    SignatureScheme::from_name(name)
        .ok_or_else(|| format!("scheme: {name:?} is not one of {}", SignatureScheme::allowed_names()))
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

fn instant_of(timestamp: &Timestamp) -> Result<OffsetDateTime, Unanswerable> {
    let found = match timestamp {
        Timestamp::Text(text) => instant::from_text(text),
        Timestamp::Seconds(number) => number.as_i64().map_or_else(
            || {
                number.as_f64().and_then(|seconds| {
                    OffsetDateTime::UNIX_EPOCH.checked_add(time::Duration::checked_seconds_f64(seconds)?)
                })
            },
            |seconds| OffsetDateTime::from_unix_timestamp(seconds).ok(),
        ),
    };
    found.ok_or_else(|| "timestamp: an RFC 3339 instant or seconds since 1970".to_owned())
}
