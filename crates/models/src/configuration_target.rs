//! A callback configuration as the engine uses it: parsed, and with its secrets in the clear.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use callbacks_interfaces::body_format::BodyFormat;
use callbacks_interfaces::callback_configuration::{CallbackStatus, HttpMethod, PausedDeliveries};
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::delivery_phase::{DeliveryPhase, OnGateError};
use callbacks_interfaces::endpoint_auth::EndpointAuth;
use callbacks_interfaces::endpoint_tls::EndpointTls;
use callbacks_interfaces::envelope::Envelope;
use callbacks_interfaces::event_pattern::EventPattern;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::retry_policy::RetryPolicy;
use callbacks_interfaces::signature_choice::SignatureChoice;
use callbacks_interfaces::tenant::TenantId;
use callbacks_interfaces::wire_profile::WireProfile;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::secret_column::{SecretKeyring, SecretPlace, SecretState};

/// A configuration, ready for routing and dispatch.
#[derive(Clone, Debug)]
pub struct ConfigurationTarget {
    /// Its id.
    pub id: ConfigurationId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Where callbacks go: what is checked, and dialled.
    pub url: CallbackUrl,
    /// The request's method.
    pub http_method: HttpMethod,
    /// Whether it gets deliveries.
    pub status: CallbackStatus,
    /// The switch beside the status.
    pub active: bool,
    /// Which event types it wants.
    pub event_types: Vec<EventPattern>,
    /// Headers added to every callback.
    pub custom_headers: BTreeMap<String, String>,
    /// The secret callbacks are signed with.
    pub secret: SecretState,
    /// The secret before rotation, while it still signs beside the current one.
    pub previous_secret: SecretState,
    /// When the previous secret stops signing (database time).
    pub previous_secret_expires_at: Option<OffsetDateTime>,
    /// The secret before that one, when it was rotated again so soon.
    pub older_secret: SecretState,
    /// When that one stops signing (database time).
    pub older_secret_expires_at: Option<OffsetDateTime>,
    /// Whether callbacks are signed.
    pub signature_enabled: bool,
    /// The signature's header; the profile's own when absent.
    pub signature_header: Option<String>,
    /// Retries after the first attempt.
    pub max_retries: u16,
    /// Milliseconds before the first retry, when there is no `retry_policy`.
    pub retry_delay_ms: i32,
    /// Growth of that delay.
    pub retry_backoff_multiplier: f64,
    /// When to retry.
    pub retry_policy: Option<RetryPolicy>,
    /// Deadline of one attempt.
    pub timeout: Duration,
    /// Which of the wanted events are sent, uncompiled.
    pub filter_expression: Option<String>,
    /// Failed deliveries in a row after which it is paused.
    pub failure_threshold: i32,
    /// What its deliveries look like.
    pub wire_profile: WireProfile,
    /// How they are signed; the profile's way when absent.
    pub signature_schemes: Option<Vec<SignatureChoice>>,
    /// How their JSON is written.
    pub body_format: Option<BodyFormat>,
    /// What their body is made of.
    pub envelope: Option<Envelope>,
    /// Whether it is called after an event, or asked before it.
    pub phase: DeliveryPhase,
    /// What a gate's failure means for an event.
    pub on_error: OnGateError,
    /// Whether its deliveries are recorded and not sent.
    pub dry_run: bool,
    /// Its own Ed25519 private key.
    pub signing_key: SecretState,
    /// The one before rotation, until `previous_secret_expires_at`.
    pub previous_signing_key: SecretState,
    /// The one before that, until `older_secret_expires_at`.
    pub older_signing_key: SecretState,
    /// Credentials its requests carry.
    pub endpoint_auth: SecretState<EndpointAuth>,
    /// Certificates of its own.
    pub endpoint_tls: SecretState<EndpointTls>,
    /// When the endpoint is left alone.
    pub circuit_breaker: Option<CircuitBreakerPolicy>,
    /// Most requests at a time.
    pub max_in_flight: Option<usize>,
    /// Most requests a second.
    pub max_per_second: Option<u32>,
    /// Hosts it may send to, beside the tenant's domains.
    pub allowed_domains: Option<Vec<String>>,
    /// What happens to deliveries while it is paused.
    pub paused_deliveries: PausedDeliveries,
    /// Failed deliveries in a row so far.
    pub failure_count: i32,
    /// Set while the service itself paused it: when to try again (database time).
    pub probe_at: Option<OffsetDateTime>,
    /// Probes that failed since.
    pub failed_probes: i32,
    /// The endpoint asked for silence until then (database time).
    pub hold_until: Option<OffsetDateTime>,
}

/// The row behind it.
pub(crate) struct TargetRow {
    pub(crate) id: Uuid,
    pub(crate) tenant_id: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) http_method: String,
    pub(crate) status: String,
    pub(crate) active: bool,
    pub(crate) subscribed_event_types: Vec<String>,
    pub(crate) custom_headers: Option<String>,
    pub(crate) secret: Option<String>,
    pub(crate) previous_secret: Option<String>,
    pub(crate) previous_secret_expires_at: Option<OffsetDateTime>,
    pub(crate) older_secret: Option<String>,
    pub(crate) older_secret_expires_at: Option<OffsetDateTime>,
    pub(crate) signature_enabled: bool,
    pub(crate) signature_header: Option<String>,
    pub(crate) max_retries: i32,
    pub(crate) retry_delay_ms: i32,
    pub(crate) retry_backoff_multiplier: f64,
    pub(crate) timeout_ms: i32,
    pub(crate) filter_expression: Option<String>,
    pub(crate) failure_threshold: i32,
    pub(crate) wire_profile: String,
    pub(crate) signature_schemes: Option<Value>,
    pub(crate) body_format: Option<String>,
    pub(crate) envelope: Option<String>,
    pub(crate) phase: String,
    pub(crate) on_error: String,
    pub(crate) dry_run: bool,
    pub(crate) signing_key: Option<String>,
    pub(crate) previous_signing_key: Option<String>,
    pub(crate) older_signing_key: Option<String>,
    pub(crate) endpoint_auth: Option<String>,
    pub(crate) endpoint_tls: Option<String>,
    pub(crate) retry_policy: Option<Value>,
    pub(crate) circuit_breaker: Option<Value>,
    pub(crate) max_in_flight: Option<i32>,
    pub(crate) max_per_second: Option<i32>,
    pub(crate) allowed_domains: Option<Vec<String>>,
    pub(crate) paused_deliveries: String,
    pub(crate) failure_count: Option<i32>,
    pub(crate) probe_at: Option<OffsetDateTime>,
    pub(crate) failed_probes: Option<i32>,
    pub(crate) hold_until: Option<OffsetDateTime>,
}

/// The column of the custom headers.
pub(crate) const HEADERS_COLUMN: &str = "custom_headers";
/// The logical column both secrets are bound to, so that rotation moves the stored text as it is.
pub(crate) const SECRET_COLUMN: &str = "secret";
/// The logical column both Ed25519 keys are bound to.
pub(crate) const SIGNING_KEY_COLUMN: &str = "signing_key";
/// The column of the credentials for the endpoint.
pub(crate) const AUTH_COLUMN: &str = "endpoint_auth";
/// The column of the certificates for the endpoint.
pub(crate) const TLS_COLUMN: &str = "endpoint_tls";

impl ConfigurationTarget {
    /// Parses a row. Unreadable secrets are not an error but a state.
    pub(crate) fn read(
        row: TargetRow,
        tenant: &TenantId,
        keyring: &SecretKeyring,
    ) -> Result<Self, StoreError> {
        let place = SecretPlace { tenant, row: row.id, column: SECRET_COLUMN };
        Ok(Self {
            id: row.id.into(),
            tenant: tenant.clone(),
            url: CallbackUrl::try_from(row.url.as_str())
                .map_err(|error| StoreError::corrupt("url", error))?,
            http_method: named("http_method", &row.http_method)?,
            status: named("status", &row.status)?,
            event_types: patterns(&row.subscribed_event_types)?,
            custom_headers: keyring
                .open_map(place.column(HEADERS_COLUMN), row.custom_headers.as_deref())
                .map_err(|error| StoreError::corrupt(HEADERS_COLUMN, error))?
                .unwrap_or_default(),
            secret: keyring.state(place, row.secret.as_deref()),
            previous_secret: keyring.state(place, row.previous_secret.as_deref()),
            older_secret: keyring.state(place, row.older_secret.as_deref()),
            max_retries: unsigned("max_retries", row.max_retries)?,
            retry_policy: json("retry_policy", row.retry_policy)?,
            timeout: Duration::from_millis(unsigned("timeout_ms", row.timeout_ms)?),
            wire_profile: named("wire_profile", &row.wire_profile)?,
            signature_schemes: json("signature_schemes", row.signature_schemes)?,
            body_format: optional_named("body_format", row.body_format.as_deref())?,
            envelope: optional_named("envelope", row.envelope.as_deref())?,
            phase: named("phase", &row.phase)?,
            on_error: named("on_error", &row.on_error)?,
            dry_run: row.dry_run,
            signing_key: keyring.state(place.column(SIGNING_KEY_COLUMN), row.signing_key.as_deref()),
            previous_signing_key: keyring
                .state(place.column(SIGNING_KEY_COLUMN), row.previous_signing_key.as_deref()),
            older_signing_key: keyring
                .state(place.column(SIGNING_KEY_COLUMN), row.older_signing_key.as_deref()),
            endpoint_auth: keyring.parsed(place.column(AUTH_COLUMN), row.endpoint_auth.as_deref(), |text| {
                EndpointAuth::from_stored(text).ok()
            }),
            endpoint_tls: keyring.parsed(place.column(TLS_COLUMN), row.endpoint_tls.as_deref(), |text| {
                EndpointTls::from_stored(text).ok()
            }),
            circuit_breaker: json("circuit_breaker", row.circuit_breaker)?,
            max_in_flight: optional_unsigned("max_in_flight", row.max_in_flight)?,
            max_per_second: optional_unsigned("max_per_second", row.max_per_second)?,
            paused_deliveries: named("paused_deliveries", &row.paused_deliveries)?,
            name: row.name,
            active: row.active,
            previous_secret_expires_at: row.previous_secret_expires_at,
            older_secret_expires_at: row.older_secret_expires_at,
            signature_enabled: row.signature_enabled,
            signature_header: row.signature_header,
            retry_delay_ms: row.retry_delay_ms,
            retry_backoff_multiplier: row.retry_backoff_multiplier,
            filter_expression: row.filter_expression,
            failure_threshold: row.failure_threshold,
            allowed_domains: row.allowed_domains,
            failure_count: row.failure_count.unwrap_or_default(),
            probe_at: row.probe_at,
            failed_probes: row.failed_probes.unwrap_or_default(),
            hold_until: row.hold_until,
        })
    }
}

fn patterns(stored: &[String]) -> Result<Vec<EventPattern>, StoreError> {
    stored
        .iter()
        .map(|text| {
            EventPattern::try_from(text.as_str())
                .map_err(|error| StoreError::corrupt("subscribed_event_types", error))
        })
        .collect()
}

/// A stored name of an enum of the contract.
pub(crate) fn named<T>(column: &str, text: &str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| StoreError::corrupt(column, error))
}

/// A stored name that may be missing.
pub(crate) fn optional_named<T>(column: &str, text: Option<&str>) -> Result<Option<T>, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    text.map(|text| named(column, text)).transpose()
}

/// A stored JSON document, parsed into what it stands for.
pub(crate) fn json<T: DeserializeOwned>(
    column: &str,
    stored: Option<Value>,
) -> Result<Option<T>, StoreError> {
    stored.map(serde_json::from_value).transpose().map_err(|error| StoreError::corrupt(column, error))
}

fn unsigned<T: TryFrom<i32>>(column: &str, value: i32) -> Result<T, StoreError>
where
    T::Error: Display,
{
    T::try_from(value).map_err(|error| StoreError::corrupt(column, error))
}

fn optional_unsigned<T: TryFrom<i32>>(column: &str, value: Option<i32>) -> Result<Option<T>, StoreError>
where
    T::Error: Display,
{
    value.map(|value| unsigned(column, value)).transpose()
}
