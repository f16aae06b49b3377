//! An entry of a tenant's catalogue of event types, as the API shows it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::event_type::EventType;
use crate::ids::EventTypeId;
use crate::named_enum::named_enum;
use crate::tenant::TenantId;

/// A type of event that a tenant's producers send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventTypeEntry {
    /// Assigned by the service; paths take it in place of the name.
    pub id: EventTypeId,
    /// Whose catalogue it belongs to.
    pub tenant_id: TenantId,
    /// The type, as events name it.
    pub name: EventType,
    /// What has happened when such an event is sent.
    #[cfg_attr(feature = "openapi", schema(max_length = 2000))]
    pub description: Option<String>,
    /// JSON Schema of the payload; `null` when nothing is said about it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub schema: Option<Value>,
    /// A payload as it may be sent; `null` when there is none.
    pub example: Option<Value>,
    /// When it was created.
    #[serde(with = "crate::instant")]
    #[cfg_attr(feature = "openapi", schema(read_only))]
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "crate::instant")]
    #[cfg_attr(feature = "openapi", schema(read_only))]
    pub updated_at: OffsetDateTime,
}

named_enum! {
    /// What is done with an event whose type is not in the catalogue, or whose payload is not as its schema says.
    pub enum EventTypeEnforcement {
        /// Nothing is checked.
        Off = "off",
        /// It is counted and accepted.
        Warn = "warn",
        /// It is refused; from a broker it goes to quarantine.
        Reject = "reject",
    }
}

/// What a tenant wants enforced, and what is in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EnforcementView {
    /// Whose events.
    pub tenant_id: TenantId,
    /// The tenant's own choice; `null` = the service's setting.
    pub enforcement: Option<EventTypeEnforcement>,
    /// What is in force.
    pub effective: EventTypeEnforcement,
}
