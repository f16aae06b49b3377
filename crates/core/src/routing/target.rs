//! A callback configuration made ready for use: everything compiled, nothing left to parse on an event's way.

use std::sync::Arc;
use std::time::Duration;

use callbacks_interfaces::callback_configuration::{CallbackStatus, HttpMethod, PausedDeliveries};
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::delivery_phase::{DeliveryPhase, OnGateError};
use callbacks_interfaces::event_pattern::EventPattern;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::retry_policy::RetryPolicy;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::tenant::TenantId;
use callbacks_interfaces::wire_profile::WireProfile;
use callbacks_models::directory::{ConfigurationTarget, SecretState};
use time::OffsetDateTime;

use super::endpoint_identity::EndpointIdentity;
use super::filter_expression::FilterExpression;
use crate::gates::standing::{Standing, standing};
use crate::wire::preset;
use crate::wire::profile::{Expiring, PreparedWire, SigningFacts, SigningKeys, WireFacts};

/// What applies where a configuration leaves something to the service.
#[derive(Debug, Clone)]
pub struct TargetDefaults {
    /// Signature header where the configuration names none.
    pub signature_header: String,
    /// Longest delay between two attempts, in milliseconds, of the documented exponential policy.
    pub retry_max_delay_ms: u64,
    /// Share of such a delay (0 to 1) by which it is varied at random.
    pub retry_jitter: f64,
    /// Breaker of configurations without one of their own.
    pub circuit_breaker: CircuitBreakerPolicy,
    /// Requests in flight at once to one configuration that sets no `maxInFlight`.
    pub max_in_flight: usize,
}

/// One configuration as the router and the dispatcher see it.
#[derive(Debug)]
pub struct Target {
    /// The configuration.
    pub id: ConfigurationId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name, for explanations.
    pub name: String,
    /// The only URL that is checked and dialled.
    pub url: Arc<CallbackUrl>,
    /// POST, PUT or PATCH.
    pub method: http::Method,
    /// Headers, signature keys and body form; `Err` says why they could not be prepared (our fault, never the receiver's).
    pub wire: Result<PreparedWire, String>,
    /// Who the service is to the endpoint; nothing when `wire` is an `Err`.
    pub identity: EndpointIdentity,
    /// Event types it wants.
    pub patterns: Vec<EventPattern>,
    /// Its filter; `Err` when a stored one does not compile any more, which refuses every event.
    pub filter: Option<Result<FilterExpression, String>>,
    /// The status operators see.
    pub status: CallbackStatus,
    /// The switch operators set.
    pub active: bool,
    /// When a configuration paused after failures may be tried again.
    pub probe_at: Option<OffsetDateTime>,
    /// Probes that failed since the pause.
    pub failed_probes: i32,
    /// A hold of the whole endpoint (`Retry-After`), shared by all replicas.
    pub hold_until: Option<OffsetDateTime>,
    /// Delays between attempts.
    pub retry: RetryPolicy,
    /// Attempts in all: retries + 1.
    pub max_attempts: u16,
    /// The one deadline of an attempt.
    pub timeout: Duration,
    /// Requests in flight at once.
    pub max_in_flight: usize,
    /// Requests a second, if limited.
    pub max_per_second: Option<u32>,
    /// When to stop calling for a while.
    pub circuit_breaker: CircuitBreakerPolicy,
    /// Hosts this configuration may use, on top of the tenant's authorized domains.
    pub allowed_domains: Option<Vec<String>>,
    /// Failed deliveries in a row that pause it.
    pub failure_threshold: i32,
    /// What happens to new events while it is paused.
    pub paused_deliveries: PausedDeliveries,
    /// The system its deliveries look like: decides which answers are a success.
    pub profile: WireProfile,
    /// Whether it is called after an event, or asked before it.
    pub phase: DeliveryPhase,
    /// What a gate's failure means for an event.
    pub on_error: OnGateError,
    /// Whether its deliveries are recorded and not sent.
    pub dry_run: bool,
}

impl Target {
    /// Compiles a stored configuration.
    pub fn compile(row: ConfigurationTarget, defaults: &TargetDefaults) -> Self {
        let (wire, identity) = match EndpointIdentity::prepare(&row.endpoint_auth, &row.endpoint_tls) {
            Ok(identity) => (prepare_wire(&row, defaults), identity),
            Err(reason) => (Err(reason), EndpointIdentity::default()),
        };
        let filter = row
            .filter_expression
            .as_deref()
            .map(|text| FilterExpression::compile(text).map_err(|e| e.to_string()));
        let own_retry = row.retry_policy;
        let retry = own_retry
            .or_else(|| {
                preset::retry_policy(row.wire_profile, row.retry_delay_ms, row.retry_backoff_multiplier)
            })
            .unwrap_or_else(|| {
                RetryPolicy::firefly(
                    row.retry_delay_ms,
                    row.retry_backoff_multiplier,
                    defaults.retry_max_delay_ms,
                )
                .with_jitter(defaults.retry_jitter)
            });
        Self {
            id: row.id,
            tenant: row.tenant,
            name: row.name,
            url: Arc::new(row.url),
            method: method(row.http_method),
            wire,
            identity,
            patterns: row.event_types,
            filter,
            status: row.status,
            active: row.active,
            probe_at: row.probe_at,
            failed_probes: row.failed_probes,
            hold_until: row.hold_until,
            retry,
            max_attempts: row.max_retries + 1,
            timeout: row.timeout,
            max_in_flight: row.max_in_flight.unwrap_or(defaults.max_in_flight),
            max_per_second: row.max_per_second,
            circuit_breaker: row
                .circuit_breaker
                .or_else(|| preset::circuit_breaker(row.wire_profile))
                .unwrap_or_else(|| defaults.circuit_breaker.clone()),
            allowed_domains: row.allowed_domains,
            failure_threshold: row.failure_threshold,
            paused_deliveries: row.paused_deliveries,
            profile: row.wire_profile,
            phase: row.phase,
            on_error: row.on_error,
            dry_run: row.dry_run,
        }
    }

    /// What its status allows at `now`.
    pub fn standing(&self, now: OffsetDateTime) -> Standing {
        match standing(self.status, self.active, self.probe_at, now) {
            Standing::Open => match self.hold_until.map(|until| until - now) {
                Some(left) if left.is_positive() => Standing::Held {
                    wait: Some(left.unsigned_abs()),
                    reason: "endpoint asked to wait (Retry-After)",
                },
                _ => Standing::Open,
            },
            other => other,
        }
    }

    /// True while the service itself has paused it, after failures.
    pub fn paused_by_engine(&self) -> bool {
        self.status == CallbackStatus::Paused && self.probe_at.is_some()
    }

    /// True when events are put before it: a gate that nobody switched off. One that is paused or has failed stays a gate
    /// that does not answer, so that a strict one is not lost with its endpoint.
    pub fn guards_events(&self) -> bool {
        self.phase == DeliveryPhase::Before && self.active && self.status != CallbackStatus::Disabled
    }

    /// True when new events are matched against it: active ones, and paused ones, whose deliveries wait. Gates are asked
    /// before an event and get none.
    pub fn takes_events(&self) -> bool {
        self.phase == DeliveryPhase::After
            && self.active
            && matches!(self.status, CallbackStatus::Active | CallbackStatus::Paused)
    }
}

fn method(method: HttpMethod) -> http::Method {
    match method {
        HttpMethod::Post => http::Method::POST,
        HttpMethod::Put => http::Method::PUT,
        HttpMethod::Patch => http::Method::PATCH,
    }
}

fn prepare_wire(row: &ConfigurationTarget, defaults: &TargetDefaults) -> Result<PreparedWire, String> {
    PreparedWire::prepare(&WireFacts {
        profile: row.wire_profile,
        signing: SigningFacts {
            enabled: row.signature_enabled,
            schemes: row.signature_schemes.as_deref(),
            header: row.signature_header.as_deref(),
            firefly_header: &defaults.signature_header,
            keys: signing_keys(row)?,
        },
        body_format: row.body_format,
        envelope: row.envelope,
        custom_headers: &row.custom_headers,
    })
    .map_err(|error| error.to_string())
}

fn signing_keys(row: &ConfigurationTarget) -> Result<SigningKeys<'_>, String> {
    if !row.signature_enabled {
        return Ok(SigningKeys::default());
    }
    let expiring = |state, until| match (readable(state), until) {
        (Ok(Some(secret)), Some(until)) => Some(Expiring { secret, until }),
        // A previous secret that cannot be read signs nothing; the current one still does.
        _ => None,
    };
    let (previous, older) = (row.previous_secret_expires_at, row.older_secret_expires_at);
    Ok(SigningKeys {
        secret: readable(&row.secret)?,
        previous: [expiring(&row.previous_secret, previous), expiring(&row.older_secret, older)],
        ed25519: readable(&row.signing_key)?,
        previous_ed25519: [
            expiring(&row.previous_signing_key, previous),
            expiring(&row.older_signing_key, older),
        ],
    })
}

fn readable(state: &SecretState) -> Result<Option<&SecretText>, String> {
    match state {
        SecretState::None => Ok(None),
        SecretState::Ready(secret) => Ok(Some(secret)),
        SecretState::Unreadable => {
            Err("its secret cannot be decrypted; give the service the key it was stored with, or rotate the secret".to_owned())
        }
    }
}
