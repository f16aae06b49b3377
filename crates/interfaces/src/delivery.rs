//! A delivery as the API shows it: one event on its way to one configuration.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::ids::{ConfigurationId, DeliveryId};
use crate::named_enum::named_enum;
use crate::tenant::TenantId;

named_enum! {
    /// Where a delivery is.
    pub enum DeliveryState {
        /// Waiting for its first attempt.
        Pending = "PENDING",
        /// Being attempted by a worker.
        InProgress = "IN_PROGRESS",
        /// Waiting for its next attempt after a failed one.
        Retrying = "RETRYING",
        /// Held before the wire (paused, breaker open, rate); costs no attempt.
        Held = "HELD",
        /// Answered with 2xx.
        Delivered = "DELIVERED",
        /// Failed for good.
        Failed = "FAILED",
        /// Never sent.
        Skipped = "SKIPPED",
    }
}

impl DeliveryState {
    /// Whether it is still to be attempted.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress | Self::Retrying | Self::Held)
    }
}

/// One event on its way to one configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// The same on every attempt.
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^dlv_[A-Za-z0-9_-]{43}$"))]
    pub id: DeliveryId,
    /// The event's id as its producer gave it.
    pub event_id: String,
    /// Where it goes.
    pub configuration_id: ConfigurationId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The event's type.
    pub event_type: String,
    /// Where it is.
    pub state: DeliveryState,
    /// Attempts made so far.
    pub attempts: i32,
    /// When it is attempted next; `null` when it is settled.
    #[serde(with = "crate::instant::option")]
    pub next_attempt_at: Option<OffsetDateTime>,
    /// Why it is held.
    pub hold_reason: Option<String>,
    /// When the event was accepted.
    #[serde(with = "crate::instant")]
    pub accepted_at: OffsetDateTime,
}
