//! Authorized domains: what the API writes and sees.

use callbacks_interfaces::authorized_domain::AuthorizedDomain;
use callbacks_interfaces::authorized_domain_draft::AuthorizedDomainDraft;
use callbacks_interfaces::filter::FilterRequest;
use callbacks_interfaces::ids::DomainId;
use callbacks_interfaces::page::Page;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;

use crate::callback_configurations::owner;
use crate::change::Told;
use crate::domain_row::{DOMAIN_LIST, DomainRow};
use crate::error::{FilterError, StoreError};
use crate::filter_sql::{in_order, page_of_keys};
use crate::store::Store;

/// The constraint that lets a tenant name a domain once.
pub const UNIQUE_DOMAIN: &str = "authorized_domains_tenant_domain";

/// Creates a domain: of the scope's tenant, or for an operator of the one the draft names (else `default`).
/// It is verified when `draft.verified_requested` says so: the caller has decided whether it may. `token` is what is to be
/// published as proof, where the draft names none.
///
/// # Errors
/// `Conflict` over [`UNIQUE_DOMAIN`] when the tenant has it already, otherwise the database's failure.
pub async fn create(
    store: &Store,
    scope: &TenantScope,
    draft: &AuthorizedDomainDraft,
    token: &str,
) -> Result<AuthorizedDomain, StoreError> {
    let tenant = owner(scope, draft.tenant_id.as_ref());
    let id = DomainId::now_v7();
    let mut change = store.change(scope).await?;
    sqlx::query!(
        r#"
        INSERT INTO authorized_domains (
            id, tenant_id, domain, organization, contact_email, verified, verification_method, verification_token,
            verified_at, active, allowed_paths, max_callbacks_per_minute, ip_whitelist, require_https, notes, metadata,
            expires_at, authorized_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $6 THEN now() END, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        "#,
        id.uuid(),
        tenant.as_str(),
        draft.domain.as_str(),
        draft.organization,
        draft.contact_email,
        draft.verified_requested.unwrap_or_default(),
        draft.verification_method,
        draft.verification_token.as_deref().unwrap_or(token),
        draft.active,
        draft.allowed_paths.as_deref(),
        draft.max_callbacks_per_minute,
        draft.ip_whitelist.as_deref(),
        draft.require_https,
        draft.notes,
        draft.metadata.clone().map(Value::Object),
        draft.expires_at,
        draft.authorized_by,
    )
    .execute(&mut *change)
    .await?;
    let created = read(&mut change, scope, id).await?.ok_or_else(lost)?;
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
    id: DomainId,
) -> Result<Option<AuthorizedDomain>, StoreError> {
    read(&mut *store.read(scope).await?, scope, id).await
}

async fn read(
    connection: &mut PgConnection,
    scope: &TenantScope,
    id: DomainId,
) -> Result<Option<AuthorizedDomain>, StoreError> {
    let rows = DomainRow::by_ids(connection, scope, &[id.uuid()]).await?;
    rows.into_iter().next().map(DomainRow::view).transpose()
}

/// One page of those that match.
///
/// # Errors
/// `Invalid` for unknown fields and values of the wrong kind, otherwise the database's failure.
pub async fn filter(
    store: &Store,
    scope: &TenantScope,
    request: &FilterRequest,
) -> Result<Page<AuthorizedDomain>, FilterError> {
    let mut connection = store.read(scope).await?;
    let keys = page_of_keys(&mut connection, &DOMAIN_LIST, scope, request).await?;
    let ids: Vec<Uuid> = keys.page.iter().map(|(id, _)| *id).collect();
    let rows = DomainRow::by_ids(&mut connection, scope, &ids).await?;
    let views = in_order(&keys.page, rows, |row| (row.id, row.id))
        .into_iter()
        .map(DomainRow::view)
        .collect::<Result<_, _>>()?;
    Ok(Page::new(views, request.page, request.size, keys.total))
}

/// Writes everything the draft says, except the tenant; `None` when there is no such domain in scope.
/// `verified_requested` is followed when it says something; a change of the name resets the proof unless it does, and what
/// was granted. `token` is the new one's proof, where the draft names none.
///
/// # Errors
/// `Conflict` over [`UNIQUE_DOMAIN`] when the tenant has that name already, otherwise the database's failure.
pub async fn replace(
    store: &Store,
    scope: &TenantScope,
    id: DomainId,
    draft: &AuthorizedDomainDraft,
    token: &str,
) -> Result<Option<AuthorizedDomain>, StoreError> {
    let mut change = store.change(scope).await?;
    let Some(before) = locked(&mut change, scope, id).await? else {
        return Ok(None);
    };
    sqlx::query!(
        r#"
        WITH old AS (
            SELECT id, coalesce($6, verified AND domain = $3) AS verified
            FROM authorized_domains WHERE id = $1 AND ($2::text IS NULL OR tenant_id = $2) FOR UPDATE
        )
        UPDATE authorized_domains d SET
            domain = $3, organization = $4, contact_email = $5,
            verified = old.verified,
            verification_method = CASE WHEN d.domain = $3 THEN coalesce($7, d.verification_method) ELSE $7 END,
            verification_token = CASE WHEN d.domain = $3 THEN coalesce($8, d.verification_token, $18) ELSE coalesce($8, $18) END,
            granted_per_minute = CASE WHEN d.domain = $3 THEN d.granted_per_minute END,
            verified_at = CASE WHEN NOT old.verified THEN NULL
                               WHEN d.verified AND d.domain = $3 THEN d.verified_at ELSE now() END,
            active = $9, allowed_paths = $10, max_callbacks_per_minute = $11, ip_whitelist = $12, require_https = $13,
            notes = $14, metadata = $15, expires_at = $16, authorized_by = coalesce($17, d.authorized_by),
            updated_at = now()
        FROM old WHERE d.id = old.id
        "#,
        id.uuid(),
        scope.sql(),
        draft.domain.as_str(),
        draft.organization,
        draft.contact_email,
        draft.verified_requested,
        draft.verification_method,
        draft.verification_token,
        draft.active,
        draft.allowed_paths.as_deref(),
        draft.max_callbacks_per_minute,
        draft.ip_whitelist.as_deref(),
        draft.require_https,
        draft.notes,
        draft.metadata.clone().map(Value::Object),
        draft.expires_at,
        draft.authorized_by,
        token,
    )
    .execute(&mut *change)
    .await?;
    let replaced = read(&mut change, scope, id).await?.ok_or_else(lost)?;
    change.commit([Told::changed(before.tenant_id.as_str(), &before, &replaced)?]).await?;
    Ok(Some(replaced))
}

/// Every domain of this name in scope.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn named(
    store: &Store,
    scope: &TenantScope,
    domain: &str,
) -> Result<Vec<AuthorizedDomain>, StoreError> {
    let mut connection = store.read(scope).await?;
    let ids = sqlx::query_scalar!(
        "SELECT id FROM authorized_domains WHERE domain = $1 AND ($2::text IS NULL OR tenant_id = $2)",
        domain,
        scope.sql(),
    )
    .fetch_all(&mut *connection)
    .await?;
    views(&mut connection, scope, &ids).await
}

async fn views(
    connection: &mut PgConnection,
    scope: &TenantScope,
    ids: &[Uuid],
) -> Result<Vec<AuthorizedDomain>, StoreError> {
    let rows = DomainRow::by_ids(connection, scope, ids).await?;
    rows.into_iter().map(DomainRow::view).collect()
}

/// Gives a domain that has no token one.
///
/// # Errors
/// When the database fails.
pub async fn give_token(
    store: &Store,
    tenant: &TenantId,
    id: DomainId,
    token: &str,
) -> Result<(), StoreError> {
    let mut transaction = store.begin_for(tenant).await?;
    sqlx::query!(
        r#"
        UPDATE authorized_domains SET verification_token = $3
        WHERE id = $1 AND tenant_id = $2 AND verification_token IS NULL
        "#,
        id.uuid(),
        tenant.as_str(),
        token,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

/// How control over a domain was proven.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The name and the token that were proven: those the domain must still have.
    pub domain: &'a str,
    /// See there.
    pub token: &'a str,
    /// The method.
    pub method: &'a str,
    /// `Some` when this proof says what is granted: callbacks a minute, or any number.
    pub granted: Option<Option<i32>>,
}

/// Writes down that a domain is proven; `false` when it was changed or deleted in the meantime.
///
/// # Errors
/// When the database fails.
pub async fn set_proven(
    store: &Store,
    tenant: &TenantId,
    id: DomainId,
    proof: Proof<'_>,
) -> Result<bool, StoreError> {
    let scope = TenantScope::One(tenant.clone());
    let mut change = store.change(&scope).await?;
    let Some(before) = locked(&mut change, &scope, id).await? else {
        return Ok(false);
    };
    let done = sqlx::query!(
        r#"
        UPDATE authorized_domains
        SET verified = true, verification_method = $4, verified_at = now(), updated_at = now(),
            granted_per_minute = CASE WHEN $5 THEN $6 ELSE granted_per_minute END
        WHERE id = $1 AND domain = $2 AND verification_token = $3 AND tenant_id = $7
        "#,
        id.uuid(),
        proof.domain,
        proof.token,
        proof.method,
        proof.granted.is_some(),
        proof.granted.flatten(),
        tenant.as_str(),
    )
    .execute(&mut *change)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let after = read(&mut change, &scope, id).await?.ok_or_else(lost)?;
    change.commit([Told::changed(tenant.as_str(), &before, &after)?]).await?;
    Ok(true)
}

/// Marks every domain of this name in scope as verified by `method`; `false` when there is none.
///
/// # Errors
/// When the database fails.
pub async fn verify(
    store: &Store,
    scope: &TenantScope,
    domain: &str,
    method: &str,
) -> Result<bool, StoreError> {
    let mut change = store.change(scope).await?;
    let ids = sqlx::query_scalar!(
        r#"
        SELECT id FROM authorized_domains WHERE domain = $1 AND ($2::text IS NULL OR tenant_id = $2)
        ORDER BY id FOR NO KEY UPDATE
        "#,
        domain,
        scope.sql(),
    )
    .fetch_all(&mut *change)
    .await?;
    let before = views(&mut change, scope, &ids).await?;
    sqlx::query!(
        r#"
        UPDATE authorized_domains SET verified = true, verification_method = $3, verified_at = now(), updated_at = now()
        WHERE id = ANY ($1::uuid[]) AND ($2::text IS NULL OR tenant_id = $2)
        "#,
        &ids,
        scope.sql(),
        method,
    )
    .execute(&mut *change)
    .await?;
    let mut told = Vec::new();
    for after in views(&mut change, scope, &ids).await? {
        let before = before.iter().find(|one| one.id == after.id).ok_or_else(lost)?;
        told.push(Told::changed(after.tenant_id.as_str(), before, &after)?);
    }
    change.commit(told).await?;
    Ok(!ids.is_empty())
}

/// Deletes a domain; `false` when there is none in scope.
///
/// # Errors
/// When the database fails.
pub async fn delete(store: &Store, scope: &TenantScope, id: DomainId) -> Result<bool, StoreError> {
    let mut change = store.change(scope).await?;
    let Some(old) = locked(&mut change, scope, id).await? else {
        return Ok(false);
    };
    sqlx::query!(
        r#"
        WITH deleted AS (
            DELETE FROM authorized_domains WHERE id = $1 AND tenant_id = $2 RETURNING id
        )
        DELETE FROM domain_totals t USING deleted d WHERE t.domain_id = d.id
        "#,
        id.uuid(),
        old.tenant_id.as_str(),
    )
    .execute(&mut *change)
    .await?;
    change.commit([Told::deleted(old.tenant_id.as_str(), &old)?]).await?;
    Ok(true)
}

/// What is there before it is changed; nobody else changes it until this transaction ends.
async fn locked(
    connection: &mut PgConnection,
    scope: &TenantScope,
    id: DomainId,
) -> Result<Option<AuthorizedDomain>, StoreError> {
    sqlx::query!(
        r#"
        SELECT id FROM authorized_domains WHERE id = $1 AND ($2::text IS NULL OR tenant_id = $2) FOR NO KEY UPDATE
        "#,
        id.uuid(),
        scope.sql(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    read(connection, scope, id).await
}

fn lost() -> StoreError {
    StoreError::corrupt("authorized_domains", "a row is gone while its transaction writes it")
}
