//! A callback configuration as the API shows it: one endpoint of one tenant.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::body_format::BodyFormat;
use crate::circuit_breaker_policy::CircuitBreakerPolicy;
use crate::delivery_phase::{DeliveryPhase, OnGateError};
use crate::envelope::Envelope;
use crate::ids::ConfigurationId;
use crate::masked::{self, WithheldSecret};
use crate::named_enum::named_enum;
use crate::retry_policy::RetryPolicy;
use crate::signature_choice::SignatureChoice;
use crate::signature_scheme::SignatureScheme;
use crate::tenant::TenantId;
use crate::wire_profile::WireProfile;

named_enum! {
    /// The method of a callback request.
    #[derive(Default)]
    pub enum HttpMethod {
        /// `POST`.
        #[default]
        Post = "POST",
        /// `PUT`.
        Put = "PUT",
        /// `PATCH`.
        Patch = "PATCH",
    }
}

named_enum! {
    /// Whether a configuration gets deliveries.
    #[derive(Default)]
    pub enum CallbackStatus {
        /// It does.
        #[default]
        Active = "ACTIVE",
        /// Held, by hand or after too many failed deliveries; probed and reactivated on success.
        Paused = "PAUSED",
        /// Switched off by hand.
        Disabled = "DISABLED",
        /// Given up: probes kept failing, or the endpoint answered 410.
        Failed = "FAILED",
    }
}

named_enum! {
    /// What happens to the deliveries of a paused configuration.
    #[derive(Default)]
    pub enum PausedDeliveries {
        /// They wait and are sent after it resumes.
        #[default]
        Keep = "KEEP",
        /// They are recorded as SKIPPED.
        Skip = "SKIP",
    }
}

/// One endpoint of one tenant: where callbacks go, which events it wants, how they are signed and
/// retried. The contract's `CallbackConfigurationDTO` and what this service adds to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CallbackConfiguration {
    /// Assigned by the service.
    pub id: ConfigurationId,
    /// A name for people.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub name: String,
    /// A description for people.
    #[cfg_attr(feature = "openapi", schema(max_length = 2000))]
    pub description: Option<String>,
    /// Where callbacks are sent, in canonical form.
    #[cfg_attr(feature = "openapi", schema(max_length = 2048, pattern = "^https?://.*"))]
    pub url: String,
    /// The request's method.
    pub http_method: HttpMethod,
    /// Whether it gets deliveries.
    pub status: CallbackStatus,
    /// Which event types it wants; `*` is any run of characters.
    #[cfg_attr(feature = "openapi", schema(min_items = 1))]
    pub subscribed_event_types: Vec<String>,
    /// Headers added to every callback. Values of authorization-like headers are shown as `***`.
    #[serde(serialize_with = "masked::serialize")]
    pub custom_headers: Option<BTreeMap<String, String>>,
    /// Never shown: always `null`. See `secretConfigured`.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, max_length = 500))]
    #[serde(default)]
    pub secret: WithheldSecret,
    /// Whether a secret is stored.
    pub secret_configured: bool,
    /// Whether callbacks are signed.
    pub signature_enabled: bool,
    /// The header that carries the signature; the profile's own when `null`.
    #[cfg_attr(feature = "openapi", schema(max_length = 100))]
    pub signature_header: Option<String>,
    /// Retries after the first attempt.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 10, default = 3))]
    pub max_retries: i32,
    /// Delay before the first retry, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(minimum = 100, maximum = 300_000, default = 1000))]
    pub retry_delay_ms: i32,
    /// Growth of the delay from one retry to the next.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10, default = 2.0))]
    pub retry_backoff_multiplier: f64,
    /// Deadline of one attempt, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(minimum = 1000, maximum = 300_000, default = 30_000))]
    pub timeout_ms: i32,
    /// A switch beside `status`; both must say yes.
    #[cfg_attr(feature = "openapi", schema(default = true))]
    pub active: bool,
    /// Whose configuration it is.
    pub tenant_id: TenantId,
    /// Which of the wanted events are sent: `path=value`, JSONPath or CEL.
    #[cfg_attr(feature = "openapi", schema(max_length = 1000))]
    pub filter_expression: Option<String>,
    /// Anything the tenant wants to remember; never sent to the receiver.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub metadata: Option<Map<String, Value>>,
    /// Failed deliveries in a row after which it is paused.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100, default = 10))]
    pub failure_threshold: i32,
    /// Failed deliveries in a row so far.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, read_only))]
    pub failure_count: i32,
    /// When a delivery last succeeded.
    #[serde(with = "crate::instant::option")]
    #[cfg_attr(feature = "openapi", schema(read_only))]
    pub last_success_at: Option<OffsetDateTime>,
    /// When a delivery last failed.
    #[serde(with = "crate::instant::option")]
    #[cfg_attr(feature = "openapi", schema(read_only))]
    pub last_failure_at: Option<OffsetDateTime>,
    /// When it was created.
    #[serde(with = "crate::instant")]
    #[cfg_attr(feature = "openapi", schema(read_only))]
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "crate::instant")]
    #[cfg_attr(feature = "openapi", schema(read_only))]
    pub updated_at: OffsetDateTime,
    /// Who created it.
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub created_by: Option<String>,
    /// Who last changed it.
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub updated_by: Option<String>,
    /// Never shown: always `null`. How the service proves who it is to the endpoint. See `endpointAuthConfigured`.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    #[serde(default)]
    pub endpoint_auth: WithheldSecret,
    /// Whether credentials for the endpoint are stored.
    #[serde(default)]
    pub endpoint_auth_configured: bool,
    /// Never shown: always `null`. Certificates for the endpoint. See `tlsConfigured`.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    #[serde(default)]
    pub tls: WithheldSecret,
    /// Whether certificates for the endpoint are stored.
    #[serde(default)]
    pub tls_configured: bool,
    /// What its deliveries look like on the wire.
    pub wire_profile: WireProfile,
    /// How they are signed: several schemes at once, each in a header of its own. The profile's when `null`.
    #[cfg_attr(feature = "openapi", schema(max_items = 8))]
    #[serde(default)]
    pub signature_schemes: Option<Vec<SignatureChoice>>,
    /// How their JSON is written; what the profile and the schemes need when `null`.
    #[serde(default)]
    pub body_format: Option<BodyFormat>,
    /// What their body is made of; the profile's when `null`.
    #[serde(default)]
    pub envelope: Option<Envelope>,
    /// Whether it is called after an event, or asked before it.
    #[serde(default)]
    pub phase: DeliveryPhase,
    /// What it means for an event when a gate (`phase` `BEFORE`) fails to answer.
    #[serde(default)]
    pub on_error: OnGateError,
    /// Whether its deliveries are built, signed and recorded (SKIPPED), and never sent.
    #[cfg_attr(feature = "openapi", schema(default = false))]
    #[serde(default)]
    pub dry_run: bool,
    /// When failed deliveries are retried, instead of `retryDelayMs` and `retryBackoffMultiplier`.
    pub retry_policy: Option<RetryPolicy>,
    /// When the endpoint is left alone; the service's own thresholds when `null`.
    pub circuit_breaker: Option<CircuitBreakerPolicy>,
    /// Most requests at a time.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10_000))]
    pub max_in_flight: Option<i32>,
    /// Most requests a second.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100_000))]
    pub max_per_second: Option<i32>,
    /// Hosts it may send to, beside the tenant's authorized domains; no restriction when empty.
    pub allowed_domains: Option<Vec<String>>,
    /// What happens to deliveries while it is paused.
    pub paused_deliveries: PausedDeliveries,
}

impl CallbackConfiguration {
    /// The schemes its deliveries are signed with; none when they are not.
    pub fn signing_schemes(&self) -> impl Iterator<Item = SignatureScheme> {
        SignatureChoice::in_use(self.signature_enabled, self.signature_schemes.as_deref(), self.wire_profile)
    }
}
