//! Daily partitions of events and executions: made ahead of time, dropped whole when retention has passed.

use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};

use crate::error::StoreError;
use crate::store::Store;

/// A table that is partitioned by day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DailyTable {
    /// `events`, by day of acceptance.
    Events,
    /// `callback_executions`, by day of the attempt's start.
    Executions,
}

impl DailyTable {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Events, Self::Executions];

    const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Executions => "callback_executions",
        }
    }

    const fn range_column(self) -> &'static str {
        match self {
            Self::Events => "accepted_at",
            Self::Executions => "started_at",
        }
    }
}

/// Writers wait for a partition change at most this long; if the lock is not free by then, the change waits for the
/// next round instead.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '200ms'";

/// Makes the partitions from yesterday to three days ahead (UTC, database time) that are missing. Rows that fell into the
/// default partition meanwhile are moved. Returns how many were made. Replicas may do so at once.
///
/// # Errors
/// `Unavailable` when the lock was not free in time: try again in a minute. Partitions already made stay.
pub async fn ensure_partitions_across_tenants(store: &Store) -> Result<u32, StoreError> {
    let mut connection = store.engine.acquire().await?;
    let mut made = 0;
    for table in DailyTable::ALL {
        for offset in -1..=3 {
            let work = create_one(&mut connection, table, offset);
            made += u32::from(work.await?);
        }
    }
    Ok(made)
}

async fn create_one(
    connection: &mut PgConnection,
    table: DailyTable,
    offset_days: i32,
) -> Result<bool, StoreError> {
    let mut transaction = connection.begin().await?;
    transaction.execute(LOCK_TIMEOUT).await?;
    // One replica at a time: the second finds the partition made.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('callbacks partitions'))::text AS locked")
        .fetch_one(&mut *transaction)
        .await?;
    let made = sqlx::query_scalar!(
        r#"SELECT create_daily_partition($1, $2, (now() AT TIME ZONE 'UTC')::date + $3::int) AS "made!""#,
        table.name(),
        table.range_column(),
        offset_days,
    )
    .fetch_one(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(made)
}

/// Drops the partitions of days that ended more than `keep` ago. Returns the names of the dropped.
///
/// # Errors
/// `Unavailable` when a lock was not free in time: try again later. What was dropped before stays dropped.
pub async fn drop_partitions_older_than_across_tenants(
    store: &Store,
    table: DailyTable,
    keep: Duration,
) -> Result<Vec<String>, StoreError> {
    let mut connection = store.engine.acquire().await?;
    let seconds = i64::try_from(keep.as_secs()).unwrap_or(i64::MAX / 1_000_000);
    let names = sqlx::query_scalar!(
        r#"
        SELECT name AS "name!" FROM daily_partitions_before(
            $1, ((now() - $2::bigint * interval '1 second') AT TIME ZONE 'UTC')::date) AS name
        "#,
        table.name(),
        seconds,
    )
    .fetch_all(&mut *connection)
    .await?;
    for name in &names {
        let mut transaction = connection.begin().await?;
        transaction.execute(LOCK_TIMEOUT).await?;
        sqlx::query!("SELECT drop_daily_partition($1)::text AS dropped", name)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(names)
}
