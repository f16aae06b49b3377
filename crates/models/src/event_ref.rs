//! What a delivery must know about its event, without the payload.

use callbacks_interfaces::event_type::EventType;
use callbacks_interfaces::ids::EventRowId;
use callbacks_interfaces::tenant::TenantId;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::StoreError;

/// A stored event, named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRef {
    /// Its row.
    pub row_id: EventRowId,
    /// When the database accepted it; also says in which partition it lies.
    pub accepted_at: OffsetDateTime,
    /// Whose it is.
    pub tenant: TenantId,
    /// The producer's id; none was given when absent, then the row's id is the event's.
    pub event_id: Option<String>,
    /// The id as a UUID; absent when the row's id is it.
    pub source_event_id: Option<Uuid>,
    /// Its type.
    pub event_type: EventType,
}

/// A tenant id as stored.
pub(crate) fn stored_tenant(text: &str) -> Result<TenantId, StoreError> {
    TenantId::owner(text).map_err(|error| StoreError::corrupt("tenant_id", error))
}

/// An event type as stored.
pub(crate) fn stored_event_type(text: String) -> Result<EventType, StoreError> {
    EventType::try_from(text).map_err(|error| StoreError::corrupt("event_type", error))
}
