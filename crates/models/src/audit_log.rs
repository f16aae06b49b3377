//! The audit log: appended to with each change (`change`), read, never changed.

use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::tenant::TenantScope;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::change::{Telling, Told};
use crate::error::StoreError;
use crate::store::Store;

/// One change, as it is told and hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// The entry's id, ordered by time.
    pub id: Uuid,
    /// When it happened, to the microsecond.
    pub at: OffsetDateTime,
    /// Whose chain it belongs to; empty for the service itself.
    pub tenant_id: String,
    /// Who did it.
    pub actor: String,
    /// In which role.
    pub role: String,
    /// What was done.
    pub operation: String,
    /// To what.
    pub target: String,
    /// How it was answered.
    pub status: i16,
    /// What it was before, JSON without secrets.
    pub before: Option<String>,
    /// What it was after, JSON without secrets.
    pub after: Option<String>,
}

/// A link of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLink {
    /// What happened.
    pub entry: AuditEntry,
    /// Its place in its tenant's chain, from 1.
    pub number: i64,
    /// The hash of the link before it; zeros before the first.
    pub previous_hash: Vec<u8>,
    /// The hash over all of the above.
    pub hash: Vec<u8>,
}

/// Where a chain ends, by the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// Whose chain; empty for the service itself.
    pub tenant_id: String,
    /// Number of the last link.
    pub number: i64,
    /// Its hash.
    pub hash: Vec<u8>,
}

/// Who does what. Every change that is made with a store in these hands is told with it.
#[derive(Clone, Debug)]
pub struct Act {
    /// Who does it.
    pub actor: String,
    /// In which role.
    pub role: String,
    /// What is done.
    pub operation: String,
    /// To what.
    pub target: String,
    /// How it will be answered once it is done; an HTTP status, 0 for the command line.
    pub status: i16,
}

/// Computes a link's hash from the entry, its number, and the hash before it.
pub type Seal = fn(&AuditEntry, i64, &[u8]) -> [u8; 32];

struct LinkRow {
    tenant_id: String,
    number: i64,
    id: Uuid,
    at: OffsetDateTime,
    actor: String,
    role: String,
    operation: String,
    target: String,
    status: i16,
    before: Option<String>,
    after: Option<String>,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

impl From<LinkRow> for AuditLink {
    fn from(row: LinkRow) -> Self {
        let LinkRow { tenant_id, number, id, at, actor, role, operation, target, .. } = row;
        let (status, before, after) = (row.status, row.before, row.after);
        let entry = AuditEntry { id, at, tenant_id, actor, role, operation, target, status, before, after };
        Self { entry, number, previous_hash: row.previous_hash, hash: row.hash }
    }
}

/// Appends what a change did to its tenant's chain, in the change's own transaction. Whoever changes something of the same
/// tenant waits here until that transaction ends, so their numbers follow each other without a gap.
pub(crate) async fn append(
    connection: &mut PgConnection,
    telling: &Telling,
    told: Told,
) -> Result<(), StoreError> {
    let head = sqlx::query!(
        r#"
        INSERT INTO audit_heads AS h (tenant_id) VALUES ($1)
        ON CONFLICT (tenant_id) DO UPDATE SET number = h.number
        RETURNING number, hash, clock_timestamp() AS "at!"
        "#,
        told.tenant,
    )
    .fetch_one(&mut *connection)
    .await?;
    let act = &telling.act;
    let entry = AuditEntry {
        // Made while the chain is held, so that ids and times follow its order.
        id: Uuid::now_v7(),
        at: head.at,
        tenant_id: told.tenant,
        actor: act.actor.clone(),
        role: act.role.clone(),
        operation: act.operation.clone(),
        target: act.target.clone(),
        status: act.status,
        before: told.before,
        after: told.after,
    };
    let number = head.number + 1;
    let hash = (telling.seal)(&entry, number, &head.hash);
    insert(connection, &AuditLink { entry, number, previous_hash: head.hash, hash: hash.to_vec() }).await
}

async fn insert(connection: &mut PgConnection, link: &AuditLink) -> Result<(), StoreError> {
    let AuditLink { entry, number, previous_hash, hash } = link;
    sqlx::query!(
        r#"
        WITH head AS (
            UPDATE audit_heads SET number = $2, hash = $13 WHERE tenant_id = $1
        )
        INSERT INTO audit_log (tenant_id, number, id, at, actor, role, operation, target, status, before, after,
            previous_hash, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        "#,
        entry.tenant_id,
        number,
        entry.id,
        entry.at,
        entry.actor,
        entry.role,
        entry.operation,
        entry.target,
        entry.status,
        entry.before,
        entry.after,
        previous_hash,
        hash,
    )
    .execute(connection)
    .await
    .map_err(|error| match error.into() {
        // Not the caller's fault: the end of the chain was tampered with.
        StoreError::Conflict { constraint } => StoreError::corrupt(
            "audit_heads",
            format!("entry {number} of {:?} exists ({constraint}); run callbacks verify-audit", entry.tenant_id),
        ),
        other => other,
    })?;
    Ok(())
}

/// Entries in scope, newest first, below `before`.
///
/// # Errors
/// When the database fails.
pub async fn newest(
    store: &Store,
    scope: &TenantScope,
    before: Option<Cursor>,
    limit: i64,
) -> Result<Vec<AuditLink>, StoreError> {
    let rows = sqlx::query_as!(
        LinkRow,
        r#"
        SELECT tenant_id, number, id, at, actor, role, operation, target, status, before, after, previous_hash, hash
        FROM audit_log
        WHERE ($1::text IS NULL OR tenant_id = $1) AND ($2::uuid IS NULL OR id < $2)
        ORDER BY id DESC LIMIT $3
        "#,
        scope.sql(),
        before.map(Cursor::before),
        limit,
    )
    .fetch_all(&mut *store.read(scope).await?)
    .await?;
    Ok(rows.into_iter().map(AuditLink::from).collect())
}

/// The chains there are and where each ends by the books. A chain whose books are gone has its end at 0.
///
/// # Errors
/// When the database fails.
pub async fn heads_across_tenants(store: &Store) -> Result<Vec<AuditHead>, StoreError> {
    let heads = sqlx::query_as!(
        AuditHead,
        r#"
        SELECT chain AS "tenant_id!", coalesce(h.number, 0) AS "number!", coalesce(h.hash, ''::bytea) AS "hash!"
        FROM (SELECT tenant_id AS chain FROM audit_heads UNION SELECT tenant_id FROM audit_log) AS chains
        LEFT JOIN audit_heads h ON h.tenant_id = chain
        ORDER BY chain
        "#,
    )
    .fetch_all(&store.engine)
    .await?;
    Ok(heads)
}

/// A stretch of one chain, in its order, after link `after`.
///
/// # Errors
/// When the database fails.
pub async fn stretch(
    store: &Store,
    tenant_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<AuditLink>, StoreError> {
    let rows = sqlx::query_as!(
        LinkRow,
        r#"
        SELECT tenant_id, number, id, at, actor, role, operation, target, status, before, after, previous_hash, hash
        FROM audit_log WHERE tenant_id = $1 AND number > $2 ORDER BY number LIMIT $3
        "#,
        tenant_id,
        after,
        limit,
    )
    .fetch_all(&store.engine)
    .await?;
    Ok(rows.into_iter().map(AuditLink::from).collect())
}
