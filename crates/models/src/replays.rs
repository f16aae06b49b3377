//! Replays of many events: asked for, followed and stopped over the API, carried out page by page by whichever replica
//! comes first. A page is one transaction, so it is queued once or not at all.

use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::ids::{ConfigurationId, ReplayId};
use callbacks_interfaces::replay::{Replay, ReplayDraft, ReplayEstimate, ReplayState};
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::change::Told;
use crate::configuration_target::named;
use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::store::Store;

/// Most deliveries of one page.
const PAGE_MAX: i32 = 500;
/// Most executions looked at for one page.
const SCAN_MAX: i64 = 2000;
/// Deliveries counted for an estimate.
const ESTIMATE_MAX: i64 = 100_000;
/// Most replays of one configuration that run at a time.
pub const RUNNING_MAX: i64 = 10;

struct ReplayRow {
    id: Uuid,
    tenant_id: String,
    configuration_id: Uuid,
    state: String,
    accepted_from: OffsetDateTime,
    accepted_to: OffsetDateTime,
    event_types: Option<Vec<String>>,
    statuses: Option<Vec<String>>,
    per_second: i32,
    queued: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    finished_at: Option<OffsetDateTime>,
}

impl ReplayRow {
    fn view(self) -> Result<Replay, StoreError> {
        let statuses = self.statuses.map(|names| names.iter().map(|name| named("statuses", name)).collect());
        Ok(Replay {
            id: self.id.into(),
            configuration_id: self.configuration_id.into(),
            tenant_id: stored_tenant(&self.tenant_id)?,
            state: named::<ReplayState>("state", &self.state)?,
            from: self.accepted_from,
            to: self.accepted_to,
            types: self.event_types,
            statuses: statuses.transpose()?,
            per_second: self.per_second,
            queued: self.queued,
            created_at: self.created_at,
            updated_at: self.updated_at,
            finished_at: self.finished_at,
        })
    }
}

/// Writes a replay down; from then on it runs. `None` when [`RUNNING_MAX`] of the configuration are running. Those that
/// ended 30 days ago are forgotten by the way.
///
/// # Errors
/// When the database fails.
pub async fn create(
    store: &Store,
    tenant: &TenantId,
    configuration: ConfigurationId,
    draft: &ReplayDraft,
) -> Result<Option<Replay>, StoreError> {
    let id = ReplayId::now_v7();
    let (types, statuses) = (patterns(draft), statuses(draft));
    let mut change = store.change_for(tenant).await?;
    sqlx::query!(
        "DELETE FROM replays WHERE configuration_id = $1 AND tenant_id = $2 AND finished_at < now() - interval '30 days'",
        configuration.uuid(),
        tenant.as_str(),
    )
    .execute(&mut *change)
    .await?;
    let done = sqlx::query!(
        r#"
        INSERT INTO replays (id, tenant_id, configuration_id, accepted_from, accepted_to, event_types, statuses, per_second)
        SELECT $1, $2, $3, $4, coalesce($5, now()), $6, $7, $8
        WHERE (SELECT count(*) FROM replays WHERE configuration_id = $3 AND tenant_id = $2 AND state = 'RUNNING') < $9
        "#,
        id.uuid(),
        tenant.as_str(),
        configuration.uuid(),
        draft.from,
        draft.to,
        types.as_deref(),
        statuses.as_deref(),
        draft.per_second,
        RUNNING_MAX,
    )
    .execute(&mut *change)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(None);
    }
    let created = read(&mut change, &TenantScope::One(tenant.clone()), configuration, id).await?;
    change.commit([Told::created(tenant.as_str(), &created)?]).await?;
    Ok(created)
}

fn patterns(draft: &ReplayDraft) -> Option<Vec<String>> {
    let texts = draft.types.as_ref()?.iter().map(|pattern| pattern.as_str().to_owned());
    Some(texts.collect())
}

fn statuses(draft: &ReplayDraft) -> Option<Vec<String>> {
    let names = draft.statuses.as_ref()?.iter().map(|status: &ExecutionStatus| status.as_str().to_owned());
    Some(names.collect())
}

/// A pattern as LIKE knows it.
fn like(pattern: &str) -> String {
    let escaped = pattern.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    escaped.replace('*', "%")
}

/// Reads one of a configuration; `None` when there is none in scope.
///
/// # Errors
/// When the database fails.
pub async fn get(
    store: &Store,
    scope: &TenantScope,
    configuration: ConfigurationId,
    id: ReplayId,
) -> Result<Option<Replay>, StoreError> {
    read(&mut *store.read(scope).await?, scope, configuration, id).await
}

async fn read(
    connection: &mut PgConnection,
    scope: &TenantScope,
    configuration: ConfigurationId,
    id: ReplayId,
) -> Result<Option<Replay>, StoreError> {
    let row = sqlx::query_as!(
        ReplayRow,
        r#"
        SELECT id, tenant_id, configuration_id, state, accepted_from, accepted_to, event_types, statuses, per_second, queued,
               created_at, updated_at, finished_at
        FROM replays WHERE id = $1 AND configuration_id = $2 AND ($3::text IS NULL OR tenant_id = $3)
        "#,
        id.uuid(),
        configuration.uuid(),
        scope.sql(),
    )
    .fetch_optional(connection)
    .await?;
    row.map(ReplayRow::view).transpose()
}

/// Those of a configuration, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    store: &Store,
    scope: &TenantScope,
    configuration: ConfigurationId,
    limit: i64,
) -> Result<Vec<Replay>, StoreError> {
    let rows = sqlx::query_as!(
        ReplayRow,
        r#"
        SELECT id, tenant_id, configuration_id, state, accepted_from, accepted_to, event_types, statuses, per_second, queued,
               created_at, updated_at, finished_at
        FROM replays WHERE configuration_id = $1 AND ($2::text IS NULL OR tenant_id = $2) ORDER BY id DESC LIMIT $3
        "#,
        configuration.uuid(),
        scope.sql(),
        limit,
    )
    .fetch_all(&mut *store.read(scope).await?)
    .await?;
    rows.into_iter().map(ReplayRow::view).collect()
}

/// Stops one that runs. `false` when it does not, or is not in scope.
///
/// # Errors
/// When the database fails.
pub async fn cancel(
    store: &Store,
    scope: &TenantScope,
    configuration: ConfigurationId,
    id: ReplayId,
) -> Result<bool, StoreError> {
    let mut change = store.change(scope).await?;
    let Some(before) = read(&mut change, scope, configuration, id).await? else {
        return Ok(false);
    };
    let done = sqlx::query!(
        r#"
        UPDATE replays SET state = 'CANCELLED', updated_at = now(), finished_at = now()
        WHERE id = $1 AND configuration_id = $2 AND ($3::text IS NULL OR tenant_id = $3) AND state = 'RUNNING'
        "#,
        id.uuid(),
        configuration.uuid(),
        scope.sql(),
    )
    .execute(&mut *change)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let after = read(&mut change, scope, configuration, id).await?;
    change.commit([Told::changed(before.tenant_id.as_str(), &before, &after)?]).await?;
    Ok(true)
}

/// How many deliveries a replay would queue, as things are.
///
/// # Errors
/// When the database fails.
pub async fn estimate(
    store: &Store,
    tenant: &TenantId,
    configuration: ConfigurationId,
    draft: &ReplayDraft,
) -> Result<ReplayEstimate, StoreError> {
    let types: Option<Vec<String>> =
        patterns(draft).map(|patterns| patterns.iter().map(|pattern| like(pattern)).collect());
    let statuses = statuses(draft);
    let scope = TenantScope::One(tenant.clone());
    let found = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM (
            SELECT FROM callback_executions x
            JOIN events e ON e.id = x.event_row_id AND e.tenant_id = x.tenant_id
                         AND e.accepted_at >= $3 AND e.accepted_at < coalesce($4, now())
            WHERE x.configuration_id = $1 AND x.tenant_id = $2 AND x.started_at >= $3::timestamptz - interval '1 day'
              AND ($5::text[] IS NULL OR x.event_type LIKE ANY ($5))
              AND NOT EXISTS (SELECT FROM callback_executions y WHERE y.event_row_id = x.event_row_id
                                AND y.configuration_id = x.configuration_id AND y.id < x.id)
              AND ($6::text[] IS NULL OR
                   (SELECT z.status FROM callback_executions z WHERE z.event_row_id = x.event_row_id
                      AND z.configuration_id = x.configuration_id ORDER BY z.id DESC LIMIT 1) = ANY ($6))
              AND NOT EXISTS (SELECT FROM delivery_queue q WHERE q.event_row_id = x.event_row_id
                                AND q.configuration_id = x.configuration_id)
            LIMIT $7
        ) AS found
        "#,
        configuration.uuid(),
        tenant.as_str(),
        draft.from,
        draft.to,
        types.as_deref(),
        statuses.as_deref(),
        ESTIMATE_MAX + 1,
    )
    .fetch_one(&mut *store.read(&scope).await?)
    .await?;
    Ok(ReplayEstimate { matched: found.min(ESTIMATE_MAX), more: found > ESTIMATE_MAX })
}

/// A page that was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuedPage {
    /// Where its deliveries go.
    pub configuration: ConfigurationId,
    /// How many they are.
    pub queued: i64,
}

struct DueReplay {
    id: Uuid,
    tenant_id: String,
    configuration_id: Uuid,
    accepted_from: OffsetDateTime,
    accepted_to: OffsetDateTime,
    event_types: Option<Vec<String>>,
    statuses: Option<Vec<String>>,
    per_second: i32,
    position: Option<Uuid>,
    created_at: OffsetDateTime,
}

/// Queues the next page of a replay whose turn it is, each delivery once and due now; `None` when it is nobody's turn.
/// A delivery is found by its first execution, in the order of those; what was first attempted after the replay was asked
/// for does not belong to it. Deliveries that wait or are under way are left alone.
///
/// # Errors
/// When the database fails; nothing is queued then.
pub async fn next_page_across_tenants(store: &Store) -> Result<Option<QueuedPage>, StoreError> {
    let mut transaction = store.engine.begin().await?;
    let due = sqlx::query_as!(
        DueReplay,
        r#"
        SELECT id, tenant_id, configuration_id, accepted_from, accepted_to, event_types, statuses, per_second, position,
               created_at
        FROM replays WHERE state = 'RUNNING' AND next_page_at <= now()
        ORDER BY next_page_at LIMIT 1 FOR UPDATE SKIP LOCKED
        "#
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(due) = due else { return Ok(None) };
    let page = queue_page(&mut transaction, &due).await?;
    sqlx::query!(
        r#"
        UPDATE replays SET position = coalesce($2, position), queued = queued + $3, updated_at = now(),
               next_page_at = now() + make_interval(secs => $4::float8 / per_second),
               state = CASE WHEN $5 THEN 'DONE' ELSE state END, finished_at = CASE WHEN $5 THEN now() END
        WHERE id = $1
        "#,
        due.id,
        page.position,
        page.queued,
        page.queued as f64,
        page.last,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Some(QueuedPage { configuration: due.configuration_id.into(), queued: page.queued }))
}

struct Page {
    position: Option<Uuid>,
    queued: i64,
    last: bool,
}

async fn queue_page(connection: &mut sqlx::PgConnection, due: &DueReplay) -> Result<Page, StoreError> {
    let limit = i64::from(due.per_second.clamp(1, PAGE_MAX));
    let types: Option<Vec<String>> =
        due.event_types.as_ref().map(|types| types.iter().map(|pattern| like(pattern)).collect());
    let found = sqlx::query!(
        r#"
        WITH scanned AS MATERIALIZED (
            SELECT x.id, x.event_row_id, x.event_type FROM callback_executions x
            WHERE x.configuration_id = $1 AND x.started_at >= $3::timestamptz - interval '1 day' AND x.started_at <= $5
              AND ($6::uuid IS NULL OR x.id > $6)
            ORDER BY x.id LIMIT $9
        ), wanted AS MATERIALIZED (
            SELECT s.id, e.id AS event_row_id, e.accepted_at
            FROM scanned s
            JOIN events e ON e.id = s.event_row_id AND e.tenant_id = $2 AND e.accepted_at >= $3 AND e.accepted_at < $4
            WHERE ($7::text[] IS NULL OR s.event_type LIKE ANY ($7))
              AND NOT EXISTS (SELECT FROM callback_executions y WHERE y.event_row_id = s.event_row_id
                                AND y.configuration_id = $1 AND y.id < s.id)
              AND ($8::text[] IS NULL OR
                   (SELECT z.status FROM callback_executions z WHERE z.event_row_id = s.event_row_id
                      AND z.configuration_id = $1 ORDER BY z.id DESC LIMIT 1) = ANY ($8))
            ORDER BY s.id LIMIT $10
        ), queued AS (
            INSERT INTO delivery_queue
                (event_row_id, configuration_id, tenant_id, event_accepted_at, attempt, attempts_before, due_at)
            SELECT w.event_row_id, $1, $2, w.accepted_at, (made.attempts + 1)::smallint, made.attempts, now()
            FROM wanted w
            CROSS JOIN LATERAL (SELECT max(z.attempt) AS attempts FROM callback_executions z
                                WHERE z.event_row_id = w.event_row_id AND z.configuration_id = $1) AS made
            ON CONFLICT (event_row_id, configuration_id) DO NOTHING
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM scanned) AS "scanned!", (SELECT count(*) FROM wanted) AS "wanted!",
               (SELECT count(*) FROM queued) AS "queued!",
               (SELECT id FROM scanned ORDER BY id DESC LIMIT 1) AS last_scanned,
               (SELECT id FROM wanted ORDER BY id DESC LIMIT 1) AS last_wanted
        "#,
        due.configuration_id,
        due.tenant_id,
        due.accepted_from,
        due.accepted_to,
        due.created_at,
        due.position,
        types.as_deref(),
        due.statuses.as_deref(),
        SCAN_MAX,
        limit,
    )
    .fetch_one(connection)
    .await?;
    // A full page may have left something behind its last delivery; otherwise everything scanned was looked at.
    let full = found.wanted == limit;
    let position = if full { found.last_wanted } else { found.last_scanned };
    Ok(Page { position, queued: found.queued, last: !full && found.scanned < SCAN_MAX })
}
