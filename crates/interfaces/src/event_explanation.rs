//! Where an event would go, and why not elsewhere.

use serde::{Deserialize, Serialize};

use crate::ids::ConfigurationId;
use crate::tenant::TenantId;

/// The answer to "which configurations would get this event?". Nothing is stored or sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventExplanation {
    /// Whose event it would be.
    pub tenant_id: TenantId,
    /// The event's type.
    pub event_type: String,
    /// How many configurations would get it.
    pub matched: u32,
    /// Every configuration of the tenant.
    pub configurations: Vec<ConfigurationExplanation>,
}

/// Whether one configuration would get the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationExplanation {
    /// The configuration.
    pub configuration_id: ConfigurationId,
    /// Its name.
    pub name: String,
    /// Whether it would get the event.
    pub matches: bool,
    /// Why not, or what else would keep the callback from being sent.
    pub reason: Option<String>,
}
