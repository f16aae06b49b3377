//! A broker message that could not be made into an event, as the API shows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::ids::{QuarantineId, SubscriptionId};
use crate::masked;
use crate::named_enum::named_enum;
use crate::tenant::TenantId;

named_enum! {
    /// What became of a quarantined message.
    pub enum QuarantineState {
        /// Nobody has looked after it yet.
        Open = "OPEN",
        /// It was accepted as an event after all.
        Replayed = "REPLAYED",
        /// Somebody decided that it is not wanted.
        Discarded = "DISCARDED",
    }
}

/// A message that was set aside so that those behind it can move on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct QuarantinedMessage {
    /// Assigned by the service.
    pub id: QuarantineId,
    /// Whose subscription brought it; `*` for a shared one.
    pub tenant_id: TenantId,
    /// The subscription that brought it.
    pub subscription_id: SubscriptionId,
    /// The topic, queue or stream it was read from.
    pub topic: String,
    /// The partition; empty where the broker has none.
    pub partition: String,
    /// Its offset, sequence or entry id there.
    pub position: String,
    /// Why it is no event.
    pub reason: String,
    /// What became of it.
    pub state: QuarantineState,
    /// When it was set aside.
    #[serde(with = "crate::instant")]
    pub quarantined_at: OffsetDateTime,
    /// When it was sent, according to the broker.
    #[serde(with = "crate::instant::option")]
    pub message_at: Option<OffsetDateTime>,
    /// When it was replayed or discarded.
    #[serde(with = "crate::instant::option")]
    pub settled_at: Option<OffsetDateTime>,
    /// The media type it came with.
    pub content_type: Option<String>,
    /// The message's key as text; `null` in lists, when there is none, and when it is no text.
    pub key: Option<String>,
    /// The message's headers; `null` in lists. Authorization-like values are shown as `***`.
    #[serde(serialize_with = "masked::serialize")]
    pub headers: Option<BTreeMap<String, String>>,
    /// The message's value as text; `null` in lists, when it is no text, and once the message was settled.
    pub payload: Option<String>,
    /// The same octets in base64, exactly as the broker delivered them, whether they are text or not.
    pub payload_base64: Option<String>,
    /// Octets of the value as received.
    pub payload_size: i64,
    /// Whether only the head of the value was kept; such a message cannot be replayed.
    pub truncated: bool,
}
