//! A callback configuration as a caller wants it: the validated form of a write.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::body_format::BodyFormat;
use crate::callback_configuration::{CallbackConfiguration, CallbackStatus, HttpMethod, PausedDeliveries};
use crate::callback_url::CallbackUrl;
use crate::circuit_breaker_policy::CircuitBreakerPolicy;
use crate::configuration_rules::read;
use crate::delivery_phase::{DeliveryPhase, OnGateError};
use crate::endpoint_auth::EndpointAuth;
use crate::endpoint_rules::StoredIdentity;
use crate::endpoint_tls::EndpointTls;
use crate::envelope::Envelope;
use crate::event_pattern::EventPattern;
use crate::field_errors::ValidationErrors;
use crate::patch::Patch;
use crate::profile_defaults::ProfileDefaults;
use crate::retry_policy::RetryPolicy;
use crate::secret::SecretText;
use crate::signature_choice::SignatureChoice;
use crate::signature_scheme::SignatureScheme;
use crate::tenant::TenantId;
use crate::wire_profile::WireProfile;

/// Everything a caller may decide about a configuration. Server-owned fields (id, counters,
/// timestamps) are not here; in a body they are checked and ignored. The filter expression is not
/// compiled here: the router does that before anything is stored.
#[derive(Clone, Debug)]
pub struct ConfigurationDraft {
    /// A name for people.
    pub name: String,
    /// A description for people.
    pub description: Option<String>,
    /// Where callbacks are sent.
    pub url: CallbackUrl,
    /// The request's method.
    pub http_method: HttpMethod,
    /// Whether it gets deliveries.
    pub status: CallbackStatus,
    /// Which event types it wants; at least one.
    pub subscribed_event_types: Vec<EventPattern>,
    /// Headers added to every callback, checked.
    pub custom_headers: Option<BTreeMap<String, String>>,
    /// A new secret, none, or the one stored.
    pub secret: Patch<SecretText>,
    /// Whether callbacks are signed; then there is a secret, new or stored.
    pub signature_enabled: bool,
    /// The header that carries the signature.
    pub signature_header: Option<String>,
    /// Retries after the first attempt, 0 to 10.
    pub max_retries: i32,
    /// Delay before the first retry, in milliseconds.
    pub retry_delay_ms: i32,
    /// Growth of the delay, 1 to 10.
    pub retry_backoff_multiplier: f64,
    /// Deadline of one attempt, in milliseconds.
    pub timeout_ms: i32,
    /// A switch beside `status`.
    pub active: bool,
    /// The tenant the body names; the caller's credential decides whether it may.
    pub tenant_id: Option<TenantId>,
    /// Which of the wanted events are sent.
    pub filter_expression: Option<String>,
    /// Anything the tenant wants to remember.
    pub metadata: Option<Map<String, Value>>,
    /// Failed deliveries in a row after which it is paused.
    pub failure_threshold: i32,
    /// Who creates it.
    pub created_by: Option<String>,
    /// Who changes it.
    pub updated_by: Option<String>,
    /// What its deliveries look like on the wire.
    pub wire_profile: WireProfile,
    /// How they are signed, instead of the profile's way.
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
    /// An Ed25519 private key (`whsk_…`) for a configuration that signs with one and has none. Never part of a
    /// body: the service makes it.
    pub signing_key: Option<SecretText>,
    /// New credentials for the endpoint, none, or those stored.
    pub endpoint_auth: Patch<EndpointAuth>,
    /// New certificates for the endpoint, none, or those stored.
    pub tls: Patch<EndpointTls>,
    /// When failed deliveries are retried.
    pub retry_policy: Option<RetryPolicy>,
    /// When the endpoint is left alone.
    pub circuit_breaker: Option<CircuitBreakerPolicy>,
    /// Most requests at a time.
    pub max_in_flight: Option<i32>,
    /// Most requests a second.
    pub max_per_second: Option<i32>,
    /// Hosts it may send to, in canonical form; `None` when there is no restriction.
    pub allowed_domains: Option<Vec<String>>,
    /// What happens to deliveries while it is paused.
    pub paused_deliveries: PausedDeliveries,
}

impl ConfigurationDraft {
    /// A new configuration (POST): omitted fields take their defaults.
    ///
    /// # Errors
    /// Everything that is wrong with the body.
    pub fn create(body: &Map<String, Value>) -> Result<Self, ValidationErrors> {
        read(body, &Stored::default())
    }

    /// All fields anew (PUT): omitted fields take their defaults, except `secret`, `endpointAuth` and `tls`: absent or
    /// `null` (all a reader ever sees of them) keeps what is stored.
    ///
    /// # Errors
    /// Everything that is wrong with the body.
    pub fn replace(
        existing: &CallbackConfiguration,
        body: &Map<String, Value>,
    ) -> Result<Self, ValidationErrors> {
        let mut stored = Stored::of(existing);
        stored.secret = stored.secret.kept_on_null();
        stored.identity.kept_on_null = true;
        let mut draft = read(body, &stored)?;
        if matches!(draft.secret, Patch::Null) {
            draft.secret = Patch::Absent;
        }
        Ok(draft)
    }

    /// Some fields anew (PATCH): absent keeps, `null` clears or resets to the default.
    ///
    /// # Errors
    /// Everything that is wrong with the result.
    pub fn patched(
        existing: &CallbackConfiguration,
        body: &Map<String, Value>,
    ) -> Result<Self, ValidationErrors> {
        let mut merged = as_members(existing);
        for withheld in ["secret", "endpointAuth", "tls"] {
            merged.remove(withheld);
        }
        forget_implied(&mut merged, existing, body);
        merged.extend(body.clone());
        read(&merged, &Stored::of(existing))
    }

    /// The schemes its deliveries are signed with; none when they are not.
    pub fn signing_schemes(&self) -> impl Iterator<Item = SignatureScheme> {
        SignatureChoice::in_use(self.signature_enabled, self.signature_schemes.as_deref(), self.wire_profile)
    }

    /// Total attempts of a delivery: `maxRetries` and the first one.
    #[must_use]
    pub const fn max_attempts(&self) -> i32 {
        self.max_retries + 1
    }
}

/// What followed from the old profile follows from the new one, where a partial update names a new profile or new
/// schemes and nothing else about it.
fn forget_implied(
    merged: &mut Map<String, Value>,
    existing: &CallbackConfiguration,
    body: &Map<String, Value>,
) {
    if !body.contains_key("wireProfile") && !body.contains_key("signatureSchemes") {
        return;
    }
    if !existing.signature_enabled {
        merged.remove("signatureEnabled");
    }
    let implied = ProfileDefaults::of(existing.wire_profile);
    for (name, value, default) in [
        ("maxRetries", existing.max_retries, implied.max_retries),
        ("retryDelayMs", existing.retry_delay_ms, implied.retry_delay_ms),
        ("timeoutMs", existing.timeout_ms, implied.timeout_ms),
    ] {
        if value == default {
            merged.remove(name);
        }
    }
}

/// What a view looks like as JSON: the base a partial update is laid over.
pub(crate) fn as_members(view: &impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(view) {
        Ok(Value::Object(members)) => members,
        // Views are structs with text keys: they always become objects.
        _ => Map::new(),
    }
}

/// What is known of the configuration that is written over, and cannot be seen in its view.
#[derive(Default)]
pub(crate) struct Stored<'a> {
    pub(crate) secret: StoredSecret,
    pub(crate) headers: Option<&'a BTreeMap<String, String>>,
    pub(crate) identity: StoredIdentity,
}

impl<'a> Stored<'a> {
    fn of(existing: &'a CallbackConfiguration) -> Self {
        let identity = StoredIdentity {
            auth: existing.endpoint_auth_configured,
            tls: existing.tls_configured,
            kept_on_null: false,
        };
        Self { secret: StoredSecret::of(existing), headers: existing.custom_headers.as_ref(), identity }
    }
}

/// What is known of a secret stored earlier, and what `null` in the body means for it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum StoredSecret {
    #[default]
    Missing,
    Present,
    PresentAndKeptOnNull,
}

impl StoredSecret {
    const fn of(existing: &CallbackConfiguration) -> Self {
        if existing.secret_configured { Self::Present } else { Self::Missing }
    }

    const fn kept_on_null(self) -> Self {
        match self {
            Self::Missing => Self::Missing,
            Self::Present | Self::PresentAndKeptOnNull => Self::PresentAndKeptOnNull,
        }
    }

    /// Whether there is a secret after the write.
    pub(crate) const fn survives<T>(self, written: &Patch<T>) -> bool {
        match written {
            Patch::Value(_) => true,
            Patch::Absent => !matches!(self, Self::Missing),
            Patch::Null => matches!(self, Self::PresentAndKeptOnNull),
        }
    }
}
