//! The transactional outbox of this database or another one: rows that producers' transactions left behind.
//!
//! A claim is an open transaction that holds its rows locked. It ends by deleting them, or, if the process dies, by the
//! database giving them back; there is no lease to expire and nothing to recover.

use std::str::FromStr as _;
use std::time::Duration;

use callbacks_interfaces::tenant::TenantScope;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Postgres, Transaction};
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::store::Store;

/// Where `callbacks.publish` announces.
const CHANNEL: &str = "callbacks_outbox";
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// A database with an outbox, and the connections to read it.
#[derive(Clone, Debug)]
pub struct OutboxDatabase {
    pool: PgPool,
}

/// One published event.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    /// Its place in the outbox.
    pub id: i64,
    /// When it was published.
    pub published_at: OffsetDateTime,
    /// The tenant the producer named.
    pub tenant_id: String,
    /// Its id, given or made up when it was published.
    pub event_id: String,
    /// Where it comes from; empty when nobody said.
    pub source: String,
    /// Its type.
    pub event_type: String,
    /// The payload's media type.
    pub content_type: Option<String>,
    /// When it happened.
    pub occurred_at: Option<OffsetDateTime>,
    /// Its headers, a JSON object.
    pub headers: Option<Value>,
    /// The payload as published.
    pub payload: Vec<u8>,
}

/// Rows claimed by an open transaction. Dropping it gives them back.
#[derive(Debug)]
pub struct OutboxClaim {
    transaction: Transaction<'static, Postgres>,
    rows: Vec<i64>,
}

impl OutboxDatabase {
    /// The service's own database, with connections of its own: claims stay open while events are stored.
    #[must_use]
    pub fn of_service(store: &Store, connections: u32) -> Self {
        let options = store.engine.connect_options().as_ref().clone();
        Self { pool: pool(options, connections) }
    }

    /// Another database.
    ///
    /// # Errors
    /// `Database` when the URL is none. Whether it can be reached is found out by the first claim.
    pub fn at(url: &str, connections: u32) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)?.log_statements(tracing::log::LevelFilter::Off);
        Ok(Self { pool: pool(options, connections) })
    }

    /// Claims the oldest rows nobody else holds, of one tenant or of all; `None` when there are none.
    ///
    /// # Errors
    /// When the database fails, or has no outbox.
    pub async fn claim(
        &self,
        scope: &TenantScope,
        most: i64,
    ) -> Result<Option<(OutboxClaim, Vec<OutboxRow>)>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let rows = sqlx::query_as!(
            OutboxRow,
            r#"
            SELECT id, published_at, tenant_id, event_id, source, event_type, content_type, occurred_at, headers, payload
            FROM callbacks.outbox
            WHERE ($1::text IS NULL OR tenant_id = $1)
            ORDER BY id LIMIT $2
            FOR UPDATE SKIP LOCKED
            "#,
            scope.sql(),
            most,
        )
        .fetch_all(&mut *transaction)
        .await?;
        if rows.is_empty() {
            transaction.rollback().await?;
            return Ok(None);
        }
        let ids = rows.iter().map(|row| row.id).collect();
        Ok(Some((OutboxClaim { transaction, rows: ids }, rows)))
    }

    /// Rows that wait, and for how many seconds the oldest one has.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting(&self, scope: &TenantScope) -> Result<(i64, f64), StoreError> {
        let row = sqlx::query!(
            r#"
            SELECT count(*) AS "count!", coalesce(extract(epoch FROM clock_timestamp() - min(published_at)), 0)::float8 AS "age!"
            FROM callbacks.outbox WHERE ($1::text IS NULL OR tenant_id = $1)
            "#,
            scope.sql(),
        )
        .fetch_one(&self.pool)
        .await?;
        Ok((row.count, row.age))
    }

    /// Listens for announcements.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn listen(&self) -> Result<OutboxAnnouncements, StoreError> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(OutboxAnnouncements { listener })
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl OutboxClaim {
    /// Removes the claimed rows: their events are stored.
    ///
    /// # Errors
    /// When the database fails; then the rows may come again.
    pub async fn settle(mut self) -> Result<(), StoreError> {
        sqlx::query!("DELETE FROM callbacks.outbox WHERE id = ANY ($1::bigint[])", &self.rows)
            .execute(&mut *self.transaction)
            .await?;
        self.transaction.commit().await?;
        Ok(())
    }
}

/// Announcements that something was published. They may be lost, so the outbox is also polled.
pub struct OutboxAnnouncements {
    listener: PgListener,
}

impl OutboxAnnouncements {
    /// Resolves when something was published, or may have been.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn heard(&mut self) -> Result<(), StoreError> {
        self.listener.try_recv().await?;
        Ok(())
    }
}

fn pool(options: PgConnectOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections.max(2))
        .min_connections(0)
        .acquire_timeout(CONNECT_PATIENCE)
        .idle_timeout(Duration::from_secs(60))
        .connect_lazy_with(options.application_name("callbacks-outbox"))
}
