//! How one configuration's executions went, in numbers.

use std::time::Duration;

use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantScope;

use crate::callback_executions::seconds;
use crate::configuration_target::named;
use crate::error::StoreError;
use crate::store::Store;

/// Counts and durations over a period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecutionStatistics {
    /// Executions by status; a status that did not occur is missing.
    pub by_status: Vec<(ExecutionStatus, i64)>,
    /// Half of the requests took at most this long, in milliseconds; `None` when none was made.
    pub p50_ms: Option<f64>,
    /// 95 % of the requests took at most this long, in milliseconds.
    pub p95_ms: Option<f64>,
}

/// Executions of `configuration` that started within `period` before now (database time).
///
/// # Errors
/// When the database fails.
pub async fn of_configuration(
    store: &Store,
    scope: &TenantScope,
    configuration: ConfigurationId,
    period: Duration,
) -> Result<ExecutionStatistics, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT x.status AS "status?", count(*) AS "count!",
               percentile_cont(0.5) WITHIN GROUP (ORDER BY x.duration_us) / 1000 AS p50_ms,
               percentile_cont(0.95) WITHIN GROUP (ORDER BY x.duration_us) / 1000 AS p95_ms
        FROM callback_executions x
        WHERE x.configuration_id = $1 AND ($2::text IS NULL OR x.tenant_id = $2)
          AND x.started_at >= now() - $3::bigint * interval '1 second'
        GROUP BY GROUPING SETS ((x.status), ())
        "#,
        configuration.uuid(),
        scope.sql(),
        seconds(period),
    )
    .fetch_all(&mut *store.read(scope).await?)
    .await?;
    let mut statistics = ExecutionStatistics::default();
    for row in rows {
        match row.status {
            Some(status) => {
                let status: ExecutionStatus = named("status", &status)?;
                statistics.by_status.push((status, row.count));
            }
            // The line over all statuses.
            None => (statistics.p50_ms, statistics.p95_ms) = (row.p50_ms, row.p95_ms),
        }
    }
    Ok(statistics)
}
