//! The audit log: appended to, read, never changed.

use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::tenant::TenantScope;
use sqlx::types::Uuid;
use time::OffsetDateTime;

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

/// Appends an entry to its tenant's chain. Writers of one chain wait for each other.
///
/// # Errors
/// When the database fails; then nothing was appended.
pub async fn append(store: &Store, entry: &AuditEntry, seal: Seal) -> Result<(), StoreError> {
    let mut transaction = store.begin_for_named(&entry.tenant_id).await?;
    let head = sqlx::query!(
        r#"
        INSERT INTO audit_heads AS h (tenant_id) VALUES ($1)
        ON CONFLICT (tenant_id) DO UPDATE SET number = h.number
        RETURNING number, hash
        "#,
        entry.tenant_id,
    )
    .fetch_one(&mut *transaction)
    .await?;
    let number = head.number + 1;
    let hash = seal(entry, number, &head.hash);
    sqlx::query!(
        r#"
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
        head.hash,
        hash.as_slice(),
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "UPDATE audit_heads SET number = $2, hash = $3 WHERE tenant_id = $1",
        entry.tenant_id,
        number,
        hash.as_slice(),
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
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
