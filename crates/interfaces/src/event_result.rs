//! What became of an event whose producer waited for it: pyfly's synchronous result, Dealix's dispatch summary.

use serde::{Deserialize, Serialize};

use crate::callback_execution::CallbackExecution;
use crate::delivery::DeliveryState;
use crate::event::{EventAccepted, EventDeliveryView};
use crate::ids::DeliveryId;

/// The answer to an event and what its deliveries came to while its producer waited.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventResult {
    /// The event's id: the producer's, or the one the service gave it.
    pub event_id: String,
    /// Its type.
    pub event_type: String,
    /// Whether the same event had been accepted before; then these are its deliveries.
    pub duplicate: bool,
    /// To how many configurations it goes.
    pub matched: u32,
    /// Deliveries that succeeded.
    pub delivered: u32,
    /// Deliveries that have failed for good.
    pub failed: u32,
    /// Deliveries that were never to be sent.
    pub skipped: u32,
    /// Deliveries still to come: not attempted yet, held, or waiting for a retry.
    pub pending: u32,
    /// The ids of all of them.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub delivery_ids: Vec<DeliveryId>,
    /// Where each of them is.
    pub deliveries: Vec<EventDeliveryView>,
    /// Every attempt so far, oldest first; at most 1,000.
    pub executions: Vec<CallbackExecution>,
}

impl EventResult {
    /// Sums up.
    #[must_use]
    pub fn new(
        accepted: EventAccepted,
        event_type: String,
        deliveries: Vec<EventDeliveryView>,
        executions: Vec<CallbackExecution>,
    ) -> Self {
        let count = |wanted: fn(DeliveryState) -> bool| {
            u32::try_from(deliveries.iter().filter(|one| wanted(one.state)).count()).unwrap_or(u32::MAX)
        };
        Self {
            event_id: accepted.event_id,
            event_type,
            duplicate: accepted.duplicate,
            matched: accepted.matched,
            delivered: count(|state| state == DeliveryState::Delivered),
            failed: count(|state| state == DeliveryState::Failed),
            skipped: count(|state| state == DeliveryState::Skipped),
            pending: count(DeliveryState::is_open),
            delivery_ids: deliveries.iter().map(|one| one.delivery_id).collect(),
            deliveries,
            executions,
        }
    }
}
