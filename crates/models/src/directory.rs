//! What routing and dispatch must know of every tenant, read in one go: the *target* models, secrets included.
//! Only the engine sees these; the API's views hold no secret.

use std::collections::{BTreeMap, HashMap};

use callbacks_interfaces::domain_pattern::DomainPattern;
use callbacks_interfaces::domain_policy::DomainPolicy;
use callbacks_interfaces::ids::{ConfigurationId, DomainId};
use callbacks_interfaces::tenant::TenantId;
use sqlx::types::Uuid;
use time::OffsetDateTime;

pub use crate::configuration_target::ConfigurationTarget;
use crate::configuration_target::TargetRow;
use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::event_types::{self, Catalogue};
pub use crate::secret_column::SecretState;
use crate::store::Store;

/// One tenant's part of the directory.
#[derive(Clone, Debug)]
pub struct TenantDirectory {
    /// The tenant.
    pub tenant: TenantId,
    /// Its version, read before everything else: what is here is that version or newer.
    pub version: i64,
    /// Its configurations, whatever their status.
    pub configurations: Vec<ConfigurationTarget>,
    /// Configurations whose rows cannot be read: our fault, so their deliveries must be held, not failed.
    pub defective: Vec<DefectiveConfiguration>,
    /// Its authorized domains, whatever their state.
    pub domains: Vec<DomainEntry>,
    /// Its catalogue of event types.
    pub event_types: Catalogue,
    /// Whether its callbacks need one.
    pub domain_policy: DomainPolicy,
    /// Networks operators opened for it alone, as text.
    pub allowed_networks: Vec<String>,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// A configuration whose row cannot be read.
#[derive(Clone, Debug)]
pub struct DefectiveConfiguration {
    /// The configuration.
    pub id: ConfigurationId,
    /// What is wrong, for operators.
    pub reason: String,
}

/// An authorized domain, as the gate needs it.
#[derive(Clone, Debug)]
pub struct DomainEntry {
    /// Its row.
    pub id: DomainId,
    /// Which hosts it names.
    pub pattern: DomainPattern,
    /// Whether control over it was proven or vouched for.
    pub verified: bool,
    /// Whether it is switched on.
    pub active: bool,
    /// Path prefixes callbacks may go to; no restriction when empty.
    pub allowed_paths: Vec<String>,
    /// Most callbacks a minute.
    pub max_callbacks_per_minute: i32,
    /// Networks its addresses must lie in, as text; no restriction when empty.
    pub ip_whitelist: Vec<String>,
    /// Whether plain HTTP is refused.
    pub require_https: bool,
    /// When the authorization ends.
    pub expires_at: Option<OffsetDateTime>,
    /// Callbacks a minute the endpoint itself granted.
    pub granted_per_minute: Option<i32>,
}

/// The version of every tenant's part. A tenant's version only grows, but transactions may commit out of order: compare
/// tenant by tenant, for inequality.
///
/// # Errors
/// When the database fails.
pub async fn versions_across_tenants(store: &Store) -> Result<Vec<(TenantId, i64)>, StoreError> {
    let rows =
        sqlx::query!("SELECT tenant_id, version FROM directory_versions").fetch_all(&store.engine).await?;
    rows.into_iter().map(|row| Ok((stored_tenant(&row.tenant_id)?, row.version))).collect()
}

/// Loads the named tenants' parts. A row that cannot be read is reported in its place and never keeps the others away.
///
/// # Errors
/// When the database fails.
pub async fn load_tenants(store: &Store, tenants: &[TenantId]) -> Result<Vec<TenantDirectory>, StoreError> {
    let names: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
    // First the versions: a change that commits between the statements is then loaded twice, not missed.
    let versions = versions_of(store, &names).await?;
    let mut parts: HashMap<&str, TenantDirectory> =
        tenants.iter().map(|tenant| (tenant.as_str(), empty_part(tenant, &versions))).collect();
    store.load_data_keys(tenants).await?;
    for row in target_rows(store, &names).await? {
        if let Some(part) = parts.get_mut(row.tenant_id.as_str()) {
            let id = row.id.into();
            match ConfigurationTarget::read(row, &part.tenant, &store.keyring) {
                Ok(target) => part.configurations.push(target),
                Err(reason) => part.defective.push(defective(id, &reason)),
            }
        }
    }
    for row in domain_rows(store, &names).await? {
        if let Some(part) = parts.get_mut(row.tenant_id.as_str()) {
            part.domains.extend(DomainEntry::read(row));
        }
    }
    for (tenant, catalogue) in event_types::catalogues(store, &names).await? {
        if let Some(part) = parts.get_mut(tenant.as_str()) {
            part.event_types = catalogue;
        }
    }
    for row in policy_rows(store, &names).await? {
        if let Some(part) = parts.get_mut(row.id.as_str()) {
            // What cannot be read requires authorization.
            part.domain_policy = row.domain_policy.parse().unwrap_or_default();
            part.allowed_networks = row.allowed_networks;
            part.deleted = row.deleted;
        }
    }
    Ok(parts.into_values().collect())
}

struct PolicyRow {
    id: String,
    domain_policy: String,
    allowed_networks: Vec<String>,
    deleted: bool,
}

async fn policy_rows(store: &Store, tenants: &[&str]) -> Result<Vec<PolicyRow>, StoreError> {
    let rows = sqlx::query_as!(
        PolicyRow,
        r#"
        SELECT id, domain_policy, allowed_networks, deleted_at IS NOT NULL AS "deleted!"
        FROM tenants WHERE id = ANY ($1::text[])
        "#,
        tenants as &[&str]
    )
    .fetch_all(&store.engine)
    .await?;
    Ok(rows)
}

async fn versions_of(store: &Store, tenants: &[&str]) -> Result<BTreeMap<String, i64>, StoreError> {
    let rows = sqlx::query!(
        "SELECT tenant_id, version FROM directory_versions WHERE tenant_id = ANY ($1::text[])",
        tenants as &[&str]
    )
    .fetch_all(&store.engine)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.version)).collect())
}

fn empty_part(tenant: &TenantId, versions: &BTreeMap<String, i64>) -> TenantDirectory {
    TenantDirectory {
        tenant: tenant.clone(),
        version: versions.get(tenant.as_str()).copied().unwrap_or_default(),
        configurations: Vec::new(),
        defective: Vec::new(),
        domains: Vec::new(),
        event_types: Catalogue::default(),
        domain_policy: DomainPolicy::default(),
        allowed_networks: Vec::new(),
        deleted: false,
    }
}

fn defective(id: ConfigurationId, reason: &StoreError) -> DefectiveConfiguration {
    tracing::error!(configuration_id = %id, %reason, "configuration {id} cannot be read; its deliveries are held");
    DefectiveConfiguration { id, reason: reason.to_string() }
}

async fn target_rows(store: &Store, tenants: &[&str]) -> Result<Vec<TargetRow>, StoreError> {
    let rows = sqlx::query_as!(
        TargetRow,
        r#"
        SELECT c.id, c.tenant_id, c.name, c.url, c.http_method, c.status, c.active, c.subscribed_event_types,
               c.custom_headers, c.secret,
               CASE WHEN c.previous_secret_expires_at > now() THEN c.previous_secret END AS previous_secret,
               c.previous_secret_expires_at,
               CASE WHEN c.older_secret_expires_at > now() THEN c.older_secret END AS older_secret,
               c.older_secret_expires_at, c.signature_enabled, c.signature_header, c.max_retries, c.retry_delay_ms,
               c.retry_backoff_multiplier, c.timeout_ms, c.filter_expression, c.failure_threshold, c.wire_profile,
               c.retry_policy, c.circuit_breaker, c.max_in_flight, c.max_per_second, c.allowed_domains,
               c.paused_deliveries, c.signature_schemes, c.body_format, c.envelope, c.phase, c.on_error, c.dry_run, c.signing_key,
               c.endpoint_auth, c.endpoint_tls,
               CASE WHEN c.previous_secret_expires_at > now() THEN c.previous_signing_key END AS previous_signing_key,
               CASE WHEN c.older_secret_expires_at > now() THEN c.older_signing_key END AS older_signing_key,
               s.failure_count AS "failure_count?", s.probe_at AS "probe_at?",
               s.failed_probes AS "failed_probes?", s.hold_until AS "hold_until?"
        FROM callback_configurations c
        LEFT JOIN configuration_state s ON s.configuration_id = c.id
        WHERE c.tenant_id = ANY ($1::text[])
        ORDER BY c.tenant_id, c.id
        "#,
        tenants as &[&str]
    )
    .fetch_all(&store.engine)
    .await?;
    Ok(rows)
}

struct DomainRow {
    id: Uuid,
    tenant_id: String,
    domain: String,
    verified: bool,
    active: bool,
    allowed_paths: Option<Vec<String>>,
    max_callbacks_per_minute: i32,
    ip_whitelist: Option<Vec<String>>,
    require_https: bool,
    expires_at: Option<OffsetDateTime>,
    granted_per_minute: Option<i32>,
}

async fn domain_rows(store: &Store, tenants: &[&str]) -> Result<Vec<DomainRow>, StoreError> {
    let rows = sqlx::query_as!(
        DomainRow,
        r#"
        SELECT id, tenant_id, domain, verified, active, allowed_paths, max_callbacks_per_minute, ip_whitelist,
               require_https, expires_at, granted_per_minute
        FROM authorized_domains
        WHERE tenant_id = ANY ($1::text[])
        ORDER BY tenant_id, domain
        "#,
        tenants as &[&str]
    )
    .fetch_all(&store.engine)
    .await?;
    Ok(rows)
}

impl DomainEntry {
    /// A domain that cannot be read authorizes nothing, so leaving it out is the safe side.
    fn read(row: DomainRow) -> Option<Self> {
        let pattern = DomainPattern::try_from(row.domain.as_str())
            .inspect_err(|error| {
                tracing::error!(domain_id = %row.id, %error, "authorized domain {} cannot be read", row.id);
            })
            .ok()?;
        Some(Self {
            id: row.id.into(),
            pattern,
            verified: row.verified,
            active: row.active,
            allowed_paths: row.allowed_paths.unwrap_or_default(),
            max_callbacks_per_minute: row.max_callbacks_per_minute,
            ip_whitelist: row.ip_whitelist.unwrap_or_default(),
            require_https: row.require_https,
            expires_at: row.expires_at,
            granted_per_minute: row.granted_per_minute,
        })
    }
}
