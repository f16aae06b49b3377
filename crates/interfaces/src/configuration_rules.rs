//! The contract's rules for a configuration's body, with its exact messages.

use serde_json::{Map, Value};

use crate::body_format::BodyFormat;
use crate::callback_configuration::{CallbackStatus, HttpMethod, PausedDeliveries};
use crate::callback_url::CallbackUrl;
use crate::circuit_breaker_policy::CircuitBreakerPolicy;
use crate::configuration_draft::{ConfigurationDraft, Stored};
use crate::delivery_phase::{DeliveryPhase, OnGateError};
use crate::domain_pattern::DomainPattern;
use crate::endpoint_rules::read_identity;
use crate::envelope::Envelope;
use crate::event_pattern::EventPattern;
use crate::field_errors::ValidationErrors;
use crate::field_reader::{Bounds, FieldReader, Size};
use crate::patch::Patch;
use crate::profile_defaults::ProfileDefaults;
use crate::retry_policy::RetryPolicy;
use crate::signing_rules::{read_custom_headers, read_signing};
use crate::tenant::{TenantId, TenantIdError};
use crate::wire_profile::WireProfile;

/// Reads a whole configuration; all errors at once.
pub(crate) fn read(
    body: &Map<String, Value>,
    stored: &Stored<'_>,
) -> Result<ConfigurationDraft, ValidationErrors> {
    let mut reader = FieldReader::new(body);
    let r = &mut reader;
    let name = r.required_text("name", "Name is required", &NAME);
    let description = r.text("description", &DESCRIPTION);
    let url = read_url(r);
    let method = r.required_name("httpMethod", HttpMethod::Post, "HTTP method is required");
    let status = r.required_name("status", CallbackStatus::Active, "Status is required");
    let routing = read_routing(r);
    let wire_profile = r.name_or("wireProfile", WireProfile::Firefly);
    let signing = read_signing(r, wire_profile, stored.secret);
    let custom_headers = read_custom_headers(r, stored.headers, wire_profile, &signing);
    let (endpoint_auth, tls) = read_identity(r, stored.identity, url.as_ref(), custom_headers.as_ref());
    let shape = read_shape(r);
    let pacing = read_pacing(r, ProfileDefaults::of(wire_profile));
    let active = r.flag_or_true("active");
    let metadata = r.any_object("metadata");
    let created_by = r.text("createdBy", &CREATED_BY);
    let updated_by = r.text("updatedBy", &UPDATED_BY);
    let paused_deliveries = r.name_or("pausedDeliveries", PausedDeliveries::Keep);
    // Server-owned: checked as the contract says, then ignored.
    r.integer("failureCount", &FAILURE_COUNT);
    reader.finish()?;
    let url = url.ok_or_else(|| ValidationErrors::one("url", "NotBlank", "URL is required"))?;
    Ok(ConfigurationDraft {
        name,
        description,
        url,
        http_method: method,
        status,
        subscribed_event_types: routing.event_types,
        custom_headers,
        secret: signing.secret,
        signature_enabled: signing.enabled,
        signature_header: signing.header,
        max_retries: pacing.max_retries,
        retry_delay_ms: pacing.retry_delay_ms,
        retry_backoff_multiplier: pacing.retry_backoff_multiplier,
        timeout_ms: pacing.timeout_ms,
        active,
        tenant_id: routing.tenant_id,
        filter_expression: routing.filter_expression,
        metadata,
        failure_threshold: pacing.failure_threshold,
        created_by,
        updated_by,
        wire_profile,
        signature_schemes: signing.schemes,
        body_format: shape.body_format,
        envelope: shape.envelope,
        phase: shape.phase,
        on_error: shape.on_error,
        dry_run: shape.dry_run,
        signing_key: None,
        endpoint_auth,
        tls,
        retry_policy: pacing.retry_policy,
        circuit_breaker: pacing.circuit_breaker,
        max_in_flight: pacing.max_in_flight,
        max_per_second: pacing.max_per_second,
        allowed_domains: routing.allowed_domains,
        paused_deliveries,
    })
}

/// Every violated rule of the contract is reported; our own, stricter ones only where those hold.
fn read_url(reader: &mut FieldReader<'_>) -> Option<CallbackUrl> {
    let text = reader.required_text("url", "URL is required", &URL);
    let Patch::Value(value) = reader.get("url") else {
        return None;
    };
    if !value.is_string() {
        return None;
    }
    if !text.starts_with("http://") && !text.starts_with("https://") {
        let message = "URL must start with http:// or https://";
        reader.refuse("url", "Pattern", message, value);
        return None;
    }
    if text.chars().count() > URL.max {
        return None;
    }
    reader.parsed("url", "Pattern", |text| CallbackUrl::try_from(text))
}

struct Routing {
    event_types: Vec<EventPattern>,
    filter_expression: Option<String>,
    allowed_domains: Option<Vec<String>>,
    tenant_id: Option<TenantId>,
}

fn read_routing(reader: &mut FieldReader<'_>) -> Routing {
    if reader.get("subscribedEventTypes").value().is_none() {
        let message = "Event types are required";
        reader.fail("subscribedEventTypes", "NotNull", message);
    }
    let event_types = reader.parsed_texts("subscribedEventTypes", |text| EventPattern::try_from(text));
    if let Some(Value::Array(items)) = reader.get("subscribedEventTypes").value() {
        if items.is_empty() {
            let message = "At least one event type must be specified";
            reader.fail("subscribedEventTypes", "Size", message);
        } else if items.len() > EVENT_TYPES_MAX {
            let message = "At most 1000 event types may be specified";
            reader.fail("subscribedEventTypes", "Size", message);
        }
    }
    let allowed_domains = reader
        .parsed_texts("allowedDomains", |text| DomainPattern::try_from(text).map(|domain| domain.to_string()))
        .filter(|domains| !domains.is_empty());
    Routing {
        event_types: event_types.unwrap_or_default(),
        filter_expression: reader.text("filterExpression", &FILTER_EXPRESSION),
        allowed_domains,
        tenant_id: read_tenant(reader),
    }
}

/// Most event type patterns of a configuration: far beyond use, so that one body is no load.
const EVENT_TYPES_MAX: usize = 1000;

/// The tenant a body names.
pub(crate) fn read_tenant(reader: &mut FieldReader<'_>) -> Option<TenantId> {
    read_owner(reader, |text| TenantId::try_from(text))
}

/// `tenantId`, as far as `accepts` takes it.
pub(crate) fn read_owner(
    reader: &mut FieldReader<'_>,
    accepts: impl Fn(&str) -> Result<TenantId, TenantIdError>,
) -> Option<TenantId> {
    let text = reader.text("tenantId", &TENANT_ID)?;
    if text.chars().count() > TENANT_ID.max {
        return None;
    }
    reader.parsed("tenantId", "Pattern", accepts)
}

struct Shape {
    body_format: Option<BodyFormat>,
    envelope: Option<Envelope>,
    phase: DeliveryPhase,
    on_error: OnGateError,
    dry_run: bool,
}

fn read_shape(reader: &mut FieldReader<'_>) -> Shape {
    Shape {
        body_format: reader.optional_name("bodyFormat"),
        envelope: reader.optional_name("envelope"),
        phase: reader.name_or("phase", DeliveryPhase::After),
        on_error: reader.name_or("onError", OnGateError::Proceed),
        dry_run: reader.optional_flag("dryRun").unwrap_or(false),
    }
}

struct Pacing {
    max_retries: i32,
    retry_delay_ms: i32,
    retry_backoff_multiplier: f64,
    timeout_ms: i32,
    failure_threshold: i32,
    retry_policy: Option<RetryPolicy>,
    circuit_breaker: Option<CircuitBreakerPolicy>,
    max_in_flight: Option<i32>,
    max_per_second: Option<i32>,
}

fn read_pacing(reader: &mut FieldReader<'_>, defaults: ProfileDefaults) -> Pacing {
    Pacing {
        max_retries: reader.int32("maxRetries", defaults.max_retries, &MAX_RETRIES),
        retry_delay_ms: reader.int32("retryDelayMs", defaults.retry_delay_ms, &RETRY_DELAY),
        retry_backoff_multiplier: reader.decimal("retryBackoffMultiplier", 2.0, &MULTIPLIER),
        timeout_ms: reader.int32("timeoutMs", defaults.timeout_ms, &TIMEOUT),
        failure_threshold: reader.int32("failureThreshold", 10, &FAILURE_THRESHOLD),
        retry_policy: reader.nested("retryPolicy", RetryPolicy::read),
        circuit_breaker: reader.nested("circuitBreaker", CircuitBreakerPolicy::read),
        max_in_flight: reader.optional_int32("maxInFlight", &MAX_IN_FLIGHT),
        max_per_second: reader.optional_int32("maxPerSecond", &MAX_PER_SECOND),
    }
}

/// `name` of configurations and subscriptions.
pub(crate) const NAME: Size = Size { min: 1, max: 255, message: "Name must be between 1 and 255 characters" };
/// `description` of configurations and subscriptions.
pub(crate) const DESCRIPTION: Size =
    Size { min: 0, max: 2000, message: "Description must not exceed 2000 characters" };
/// `createdBy`.
pub(crate) const CREATED_BY: Size =
    Size { min: 0, max: 255, message: "Created by must not exceed 255 characters" };
/// `updatedBy`.
pub(crate) const UPDATED_BY: Size =
    Size { min: 0, max: 255, message: "Updated by must not exceed 255 characters" };
const TENANT_ID: Size = Size { min: 0, max: 100, message: "Tenant ID must not exceed 100 characters" };
const URL: Size = Size { min: 0, max: 2048, message: "URL must not exceed 2048 characters" };
const FILTER_EXPRESSION: Size =
    Size { min: 0, max: 1000, message: "Filter expression must not exceed 1000 characters" };
const MAX_RETRIES: Bounds<i64> = Bounds {
    min: 0,
    below: "Max retries must be at least 0",
    max: 10,
    above: "Max retries must not exceed 10",
};
const RETRY_DELAY: Bounds<i64> = Bounds {
    min: 100,
    below: "Retry delay must be at least 100ms",
    max: 300_000,
    above: "Retry delay must not exceed 300000ms (5 minutes)",
};
const MULTIPLIER: Bounds<f64> = Bounds {
    min: 1.0,
    below: "Retry backoff multiplier must be at least 1.0",
    max: 10.0,
    above: "Retry backoff multiplier must not exceed 10.0",
};
const TIMEOUT: Bounds<i64> = Bounds {
    min: 1000,
    below: "Timeout must be at least 1000ms (1 second)",
    max: 300_000,
    above: "Timeout must not exceed 300000ms (5 minutes)",
};
const FAILURE_THRESHOLD: Bounds<i64> = Bounds {
    min: 1,
    below: "Failure threshold must be at least 1",
    max: 100,
    above: "Failure threshold must not exceed 100",
};
const FAILURE_COUNT: Bounds<i64> = Bounds {
    min: 0,
    below: "Failure count must be non-negative",
    max: i64::MAX,
    above: "Failure count is too large",
};
const MAX_IN_FLIGHT: Bounds<i64> = Bounds {
    min: 1,
    below: "Max in flight must be at least 1",
    max: 10_000,
    above: "Max in flight must not exceed 10000",
};
const MAX_PER_SECOND: Bounds<i64> = Bounds {
    min: 1,
    below: "Max per second must be at least 1",
    max: 100_000,
    above: "Max per second must not exceed 100000",
};
