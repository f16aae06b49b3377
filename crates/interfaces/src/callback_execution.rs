//! One execution as the API shows it: an attempt of a delivery, or a refusal before the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ids::{ConfigurationId, DeliveryId, ExecutionId};
use crate::named_enum::named_enum;
use crate::tenant::TenantId;

named_enum! {
    /// What became of an execution.
    pub enum ExecutionStatus {
        /// Not started.
        Pending = "PENDING",
        /// On the wire.
        InProgress = "IN_PROGRESS",
        /// Answered with 2xx.
        Success = "SUCCESS",
        /// Failed; a retry is due at `nextRetryAt`.
        FailedRetrying = "FAILED_RETRYING",
        /// Failed for good.
        FailedPermanent = "FAILED_PERMANENT",
        /// Never sent, by a filter or an option.
        Skipped = "SKIPPED",
    }
}

/// How long the phases of a request took, in milliseconds; `null` where a phase did not happen, as
/// on a reused connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PhaseTimingsView {
    /// Resolving the host.
    pub dns_ms: Option<f64>,
    /// Connecting.
    pub connect_ms: Option<f64>,
    /// The TLS handshake.
    pub tls_ms: Option<f64>,
    /// From the request to the first byte of the answer.
    pub first_byte_ms: Option<f64>,
}

/// The audit row of one attempt. The contract's `CallbackExecutionDTO` and what this service adds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CallbackExecution {
    /// Assigned by the service.
    pub id: ExecutionId,
    /// The configuration it was for.
    pub configuration_id: ConfigurationId,
    /// The event's type.
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub event_type: String,
    /// The event's id when that is a UUID, else one derived from it.
    pub source_event_id: Option<Uuid>,
    /// What became of it.
    pub status: ExecutionStatus,
    /// The event's payload, when it is JSON and still stored.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub request_payload: Option<Box<RawValue>>,
    /// The status the receiver answered with.
    #[cfg_attr(feature = "openapi", schema(minimum = 100, maximum = 599))]
    pub response_status_code: Option<i32>,
    /// The beginning of the receiver's answer.
    #[cfg_attr(feature = "openapi", schema(max_length = 10_000))]
    pub response_body: Option<String>,
    /// The headers sent, credentials and signatures masked.
    pub request_headers: Option<BTreeMap<String, String>>,
    /// The headers received.
    pub response_headers: Option<BTreeMap<String, String>>,
    /// Which attempt it was, from 1; 0 when nothing was sent.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub attempt_number: i32,
    /// How many attempts there may be.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 11))]
    pub max_attempts: i32,
    /// Why it failed or was skipped.
    #[cfg_attr(feature = "openapi", schema(max_length = 2000))]
    pub error_message: Option<String>,
    /// Always `null`: internals are not shown.
    #[cfg_attr(feature = "openapi", schema(max_length = 10_000))]
    pub error_stack_trace: Option<String>,
    /// How long it took, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub request_duration_ms: Option<i64>,
    /// When it is tried again; set exactly while a retry is due.
    #[serde(with = "crate::instant::option")]
    pub next_retry_at: Option<OffsetDateTime>,
    /// When it started.
    #[serde(with = "crate::instant")]
    pub executed_at: OffsetDateTime,
    /// When it ended.
    #[serde(with = "crate::instant::option")]
    pub completed_at: Option<OffsetDateTime>,
    /// Anything else.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub metadata: Option<Map<String, Value>>,
    /// The event's id as its producer gave it.
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub event_id: String,
    /// The delivery it belongs to; the same on every attempt.
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^dlv_[A-Za-z0-9_-]{43}$"))]
    pub delivery_id: DeliveryId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// How long the phases took.
    pub phase_timings: Option<PhaseTimingsView>,
}
