//! What the gates said about an event that is about to happen.

use serde::{Deserialize, Serialize};

use crate::ids::ConfigurationId;
use crate::named_enum::named_enum;

named_enum! {
    /// Whether an event may happen.
    pub enum GateDecision {
        /// It may.
        Proceed = "PROCEED",
        /// It must not.
        Cancelled = "CANCELLED",
    }
}

/// The answer to an event that was put before the gates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct GateAnswer {
    /// Whether the event may happen.
    pub decision: GateDecision,
    /// Why not.
    pub reason: Option<String>,
    /// The gate that cancelled it; the first, when several did.
    pub by: Option<ConfigurationId>,
    /// The event's id: the producer's, or one the service gave it.
    pub event_id: String,
    /// Every gate that was concerned, in the order of their creation.
    pub gates: Vec<GateVote>,
}

/// What one gate said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct GateVote {
    /// The gate.
    pub configuration_id: ConfigurationId,
    /// Its name.
    pub name: String,
    /// What it means for the event.
    pub decision: GateDecision,
    /// Whether it answered; if not, its `onError` decided.
    pub answered: bool,
    /// Why it cancelled, or why it did not answer.
    pub reason: Option<String>,
}
