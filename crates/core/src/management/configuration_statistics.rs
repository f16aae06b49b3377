//! How one configuration is doing, in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use callbacks_interfaces::callback_configuration::CallbackStatus;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::instant;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::execution_statistics;
use serde::Serialize;
use time::OffsetDateTime;

use super::Management;
use super::callback_configurations;
use super::error::ManagementError;

/// How far the counts look back.
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Numbers of one configuration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationStatistics {
    /// The configuration.
    pub configuration_id: ConfigurationId,
    /// Its status.
    pub status: CallbackStatus,
    /// Failed deliveries since the last success.
    pub failure_count: i32,
    /// From how many of them on it is paused.
    pub failure_threshold: i32,
    /// When a delivery last succeeded.
    #[serde(with = "instant::option")]
    pub last_success_at: Option<OffsetDateTime>,
    /// When a delivery last failed.
    #[serde(with = "instant::option")]
    pub last_failure_at: Option<OffsetDateTime>,
    /// Executions of the last 24 hours, by status.
    pub executions_last_24h: BTreeMap<&'static str, i64>,
    /// Half of the requests of the last 24 hours took at most this long.
    pub p50_ms: Option<f64>,
    /// 95 % of the requests of the last 24 hours took at most this long.
    pub p95_ms: Option<f64>,
}

/// The numbers of one configuration.
pub async fn of(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
) -> Result<ConfigurationStatistics, ManagementError> {
    let configuration = callback_configurations::get(desk, scope, id).await?;
    let executions = execution_statistics::of_configuration(&desk.store, scope, id, WINDOW).await?;
    Ok(ConfigurationStatistics {
        configuration_id: id,
        status: configuration.status,
        failure_count: configuration.failure_count,
        failure_threshold: configuration.failure_threshold,
        last_success_at: configuration.last_success_at,
        last_failure_at: configuration.last_failure_at,
        executions_last_24h: executions
            .by_status
            .iter()
            .map(|(status, count)| (status.as_str(), *count))
            .collect(),
        p50_ms: executions.p50_ms,
        p95_ms: executions.p95_ms,
    })
}
