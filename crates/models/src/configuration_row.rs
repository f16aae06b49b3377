//! The row of a configuration as the API's view needs it, and the list's fields.

use callbacks_interfaces::callback_configuration::CallbackConfiguration;
use callbacks_interfaces::masked::WithheldSecret;
use callbacks_interfaces::tenant::TenantScope;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::configuration_target::{HEADERS_COLUMN, json, named, optional_named};
use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::filter_sql::{Column, FilteredList, column};
use crate::filter_value::Kind;
use crate::secret_column::{SecretKeyring, SecretPlace};

/// The list of configurations.
pub(crate) const CONFIGURATION_LIST: FilteredList = FilteredList {
    from: "callback_configurations c LEFT JOIN configuration_state s ON s.configuration_id = c.id",
    key: ["c.id", "c.id"],
    tenant: "c.tenant_id",
    columns: COLUMNS,
    searched: &["c.name", "c.description", "c.url"],
    default_order: "c.id DESC",
};

const COLUMNS: &[Column] = &[
    column("id", "c.id", Kind::Uuid),
    column("tenantId", "c.tenant_id", Kind::Text),
    column("name", "c.name", Kind::Text),
    column("description", "c.description", Kind::Text),
    column("url", "c.url", Kind::Text),
    column("httpMethod", "c.http_method", Kind::Text),
    column("status", "c.status", Kind::Text),
    column("subscribedEventTypes", "c.subscribed_event_types", Kind::Texts),
    column("secretConfigured", "(c.secret IS NOT NULL)", Kind::Boolean),
    column("endpointAuthConfigured", "(c.endpoint_auth IS NOT NULL)", Kind::Boolean),
    column("tlsConfigured", "(c.endpoint_tls IS NOT NULL)", Kind::Boolean),
    column("signatureEnabled", "c.signature_enabled", Kind::Boolean),
    column("signatureHeader", "c.signature_header", Kind::Text),
    column("maxRetries", "c.max_retries", Kind::Integer),
    column("retryDelayMs", "c.retry_delay_ms", Kind::Integer),
    column("retryBackoffMultiplier", "c.retry_backoff_multiplier", Kind::Number),
    column("timeoutMs", "c.timeout_ms", Kind::Integer),
    column("active", "c.active", Kind::Boolean),
    column("filterExpression", "c.filter_expression", Kind::Text),
    column("failureThreshold", "c.failure_threshold", Kind::Integer),
    column("failureCount", "coalesce(s.failure_count, 0)", Kind::Integer),
    column("lastSuccessAt", "s.last_success_at", Kind::Instant),
    column("lastFailureAt", "s.last_failure_at", Kind::Instant),
    column("createdAt", "c.created_at", Kind::Instant),
    column("updatedAt", "c.updated_at", Kind::Instant),
    column("createdBy", "c.created_by", Kind::Text),
    column("updatedBy", "c.updated_by", Kind::Text),
    column("wireProfile", "c.wire_profile", Kind::Text),
    column("bodyFormat", "c.body_format", Kind::Text),
    column("envelope", "c.envelope", Kind::Text),
    column("phase", "c.phase", Kind::Text),
    column("onError", "c.on_error", Kind::Text),
    column("dryRun", "c.dry_run", Kind::Boolean),
    column("maxInFlight", "c.max_in_flight", Kind::Integer),
    column("maxPerSecond", "c.max_per_second", Kind::Integer),
    column("pausedDeliveries", "c.paused_deliveries", Kind::Text),
];

/// A configuration with its state, without its secret.
pub(crate) struct ConfigurationRow {
    pub(crate) id: Uuid,
    tenant_id: String,
    name: String,
    description: Option<String>,
    url: String,
    http_method: String,
    status: String,
    subscribed_event_types: Vec<String>,
    custom_headers: Option<String>,
    secret_configured: bool,
    signature_enabled: bool,
    signature_header: Option<String>,
    max_retries: i32,
    retry_delay_ms: i32,
    retry_backoff_multiplier: f64,
    timeout_ms: i32,
    active: bool,
    filter_expression: Option<String>,
    metadata: Option<Value>,
    failure_threshold: i32,
    failure_count: i32,
    last_success_at: Option<OffsetDateTime>,
    last_failure_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    created_by: Option<String>,
    updated_by: Option<String>,
    wire_profile: String,
    retry_policy: Option<Value>,
    circuit_breaker: Option<Value>,
    max_in_flight: Option<i32>,
    max_per_second: Option<i32>,
    allowed_domains: Option<Vec<String>>,
    paused_deliveries: String,
    signature_schemes: Option<Value>,
    body_format: Option<String>,
    envelope: Option<String>,
    phase: String,
    on_error: String,
    endpoint_auth_configured: bool,
    tls_configured: bool,
    dry_run: bool,
}

impl ConfigurationRow {
    /// Those of `ids` that are in scope, in any order.
    pub(crate) async fn by_ids(
        connection: &mut PgConnection,
        scope: &TenantScope,
        ids: &[Uuid],
    ) -> Result<Vec<Self>, StoreError> {
        let rows = sqlx::query_as!(
            Self,
            r#"
            SELECT c.id, c.tenant_id, c.name, c.description, c.url, c.http_method, c.status, c.subscribed_event_types,
                   c.custom_headers, c.secret IS NOT NULL AS "secret_configured!", c.signature_enabled,
                   c.signature_header, c.max_retries, c.retry_delay_ms, c.retry_backoff_multiplier, c.timeout_ms,
                   c.active, c.filter_expression, c.metadata, c.failure_threshold,
                   coalesce(s.failure_count, 0) AS "failure_count!", s.last_success_at AS "last_success_at?",
                   s.last_failure_at AS "last_failure_at?", c.created_at, c.updated_at, c.created_by, c.updated_by,
                   c.wire_profile, c.retry_policy, c.circuit_breaker, c.max_in_flight, c.max_per_second,
                   c.allowed_domains, c.paused_deliveries, c.signature_schemes, c.body_format, c.envelope, c.phase,
                   c.on_error, c.endpoint_auth IS NOT NULL AS "endpoint_auth_configured!",
                   c.endpoint_tls IS NOT NULL AS "tls_configured!", c.dry_run
            FROM callback_configurations c
            LEFT JOIN configuration_state s ON s.configuration_id = c.id
            WHERE c.id = ANY ($1::uuid[]) AND ($2::text IS NULL OR c.tenant_id = $2)
            "#,
            ids,
            scope.sql(),
        )
        .fetch_all(connection)
        .await?;
        Ok(rows)
    }

    /// What the API shows.
    pub(crate) fn view(self, keyring: &SecretKeyring) -> Result<CallbackConfiguration, StoreError> {
        let tenant_id = stored_tenant(&self.tenant_id)?;
        let place = SecretPlace { tenant: &tenant_id, row: self.id, column: HEADERS_COLUMN };
        Ok(CallbackConfiguration {
            id: self.id.into(),
            http_method: named("http_method", &self.http_method)?,
            status: named("status", &self.status)?,
            custom_headers: keyring.shown_map(place, self.custom_headers.as_deref()),
            secret: WithheldSecret,
            endpoint_auth: WithheldSecret,
            endpoint_auth_configured: self.endpoint_auth_configured,
            tls: WithheldSecret,
            tls_configured: self.tls_configured,
            metadata: json("metadata", self.metadata)?,
            wire_profile: named("wire_profile", &self.wire_profile)?,
            signature_schemes: json("signature_schemes", self.signature_schemes)?,
            body_format: optional_named("body_format", self.body_format.as_deref())?,
            envelope: optional_named("envelope", self.envelope.as_deref())?,
            phase: named("phase", &self.phase)?,
            on_error: named("on_error", &self.on_error)?,
            dry_run: self.dry_run,
            retry_policy: json("retry_policy", self.retry_policy)?,
            circuit_breaker: json("circuit_breaker", self.circuit_breaker)?,
            paused_deliveries: named("paused_deliveries", &self.paused_deliveries)?,
            tenant_id,
            name: self.name,
            description: self.description,
            url: self.url,
            subscribed_event_types: self.subscribed_event_types,
            secret_configured: self.secret_configured,
            signature_enabled: self.signature_enabled,
            signature_header: self.signature_header,
            max_retries: self.max_retries,
            retry_delay_ms: self.retry_delay_ms,
            retry_backoff_multiplier: self.retry_backoff_multiplier,
            timeout_ms: self.timeout_ms,
            active: self.active,
            filter_expression: self.filter_expression,
            failure_threshold: self.failure_threshold,
            failure_count: self.failure_count,
            last_success_at: self.last_success_at,
            last_failure_at: self.last_failure_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
            created_by: self.created_by,
            updated_by: self.updated_by,
            max_in_flight: self.max_in_flight,
            max_per_second: self.max_per_second,
            allowed_domains: self.allowed_domains,
        })
    }
}
