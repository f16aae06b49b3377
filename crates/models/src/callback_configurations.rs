//! Callback configurations: what the API writes and sees. The view has no field a secret fits into.

use std::time::Duration;

use callbacks_interfaces::body_format::BodyFormat;
use callbacks_interfaces::callback_configuration::CallbackConfiguration;
use callbacks_interfaces::configuration_draft::ConfigurationDraft;
use callbacks_interfaces::envelope::Envelope;
use callbacks_interfaces::filter::FilterRequest;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::page::Page;
use callbacks_interfaces::patch::Patch;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use serde::Serialize;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::change::Told;
use crate::configuration_row::{CONFIGURATION_LIST, ConfigurationRow};
use crate::configuration_target::{
    AUTH_COLUMN, HEADERS_COLUMN, SECRET_COLUMN, SIGNING_KEY_COLUMN, TLS_COLUMN,
};
use crate::error::{FilterError, StoreError};
use crate::event_ref::stored_tenant;
use crate::filter_sql::{in_order, page_of_keys};
use crate::orphaned_deliveries::skip_deliveries_of_deleted;
use crate::secret_column::{SecretPlace, SecretState};
use crate::store::Store;

/// Creates a configuration: of the scope's tenant, or for an operator of the one the draft names (else `default`).
///
/// # Errors
/// When the database fails.
pub async fn create(
    store: &Store,
    scope: &TenantScope,
    draft: &ConfigurationDraft,
) -> Result<CallbackConfiguration, StoreError> {
    let tenant = owner(scope, draft.tenant_id.as_ref());
    let id = ConfigurationId::now_v7();
    let written = Written::of(store, draft, &tenant, id)?;
    let mut change = store.change(scope).await?;
    sqlx::query!(
        r#"
        WITH created AS (
            INSERT INTO callback_configurations (
                id, tenant_id, name, description, url, http_method, status, subscribed_event_types, custom_headers, secret,
                signature_enabled, signature_header, max_retries, retry_delay_ms, retry_backoff_multiplier, timeout_ms,
                active, filter_expression, metadata, failure_threshold, wire_profile, retry_policy, circuit_breaker,
                max_in_flight, max_per_second, allowed_domains, paused_deliveries, created_by, updated_by,
                signature_schemes, body_format, envelope, phase, on_error, signing_key,
                endpoint_auth, endpoint_tls, dry_run)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                    $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38)
            RETURNING id, tenant_id
        )
        INSERT INTO configuration_state (configuration_id, tenant_id) SELECT id, tenant_id FROM created
        "#,
        id.uuid(),
        tenant.as_str(),
        draft.name,
        draft.description,
        draft.url.as_str(),
        draft.http_method.as_str(),
        draft.status.as_str(),
        &written.event_types,
        written.custom_headers,
        written.secret,
        draft.signature_enabled,
        draft.signature_header,
        draft.max_retries,
        draft.retry_delay_ms,
        draft.retry_backoff_multiplier,
        draft.timeout_ms,
        draft.active,
        draft.filter_expression,
        written.metadata,
        draft.failure_threshold,
        draft.wire_profile.as_str(),
        written.retry_policy,
        written.circuit_breaker,
        draft.max_in_flight,
        draft.max_per_second,
        draft.allowed_domains.as_deref(),
        draft.paused_deliveries.as_str(),
        draft.created_by,
        draft.updated_by,
        written.signature_schemes,
        draft.body_format.map(BodyFormat::as_str),
        draft.envelope.map(Envelope::as_str),
        draft.phase.as_str(),
        draft.on_error.as_str(),
        written.signing_key,
        written.endpoint_auth,
        written.endpoint_tls,
        draft.dry_run,
    )
    .execute(&mut *change)
    .await?;
    let created = read(store, &mut change, scope, id).await?.ok_or_else(lost)?;
    change.commit([Told::created(tenant.as_str(), &created)?]).await?;
    Ok(created)
}

/// Reads one; `None` when there is none in scope.
///
/// # Errors
/// When the database fails, or the row cannot be read.
pub async fn get(
    store: &Store,
    scope: &TenantScope,
    id: ConfigurationId,
) -> Result<Option<CallbackConfiguration>, StoreError> {
    read(store, &mut *store.read(scope).await?, scope, id).await
}

/// Reads its secret, for checks that must know it. There is none either when there is no such configuration in scope.
///
/// # Errors
/// When the database fails, or the row cannot be read.
pub async fn secret(
    store: &Store,
    scope: &TenantScope,
    id: ConfigurationId,
) -> Result<SecretState, StoreError> {
    let row = sqlx::query!(
        "SELECT tenant_id, secret FROM callback_configurations WHERE id = $1 AND ($2::text IS NULL OR tenant_id = $2)",
        id.uuid(),
        scope.sql(),
    )
    .fetch_optional(&mut *store.read(scope).await?)
    .await?;
    let Some(row) = row else { return Ok(SecretState::None) };
    let tenant = stored_tenant(&row.tenant_id)?;
    Ok(store.keyring.state(place(&tenant, id), row.secret.as_deref()))
}

async fn read(
    store: &Store,
    connection: &mut PgConnection,
    scope: &TenantScope,
    id: ConfigurationId,
) -> Result<Option<CallbackConfiguration>, StoreError> {
    let rows = ConfigurationRow::by_ids(connection, scope, &[id.uuid()]).await?;
    rows.into_iter().next().map(|row| row.view(&store.keyring)).transpose()
}

/// One page of those that match.
///
/// # Errors
/// `Invalid` for unknown fields and values of the wrong kind, otherwise the database's failure.
pub async fn filter(
    store: &Store,
    scope: &TenantScope,
    request: &FilterRequest,
) -> Result<Page<CallbackConfiguration>, FilterError> {
    let mut connection = store.read(scope).await?;
    let keys = page_of_keys(&mut connection, &CONFIGURATION_LIST, scope, request).await?;
    let ids: Vec<Uuid> = keys.page.iter().map(|(id, _)| *id).collect();
    let rows = ConfigurationRow::by_ids(&mut connection, scope, &ids).await?;
    let views = in_order(&keys.page, rows, |row| (row.id, row.id))
        .into_iter()
        .map(|row| row.view(&store.keyring))
        .collect::<Result<_, _>>()?;
    Ok(Page::new(views, request.page, request.size, keys.total))
}

/// Writes everything the draft says, except the tenant; `None` when there is no such configuration in scope.
/// A change of status ends a pause the service made itself; a change to ACTIVE also starts counting anew.
///
/// # Errors
/// When the database fails.
pub async fn replace(
    store: &Store,
    scope: &TenantScope,
    id: ConfigurationId,
    draft: &ConfigurationDraft,
) -> Result<Option<CallbackConfiguration>, StoreError> {
    let mut change = store.change(scope).await?;
    let Some(old) = locked(store, &mut change, scope, id).await? else {
        return Ok(None);
    };
    let tenant = &old.tenant_id;
    let written = Written::of(store, draft, tenant, id)?;
    sqlx::query!(
        r#"
        WITH old AS (
            SELECT id, status FROM callback_configurations WHERE id = $1 AND tenant_id = $2 FOR UPDATE
        ), written AS (
            UPDATE callback_configurations c SET
                name = $3, description = $4, url = $5, http_method = $6, status = $7, subscribed_event_types = $8,
                custom_headers = $9,
                secret = CASE WHEN $10 THEN c.secret ELSE $11 END,
                previous_secret = CASE WHEN $10 THEN c.previous_secret END,
                previous_secret_expires_at = CASE WHEN $10 THEN c.previous_secret_expires_at END,
                previous_signing_key = CASE WHEN $10 THEN c.previous_signing_key END,
                older_secret = CASE WHEN $10 THEN c.older_secret END,
                older_secret_expires_at = CASE WHEN $10 THEN c.older_secret_expires_at END,
                older_signing_key = CASE WHEN $10 THEN c.older_signing_key END,
                signature_enabled = $12, signature_header = $13, max_retries = $14, retry_delay_ms = $15,
                retry_backoff_multiplier = $16, timeout_ms = $17, active = $18, filter_expression = $19, metadata = $20,
                failure_threshold = $21, wire_profile = $22, retry_policy = $23, circuit_breaker = $24,
                max_in_flight = $25, max_per_second = $26, allowed_domains = $27, paused_deliveries = $28,
                updated_by = coalesce($29, c.updated_by), updated_at = now(), signature_schemes = $30, body_format = $31,
                envelope = $32, phase = $33, on_error = $34, signing_key = coalesce(c.signing_key, $35),
                endpoint_auth = CASE WHEN $36 THEN c.endpoint_auth ELSE $37 END,
                endpoint_tls = CASE WHEN $38 THEN c.endpoint_tls ELSE $39 END,
                dry_run = $40
            FROM old WHERE c.id = old.id
            RETURNING c.id, c.status, old.status AS old_status
        )
        UPDATE configuration_state s SET
            probe_at = NULL,
            failed_probes = 0,
            failure_count = CASE WHEN w.status = 'ACTIVE' THEN 0 ELSE s.failure_count END,
            hold_until = CASE WHEN w.status = 'ACTIVE' THEN NULL ELSE s.hold_until END
        FROM written w WHERE s.configuration_id = w.id AND w.status <> w.old_status
        "#,
        id.uuid(),
        tenant.as_str(),
        draft.name,
        draft.description,
        draft.url.as_str(),
        draft.http_method.as_str(),
        draft.status.as_str(),
        &written.event_types,
        written.custom_headers,
        matches!(draft.secret, Patch::Absent),
        written.secret,
        draft.signature_enabled,
        draft.signature_header,
        draft.max_retries,
        draft.retry_delay_ms,
        draft.retry_backoff_multiplier,
        draft.timeout_ms,
        draft.active,
        draft.filter_expression,
        written.metadata,
        draft.failure_threshold,
        draft.wire_profile.as_str(),
        written.retry_policy,
        written.circuit_breaker,
        draft.max_in_flight,
        draft.max_per_second,
        draft.allowed_domains.as_deref(),
        draft.paused_deliveries.as_str(),
        draft.updated_by,
        written.signature_schemes,
        draft.body_format.map(BodyFormat::as_str),
        draft.envelope.map(Envelope::as_str),
        draft.phase.as_str(),
        draft.on_error.as_str(),
        written.signing_key,
        matches!(draft.endpoint_auth, Patch::Absent),
        written.endpoint_auth,
        matches!(draft.tls, Patch::Absent),
        written.endpoint_tls,
        draft.dry_run,
    )
    .execute(&mut *change)
    .await?;
    let replaced = read(store, &mut change, scope, id).await?.ok_or_else(lost)?;
    change.commit([Told::changed(tenant.as_str(), &old, &replaced)?]).await?;
    Ok(Some(replaced))
}

/// Deletes a configuration; `false` when there is none in scope. Its executions stay. Its queued deliveries get a last
/// execution that says why they ended; those being tried right now end when their attempt does.
///
/// # Errors
/// When the database fails.
pub async fn delete(store: &Store, scope: &TenantScope, id: ConfigurationId) -> Result<bool, StoreError> {
    let mut change = store.change(scope).await?;
    let Some(old) = locked(store, &mut change, scope, id).await? else {
        return Ok(false);
    };
    sqlx::query!(
        r#"
        WITH deleted AS (
            DELETE FROM callback_configurations WHERE id = $1 AND tenant_id = $2 RETURNING id
        )
        DELETE FROM configuration_state s USING deleted d WHERE s.configuration_id = d.id
        "#,
        id.uuid(),
        old.tenant_id.as_str(),
    )
    .execute(&mut *change)
    .await?;
    change.commit([Told::deleted(old.tenant_id.as_str(), &old)?]).await?;
    // A long queue may outlast this call's patience; the hourly sweep ends whatever is left.
    if let Err(error) = skip_deliveries_of_deleted(store, id).await {
        tracing::warn!(configuration_id = %id, %error, "not all deliveries of deleted configuration {id} ended yet");
    }
    Ok(true)
}

/// Stores a new secret; the current one keeps signing beside it for `grace`, and so does the one before
/// it until its own time; one before that is dropped. An Ed25519 key of the configuration's own is
/// replaced by `signing_key` in the same way; one that has none gets none. The outer `None` says that there is no such
/// configuration in scope, the inner that there was no secret before; otherwise when the previous one stops signing.
///
/// # Errors
/// When the database fails.
pub async fn rotate_secret(
    store: &Store,
    scope: &TenantScope,
    id: ConfigurationId,
    secret: &SecretText,
    signing_key: &SecretText,
    grace: Duration,
) -> Result<Option<Option<OffsetDateTime>>, StoreError> {
    let mut change = store.change(scope).await?;
    let Some(old) = locked(store, &mut change, scope, id).await? else {
        return Ok(None);
    };
    let tenant = &old.tenant_id;
    let sealed = store.keyring.seal(place(tenant, id), secret.expose())?;
    let sealed_key =
        store.keyring.seal(place(tenant, id).column(SIGNING_KEY_COLUMN), signing_key.expose())?;
    let previous_expires_at = sqlx::query_scalar!(
        r#"
        UPDATE callback_configurations SET
            secret = $3, previous_secret = secret, updated_at = now(),
            older_secret = CASE WHEN previous_secret_expires_at > now() THEN previous_secret END,
            older_secret_expires_at = CASE WHEN previous_secret_expires_at > now() THEN previous_secret_expires_at END,
            older_signing_key = CASE WHEN previous_secret_expires_at > now() THEN previous_signing_key END,
            signing_key = CASE WHEN signing_key IS NOT NULL THEN $5::text END, previous_signing_key = signing_key,
            previous_secret_expires_at =
                CASE WHEN secret IS NOT NULL OR signing_key IS NOT NULL
                     THEN now() + $4::bigint * interval '1 millisecond' END
        WHERE id = $1 AND tenant_id = $2
        RETURNING previous_secret_expires_at
        "#,
        id.uuid(),
        tenant.as_str(),
        sealed,
        i64::try_from(grace.as_millis()).unwrap_or(i64::MAX / 4),
        sealed_key,
    )
    .fetch_one(&mut *change)
    .await?;
    let rotated = read(store, &mut change, scope, id).await?.ok_or_else(lost)?;
    change.commit([Told::changed(tenant.as_str(), &old, &rotated)?]).await?;
    Ok(Some(previous_expires_at))
}

/// What is there before it is changed; nobody else changes it until this transaction ends.
async fn locked(
    store: &Store,
    connection: &mut PgConnection,
    scope: &TenantScope,
    id: ConfigurationId,
) -> Result<Option<CallbackConfiguration>, StoreError> {
    sqlx::query!(
        r#"
        SELECT id FROM callback_configurations WHERE id = $1 AND ($2::text IS NULL OR tenant_id = $2)
        FOR NO KEY UPDATE
        "#,
        id.uuid(),
        scope.sql(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    read(store, connection, scope, id).await
}

fn lost() -> StoreError {
    StoreError::corrupt("callback_configurations", "a row is gone while its transaction writes it")
}

/// The tenant a new row belongs to.
pub(crate) fn owner(scope: &TenantScope, named: Option<&TenantId>) -> TenantId {
    match scope {
        TenantScope::One(tenant) => tenant.clone(),
        TenantScope::All => named.cloned().unwrap_or_else(TenantId::default_tenant),
    }
}

fn place(tenant: &TenantId, id: ConfigurationId) -> SecretPlace<'_> {
    SecretPlace { tenant, row: id.uuid(), column: SECRET_COLUMN }
}

/// What of a draft is stored in another form.
struct Written {
    event_types: Vec<String>,
    custom_headers: Option<String>,
    secret: Option<String>,
    metadata: Option<Value>,
    retry_policy: Option<Value>,
    circuit_breaker: Option<Value>,
    signature_schemes: Option<Value>,
    signing_key: Option<String>,
    endpoint_auth: Option<String>,
    endpoint_tls: Option<String>,
}

impl Written {
    fn of(
        store: &Store,
        draft: &ConfigurationDraft,
        tenant: &TenantId,
        id: ConfigurationId,
    ) -> Result<Self, StoreError> {
        let place = place(tenant, id);
        let secret = match &draft.secret {
            Patch::Value(secret) => Some(store.keyring.seal(place, secret.expose())?),
            Patch::Absent | Patch::Null => None,
        };
        let key_place = place.column(SIGNING_KEY_COLUMN);
        let signing_key =
            draft.signing_key.as_ref().map(|key| store.keyring.seal(key_place, key.expose())).transpose()?;
        let seal = |column, text: &str| store.keyring.seal(place.column(column), text);
        let endpoint_auth = match &draft.endpoint_auth {
            Patch::Value(auth) => Some(seal(AUTH_COLUMN, &auth.stored())?),
            Patch::Absent | Patch::Null => None,
        };
        let endpoint_tls = match &draft.tls {
            Patch::Value(tls) => Some(seal(TLS_COLUMN, &tls.stored())?),
            Patch::Absent | Patch::Null => None,
        };
        let headers = store.keyring.seal_map(place.column(HEADERS_COLUMN), draft.custom_headers.as_ref())?;
        Ok(Self {
            event_types: draft.subscribed_event_types.iter().map(ToString::to_string).collect(),
            custom_headers: headers,
            secret,
            metadata: draft.metadata.clone().map(Value::Object),
            retry_policy: to_json("retry_policy", draft.retry_policy.as_ref())?,
            circuit_breaker: to_json("circuit_breaker", draft.circuit_breaker.as_ref())?,
            signature_schemes: to_json("signature_schemes", draft.signature_schemes.as_ref())?,
            signing_key,
            endpoint_auth,
            endpoint_tls,
        })
    }
}

fn to_json<T: Serialize>(column: &str, value: Option<&T>) -> Result<Option<Value>, StoreError> {
    value.map(serde_json::to_value).transpose().map_err(|error| StoreError::corrupt(column, error))
}
