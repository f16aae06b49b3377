//! Events as the API answers with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::delivery::DeliveryState;
use crate::ids::{ConfigurationId, DeliveryId, EventRowId};
use crate::tenant::TenantId;

/// The answer to an event that is now durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventAccepted {
    /// The event's id: the producer's, or the one the service gave it.
    pub event_id: String,
    /// Whether the same event had been accepted before; then nothing new is sent.
    pub duplicate: bool,
    /// To how many configurations it goes.
    pub matched: u32,
    /// The service's own id of it, known inside the service only.
    #[serde(skip)]
    pub row_id: Option<EventRowId>,
}

/// A stored event.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// The service's own id.
    pub id: EventRowId,
    /// The event's id: the producer's, or `id`.
    pub event_id: String,
    /// The event's id when that is a UUID, else one derived from it.
    pub source_event_id: Uuid,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Where it came from.
    pub source: Option<String>,
    /// The media type of the payload.
    pub content_type: Option<String>,
    /// When it happened, as its producer says.
    #[serde(with = "crate::instant::option")]
    pub occurred_at: Option<OffsetDateTime>,
    /// When it was accepted.
    #[serde(with = "crate::instant")]
    pub accepted_at: OffsetDateTime,
    /// The headers it came with, credentials masked.
    #[serde(serialize_with = "crate::masked::serialize")]
    pub headers: Option<BTreeMap<String, String>>,
    /// To how many configurations it goes.
    pub matched: u32,
    /// The payload when it is JSON; left out of lists.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub payload: Option<Box<RawValue>>,
    /// The payload in base64 when it is not JSON; left out of lists.
    pub payload_base64: Option<String>,
    /// Where its deliveries are; left out of lists.
    pub deliveries: Option<Vec<EventDeliveryView>>,
}

/// One delivery of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventDeliveryView {
    /// The same on every attempt.
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^dlv_[A-Za-z0-9_-]{43}$"))]
    pub delivery_id: DeliveryId,
    /// Where it goes.
    pub configuration_id: ConfigurationId,
    /// Where it is.
    pub state: DeliveryState,
    /// Attempts made so far.
    pub attempts: i32,
    /// The status the receiver last answered with.
    pub last_status_code: Option<i32>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it is attempted next.
    #[serde(with = "crate::instant::option")]
    pub next_attempt_at: Option<OffsetDateTime>,
    /// Why it is held.
    pub hold_reason: Option<String>,
}
