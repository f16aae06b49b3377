//! Request bodies as the document shows them. Never constructed: bodies are read by the drafts of the interfaces crate,
//! which know the same limits and refuse with the contract's messages.

use std::collections::BTreeMap;

use callbacks_interfaces::body_format::BodyFormat;
use callbacks_interfaces::callback_configuration::{CallbackStatus, HttpMethod, PausedDeliveries};
use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::delivery_phase::{DeliveryPhase, OnGateError};
use callbacks_interfaces::envelope::Envelope;
use callbacks_interfaces::event_type_entry::EventTypeEnforcement;
use callbacks_interfaces::retry_policy::RetryPolicy;
use callbacks_interfaces::signature_choice::SignatureChoice;
use callbacks_interfaces::wire_profile::WireProfile;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::identity_schemas::{EndpointAuthBody, EndpointTlsBody};

/// A callback configuration as it is written. `secret` is write-only; `PUT` without it keeps the stored one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallbackConfigurationDTO)]
pub struct CallbackConfigurationBody {
    /// Name for people.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// What it is for.
    #[schema(max_length = 2000)]
    pub description: Option<String>,
    /// Where callbacks are sent.
    #[schema(max_length = 2048, pattern = "^https?://.*", example = "https://example.com/hooks")]
    pub url: String,
    /// Method of the callbacks.
    #[schema(default = "POST")]
    pub http_method: Option<HttpMethod>,
    /// Only ACTIVE ones deliver.
    #[schema(default = "ACTIVE")]
    pub status: Option<CallbackStatus>,
    /// Event types; `*` stands for any run of characters.
    #[schema(min_items = 1, example = json!(["order.*"]))]
    pub subscribed_event_types: Vec<String>,
    /// Headers added to every callback; values may use {{eventId}} {{eventType}} {{tenantId}} {{attempt}} {{timestamp}}.
    pub custom_headers: Option<BTreeMap<String, String>>,
    /// Signing secret.
    #[schema(max_length = 500, write_only)]
    pub secret: Option<String>,
    /// Credentials for the endpoint; which members belong together follows from `type`. Kept by `PUT` without it.
    #[schema(write_only)]
    pub endpoint_auth: Option<EndpointAuthBody>,
    /// Certificates for the endpoint. Kept by `PUT` without it.
    #[schema(write_only)]
    pub tls: Option<EndpointTlsBody>,
    /// Whether callbacks are signed; needs a secret.
    #[schema(default = false)]
    pub signature_enabled: Option<bool>,
    /// Header of the signature; X-Firefly-Signature if absent.
    #[schema(max_length = 100)]
    pub signature_header: Option<String>,
    /// Attempts after the first.
    #[schema(minimum = 0, maximum = 10, default = 3)]
    pub max_retries: Option<i32>,
    /// First delay in milliseconds.
    #[schema(minimum = 100, maximum = 300_000, default = 1000)]
    pub retry_delay_ms: Option<i32>,
    /// Factor from delay to delay.
    #[schema(minimum = 1, maximum = 10, default = 2.0)]
    pub retry_backoff_multiplier: Option<f64>,
    /// Time for one attempt in milliseconds, from name lookup to the end of the response.
    #[schema(minimum = 1000, maximum = 300_000, default = 30_000)]
    pub timeout_ms: Option<i32>,
    /// Off switch beside the status.
    #[schema(default = true)]
    pub active: Option<bool>,
    /// Whose events it gets; `default` if absent.
    #[schema(max_length = 100)]
    pub tenant_id: Option<String>,
    /// `path=value`, JSONPath (`$…`) or CEL.
    #[schema(max_length = 1000, example = "customer.type=PREMIUM")]
    pub filter_expression: Option<String>,
    /// Anything; never sent.
    pub metadata: Option<BTreeMap<String, Value>>,
    /// Failed deliveries in a row until it is paused.
    #[schema(minimum = 1, maximum = 100, default = 10)]
    pub failure_threshold: Option<i32>,
    /// Who created it.
    #[schema(max_length = 255)]
    pub created_by: Option<String>,
    /// Who changed it last.
    #[schema(max_length = 255)]
    pub updated_by: Option<String>,
    /// What deliveries look like.
    pub wire_profile: Option<WireProfile>,
    /// How they are signed, instead of the profile's way; several at once.
    #[schema(max_items = 8, example = json!(["STANDARD_WEBHOOKS", {"scheme": "STRIPE", "header": "Stripe-Signature"}]))]
    pub signature_schemes: Option<Vec<SignatureChoice>>,
    /// How their JSON is written, instead of the profile's way.
    pub body_format: Option<BodyFormat>,
    /// What their body is made of, instead of the profile's envelope.
    pub envelope: Option<Envelope>,
    /// Whether it is called after an event, or asked before it.
    #[schema(default = "AFTER")]
    pub phase: Option<DeliveryPhase>,
    /// What a gate's failure means for an event.
    #[schema(default = "PROCEED")]
    pub on_error: Option<OnGateError>,
    /// Whether its deliveries are built, signed and recorded (SKIPPED), and never sent.
    #[schema(default = false)]
    pub dry_run: Option<bool>,
    /// Replaces `retryDelayMs` and `retryBackoffMultiplier`.
    pub retry_policy: Option<RetryPolicy>,
    /// Replaces the service's breaker settings.
    pub circuit_breaker: Option<CircuitBreakerPolicy>,
    /// Most callbacks under way at once.
    #[schema(minimum = 1, maximum = 10_000)]
    pub max_in_flight: Option<i32>,
    /// Most callbacks a second.
    #[schema(minimum = 1, maximum = 100_000)]
    pub max_per_second: Option<i32>,
    /// Hosts this configuration may use, beside the authorized domains.
    pub allowed_domains: Option<Vec<String>>,
    /// What becomes of deliveries while it is paused.
    #[schema(default = "KEEP")]
    pub paused_deliveries: Option<PausedDeliveries>,
}

/// An authorized domain as it is written.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthorizedDomainDTO)]
pub struct AuthorizedDomainBody {
    /// `host`, `host:port` or `*.example.com`.
    #[schema(min_length = 1, max_length = 255, example = "example.com")]
    pub domain: String,
    /// Whose it is.
    #[schema(max_length = 255)]
    pub organization: Option<String>,
    /// Whom to ask.
    #[schema(max_length = 255, format = Email)]
    pub contact_email: Option<String>,
    /// Honoured for operators only.
    #[schema(default = false)]
    pub verified: Option<bool>,
    /// How it was verified.
    #[schema(max_length = 50)]
    pub verification_method: Option<String>,
    /// Token of the proof.
    #[schema(max_length = 500)]
    pub verification_token: Option<String>,
    /// Off switch.
    #[schema(default = true)]
    pub active: Option<bool>,
    /// Paths callbacks may use; a trailing `*` makes a prefix; absent: all.
    pub allowed_paths: Option<Vec<String>>,
    /// Callbacks a minute.
    #[schema(minimum = 1, maximum = 10_000, default = 100)]
    pub max_callbacks_per_minute: Option<i32>,
    /// Addresses or networks the host must resolve into.
    pub ip_whitelist: Option<Vec<String>>,
    /// Whether plain http is refused.
    #[schema(default = true)]
    pub require_https: Option<bool>,
    /// Whose callbacks may go there; `default` if absent.
    #[schema(max_length = 100)]
    pub tenant_id: Option<String>,
    /// Anything for people.
    #[schema(max_length = 2000)]
    pub notes: Option<String>,
    /// Anything.
    pub metadata: Option<BTreeMap<String, Value>>,
    /// When the authorization ends.
    pub expires_at: Option<OffsetDateTime>,
    /// Who authorized it.
    #[schema(max_length = 255)]
    pub authorized_by: Option<String>,
}

/// An event subscription as it is written.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventSubscriptionDTO)]
pub struct EventSubscriptionBody {
    /// Name for people.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// What it is for.
    #[schema(max_length = 2000)]
    pub description: Option<String>,
    /// KAFKA, RABBITMQ and others.
    #[schema(min_length = 1, max_length = 50, example = "KAFKA")]
    pub messaging_system_type: String,
    /// How to reach the broker; the service-wide settings apply if absent.
    pub connection_config: Option<BTreeMap<String, String>>,
    /// What to read.
    #[schema(min_length = 1, max_length = 500)]
    pub topic_or_queue: String,
    /// Consumer group.
    #[schema(max_length = 255)]
    pub consumer_group_id: Option<String>,
    /// Whether its consumer runs.
    #[schema(default = true)]
    pub active: Option<bool>,
    /// Settings of the consumer.
    pub consumer_properties: Option<BTreeMap<String, String>>,
    /// Event types taken; absent or empty: all.
    pub event_type_patterns: Option<Vec<String>>,
    /// Consumers at once.
    #[schema(minimum = 1, maximum = 100, default = 1)]
    pub max_concurrent_consumers: Option<i32>,
    /// Pause between polls in milliseconds.
    #[schema(minimum = 100, maximum = 60_000, default = 1000)]
    pub polling_interval_ms: Option<i32>,
    /// Whose events these are; `default` if absent. `*` makes a shared subscription (operator only): each message names
    /// its tenant.
    #[schema(max_length = 100)]
    pub tenant_id: Option<String>,
    /// Anything.
    pub metadata: Option<BTreeMap<String, Value>>,
    /// Who created it.
    #[schema(max_length = 255)]
    pub created_by: Option<String>,
    /// Who changed it last.
    #[schema(max_length = 255)]
    pub updated_by: Option<String>,
}

/// An event type as it is written.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventTypeDTO)]
pub struct EventTypeBody {
    /// The type, as events name it.
    #[schema(min_length = 1, max_length = 255, example = "order.created")]
    pub name: String,
    /// What has happened when such an event is sent.
    #[schema(max_length = 2000)]
    pub description: Option<String>,
    /// JSON Schema of the payload (draft 6, 7, 2019-09 or 2020-12), complete in itself: at most 64 KiB and 2,000
    /// subschemas, no `$ref` out of it and none back to itself.
    #[schema(value_type = Option<Object>)]
    pub schema: Option<Value>,
    /// A payload as it may be sent; must be as the schema says.
    pub example: Option<Value>,
    /// Whose catalogue; `default` if absent.
    #[schema(max_length = 100)]
    pub tenant_id: Option<String>,
}

/// What to do with events that are not as the catalogue says.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventTypeEnforcementChoice)]
pub struct EnforcementBody {
    /// `null` hands the choice back to the service's setting.
    pub enforcement: Option<EventTypeEnforcement>,
    /// Whose events; `default` if absent.
    #[schema(max_length = 100)]
    pub tenant_id: Option<String>,
}

/// Which events to deliver again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReplayRequest)]
pub struct ReplayBody {
    /// Events accepted at or after it.
    pub from: OffsetDateTime,
    /// Events accepted before it; until now if absent.
    pub to: Option<OffsetDateTime>,
    /// Event types, `*` being any run of characters; all if absent.
    pub types: Option<Vec<String>>,
    /// What the delivery had come to; whatever it was if absent.
    pub statuses: Option<Vec<ExecutionStatus>>,
    /// Deliveries queued a second.
    #[schema(minimum = 1, maximum = 1000, default = 100)]
    pub per_second: Option<i32>,
    /// Only count.
    #[schema(default = false)]
    pub dry_run: Option<bool>,
}

/// What to look for, in which order, and which page of it.
#[derive(Serialize, ToSchema)]
#[schema(as = FilterRequest)]
pub struct FilterBody {
    /// Page number from 0.
    #[schema(minimum = 0, default = 0)]
    pub page: Option<i32>,
    /// Rows a page.
    #[schema(minimum = 1, maximum = 500, default = 20)]
    pub size: Option<i32>,
    /// `field,asc` or `field,desc`, or objects `{field, direction}`; the id breaks ties.
    #[schema(value_type = Option<Vec<Value>>, example = json!(["createdAt,desc"]))]
    pub sort: Option<Vec<Value>>,
    /// By field: a value (equal), an array (any of), or `{gte, gt, lte, lt, like}`.
    #[schema(example = json!({"status": ["ACTIVE", "PAUSED"]}))]
    pub filters: Option<BTreeMap<String, Value>>,
    /// Text contained in the searchable fields, whatever its case.
    pub search: Option<String>,
}

/// Optional body of the replay of a quarantined message: what it is, where it does not say so itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QuarantineReplay)]
pub struct QuarantineReplayBody {
    /// The event's type; with it the value may be anything, JSON or not.
    #[schema(rename = "type", min_length = 1, max_length = 255, example = "order.created")]
    pub r#type: Option<String>,
    /// The event's id instead of the message's own.
    #[schema(max_length = 255)]
    pub id: Option<String>,
    /// Whose event it is; only for messages of shared subscriptions.
    #[schema(max_length = 100)]
    pub tenant_id: Option<String>,
}

/// Optional body of a secret rotation.
#[derive(Serialize, ToSchema)]
#[schema(as = SecretRotation)]
pub struct SecretRotationBody {
    /// The new secret; generated if absent.
    #[schema(max_length = 500, write_only)]
    pub secret: Option<String>,
}

/// An event as it is sent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub struct EventBody {
    /// The producer's id, for deduplication; generated if absent.
    #[schema(max_length = 255)]
    pub id: Option<String>,
    /// What happened.
    #[schema(rename = "type", min_length = 1, max_length = 255, example = "order.created")]
    pub r#type: String,
    /// Any JSON value; its bytes are the body of the callbacks.
    pub payload: Value,
    /// When it happened.
    pub occurred_at: Option<OffsetDateTime>,
    /// Which part of the producer it comes from.
    #[schema(max_length = 255)]
    pub source: Option<String>,
    /// At most 64 entries, 8 KiB.
    pub headers: Option<BTreeMap<String, String>>,
    /// Whose event it is; `default` if absent.
    #[schema(max_length = 100)]
    pub tenant_id: Option<String>,
}
