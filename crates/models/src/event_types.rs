//! The catalogue of event types: what the API writes and sees, and what the intake checks against.

use callbacks_interfaces::event_type_draft::EventTypeDraft;
use callbacks_interfaces::event_type_entry::{EventTypeEnforcement, EventTypeEntry};
use callbacks_interfaces::filter::FilterRequest;
use callbacks_interfaces::ids::EventTypeId;
use callbacks_interfaces::page::Page;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;

use crate::callback_configurations::owner;
use crate::change::Told;
use crate::configuration_target::named;
use crate::error::{FilterError, StoreError};
use crate::event_type_row::{EVENT_TYPE_LIST, EventTypeRow};
use crate::filter_sql::{in_order, page_of_keys};
use crate::store::Store;

/// The constraint that lets a tenant name an event type once.
pub const UNIQUE_NAME: &str = "event_types_tenant_name";
/// Most event types of a tenant.
pub const MAX_TYPES: i64 = 1000;
/// Most bytes of all schemas of a tenant: each replica holds them compiled in memory.
pub const MAX_SCHEMA_BYTES: i64 = 4 << 20;

/// What became of a write.
#[derive(Debug)]
pub enum Written {
    /// Done.
    Entry(Box<EventTypeEntry>),
    /// There is no such event type in scope.
    Missing,
    /// The tenant's catalogue would become too large.
    Full,
}

/// Creates an event type: of the scope's tenant, or for an operator of the one the draft names (else `default`).
///
/// # Errors
/// `Conflict` over [`UNIQUE_NAME`] when the tenant has it already, otherwise the database's failure.
pub async fn create(
    store: &Store,
    scope: &TenantScope,
    draft: &EventTypeDraft,
) -> Result<Written, StoreError> {
    let tenant = owner(scope, draft.tenant_id.as_ref());
    let id = EventTypeId::now_v7();
    let (schema, example) = texts(draft);
    let mut change = store.change(scope).await?;
    let done = sqlx::query!(
        r#"
        INSERT INTO event_types (id, tenant_id, name, description, schema, example)
        SELECT $1, $2, $3, $4, $5, $6
        FROM (SELECT count(*) AS types, coalesce(sum(octet_length(schema)), 0) AS bytes
              FROM event_types WHERE tenant_id = $2) AS catalogue
        WHERE types < $7 AND bytes + coalesce(octet_length($5), 0) <= $8
        "#,
        id.uuid(),
        tenant.as_str(),
        draft.name.as_str(),
        draft.description,
        schema,
        example,
        MAX_TYPES,
        MAX_SCHEMA_BYTES,
    )
    .execute(&mut *change)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(Written::Full);
    }
    let created = read(&mut change, scope, id).await?.ok_or_else(lost)?;
    change.commit([Told::created(tenant.as_str(), &created)?]).await?;
    Ok(Written::Entry(Box::new(created)))
}

/// Those of this name (or this id, if it is one): at most two, to tell one tenant's from several.
///
/// # Errors
/// When the database fails, or a row cannot be read.
pub async fn named_so(
    store: &Store,
    scope: &TenantScope,
    name: &str,
) -> Result<Vec<EventTypeEntry>, StoreError> {
    let id = Uuid::try_parse(name).ok();
    let mut connection = store.read(scope).await?;
    let ids = sqlx::query_scalar!(
        r#"
        SELECT id FROM event_types
        WHERE (name = $1 OR id = $2) AND ($3::text IS NULL OR tenant_id = $3) ORDER BY id LIMIT 2
        "#,
        name,
        id,
        scope.sql(),
    )
    .fetch_all(&mut *connection)
    .await?;
    let rows = EventTypeRow::by_ids(&mut connection, scope, &ids).await?;
    rows.into_iter().map(EventTypeRow::view).collect()
}

/// One page of those that match.
///
/// # Errors
/// `Invalid` for unknown fields and values of the wrong kind, otherwise the database's failure.
pub async fn filter(
    store: &Store,
    scope: &TenantScope,
    request: &FilterRequest,
) -> Result<Page<EventTypeEntry>, FilterError> {
    let mut connection = store.read(scope).await?;
    let keys = page_of_keys(&mut connection, &EVENT_TYPE_LIST, scope, request).await?;
    let ids: Vec<Uuid> = keys.page.iter().map(|(id, _)| *id).collect();
    let rows = EventTypeRow::by_ids(&mut connection, scope, &ids).await?;
    let views = in_order(&keys.page, rows, |row| (row.id, row.id))
        .into_iter()
        .map(EventTypeRow::view)
        .collect::<Result<_, _>>()?;
    Ok(Page::new(views, request.page, request.size, keys.total))
}

/// Writes everything the draft says, except the tenant.
///
/// # Errors
/// `Conflict` over [`UNIQUE_NAME`] when the tenant has that name already, otherwise the database's failure.
pub async fn replace(
    store: &Store,
    scope: &TenantScope,
    id: EventTypeId,
    draft: &EventTypeDraft,
) -> Result<Written, StoreError> {
    let (schema, example) = texts(draft);
    let mut change = store.change(scope).await?;
    let Some(old) = locked(&mut change, scope, id).await? else {
        return Ok(Written::Missing);
    };
    let done = sqlx::query!(
        r#"
        UPDATE event_types t SET name = $3, description = $4, schema = $5, example = $6, updated_at = now()
        WHERE t.id = $1 AND ($2::text IS NULL OR t.tenant_id = $2)
          AND coalesce(octet_length($5), 0) + coalesce((SELECT sum(octet_length(o.schema)) FROM event_types o
                                                        WHERE o.tenant_id = t.tenant_id AND o.id <> t.id), 0) <= $7
        "#,
        id.uuid(),
        scope.sql(),
        draft.name.as_str(),
        draft.description,
        schema,
        example,
        MAX_SCHEMA_BYTES,
    )
    .execute(&mut *change)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(Written::Full);
    }
    let replaced = read(&mut change, scope, id).await?.ok_or_else(lost)?;
    change.commit([Told::changed(old.tenant_id.as_str(), &old, &replaced)?]).await?;
    Ok(Written::Entry(Box::new(replaced)))
}

/// What is there before it is changed; nobody else changes it until this transaction ends.
async fn locked(
    connection: &mut PgConnection,
    scope: &TenantScope,
    id: EventTypeId,
) -> Result<Option<EventTypeEntry>, StoreError> {
    sqlx::query!(
        "SELECT id FROM event_types WHERE id = $1 AND ($2::text IS NULL OR tenant_id = $2) FOR NO KEY UPDATE",
        id.uuid(),
        scope.sql(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    read(connection, scope, id).await
}

async fn read(
    connection: &mut PgConnection,
    scope: &TenantScope,
    id: EventTypeId,
) -> Result<Option<EventTypeEntry>, StoreError> {
    let row = EventTypeRow::by_ids(connection, scope, &[id.uuid()]).await?.into_iter().next();
    row.map(EventTypeRow::view).transpose()
}

fn lost() -> StoreError {
    StoreError::corrupt("event_types", "a row is gone while its transaction writes it")
}

fn texts(draft: &EventTypeDraft) -> (Option<String>, Option<String>) {
    (draft.schema.as_ref().map(ToString::to_string), draft.example.as_ref().map(ToString::to_string))
}

/// Deletes an event type; `false` when there is none in scope.
///
/// # Errors
/// When the database fails.
pub async fn delete(store: &Store, scope: &TenantScope, id: EventTypeId) -> Result<bool, StoreError> {
    let mut change = store.change(scope).await?;
    let Some(old) = locked(&mut change, scope, id).await? else {
        return Ok(false);
    };
    let tenant = old.tenant_id.as_str();
    sqlx::query!("DELETE FROM event_types WHERE id = $1 AND tenant_id = $2", id.uuid(), tenant)
        .execute(&mut *change)
        .await?;
    change.commit([Told::deleted(tenant, &old)?]).await?;
    Ok(true)
}

/// What a tenant wants enforced; `None` when the service's setting applies.
///
/// # Errors
/// When the database fails.
pub async fn enforcement(
    store: &Store,
    tenant: &TenantId,
) -> Result<Option<EventTypeEnforcement>, StoreError> {
    chosen(&mut *store.read(&TenantScope::One(tenant.clone())).await?, tenant).await
}

async fn chosen(
    connection: &mut PgConnection,
    tenant: &TenantId,
) -> Result<Option<EventTypeEnforcement>, StoreError> {
    let text = sqlx::query_scalar!(
        "SELECT enforcement FROM event_type_enforcement WHERE tenant_id = $1",
        tenant.as_str()
    )
    .fetch_optional(connection)
    .await?;
    text.map(|text| named("enforcement", &text)).transpose()
}

/// Writes what a tenant wants enforced; `None` hands the choice back to the service.
///
/// # Errors
/// When the database fails.
pub async fn set_enforcement(
    store: &Store,
    tenant: &TenantId,
    enforcement: Option<EventTypeEnforcement>,
) -> Result<(), StoreError> {
    let mut change = store.change_for(tenant).await?;
    let before = chosen(&mut change, tenant).await?;
    match enforcement {
        Some(wanted) => {
            sqlx::query!(
                r#"
                INSERT INTO event_type_enforcement (tenant_id, enforcement) VALUES ($1, $2)
                ON CONFLICT (tenant_id) DO UPDATE SET enforcement = $2, updated_at = now()
                "#,
                tenant.as_str(),
                wanted.as_str(),
            )
            .execute(&mut *change)
            .await?
        }
        None => {
            sqlx::query!("DELETE FROM event_type_enforcement WHERE tenant_id = $1", tenant.as_str())
                .execute(&mut *change)
                .await?
        }
    };
    let view = |enforcement| json!({ "tenantId": tenant, "enforcement": enforcement });
    change.commit([Told::changed(tenant.as_str(), &view(before), &view(enforcement))?]).await
}

/// The catalogue of one tenant as the intake needs it.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// The tenant's own choice.
    pub enforcement: Option<EventTypeEnforcement>,
    /// Names, each with the text of its schema.
    pub types: Vec<(String, Option<String>)>,
}

/// The catalogues of the named tenants, those that have one.
pub(crate) async fn catalogues(
    store: &Store,
    tenants: &[&str],
) -> Result<Vec<(String, Catalogue)>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT tenant_id AS "tenant_id!", enforcement, name, schema FROM (
            SELECT tenant_id, enforcement, NULL AS name, NULL AS schema FROM event_type_enforcement
            WHERE tenant_id = ANY ($1::text[])
            UNION ALL
            SELECT tenant_id, NULL, name, schema FROM event_types WHERE tenant_id = ANY ($1::text[])
        ) AS found ORDER BY tenant_id
        "#,
        tenants as &[&str],
    )
    .fetch_all(&store.engine)
    .await?;
    let mut found: Vec<(String, Catalogue)> = Vec::new();
    for row in rows {
        if found.last().is_none_or(|(tenant, _)| *tenant != row.tenant_id) {
            found.push((row.tenant_id, Catalogue::default()));
        }
        let Some((_, catalogue)) = found.last_mut() else { continue };
        if let Some(text) = row.enforcement {
            catalogue.enforcement = Some(named("enforcement", &text)?);
        }
        if let Some(name) = row.name {
            catalogue.types.push((name, row.schema));
        }
    }
    Ok(found)
}
