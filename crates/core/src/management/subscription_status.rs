//! How consumers of subscriptions are doing, over all replicas: what they report every second, read back.

use callbacks_interfaces::ids::SubscriptionId;
use callbacks_interfaces::subscription_status::{ConsumerReport, SubscriptionStatus};
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::{quarantined_messages, subscription_consumers};
use serde_json::{Value, json};

use super::Management;
use super::error::ManagementError;
use super::event_subscriptions::get;

/// Subscriptions that a health answer names one by one.
const SHOWN: usize = 50;

/// The state of a subscription's consumers.
pub async fn status(
    desk: &Management,
    scope: &TenantScope,
    id: SubscriptionId,
) -> Result<SubscriptionStatus, ManagementError> {
    let subscription = get(desk, scope, id).await?;
    let replicas = subscription_consumers::reports(&desk.store, scope, id).await?;
    let quarantined = quarantined_messages::open_messages(&desk.store, scope, id).await?;
    let latest_error = replicas.iter().max_by_key(|one| one.last_error_at);
    let mut partitions: Vec<String> =
        replicas.iter().flat_map(|one| one.partitions.iter().cloned()).collect();
    partitions.sort_unstable();
    partitions.dedup();
    Ok(SubscriptionStatus {
        id,
        active: subscription.active,
        connected: replicas.iter().any(|one| one.connected),
        assigned_partitions: partitions,
        lag: sum_of_lags(&subscription.messaging_system_type, &replicas),
        lag_seconds: replicas.iter().filter_map(|one| one.lag_seconds).reduce(f64::max),
        last_message_at: subscription.last_message_at,
        last_error: latest_error.and_then(|one| one.last_error.clone()),
        last_error_at: latest_error.and_then(|one| one.last_error_at),
        total_messages_received: subscription.total_messages_received,
        total_messages_failed: subscription.total_messages_failed,
        quarantined,
        detail: in_words(subscription.active, &replicas),
        replicas,
    })
}

/// The component of the sources in the health answer. A broker that is away does not make the service unhealthy: it serves,
/// delivers, and resumes by itself.
pub async fn health(desk: &Management) -> Value {
    let Ok(rows) = subscription_consumers::summary_across_tenants(&desk.store).await else {
        return json!({"status": "UNKNOWN"});
    };
    let away: Vec<Value> = rows
        .iter()
        .filter(|row| !row.connected)
        .take(SHOWN)
        .map(|row| json!({"subscriptionId": row.id, "messagingSystemType": row.messaging_system_type, "lastError": row.last_error}))
        .collect();
    let status = if away.is_empty() { "UP" } else { "DEGRADED" };
    let connected = rows.iter().filter(|row| row.connected).count();
    json!({"status": status, "details": {"active": rows.len(), "connected": connected, "notConnected": away}})
}

/// Replicas of a Kafka group each tell the lag of their own partitions; everywhere else each tells that of the whole queue.
fn sum_of_lags(system: &str, replicas: &[ConsumerReport]) -> Option<i64> {
    let lags = replicas.iter().filter_map(|one| one.lag);
    if system.eq_ignore_ascii_case("KAFKA") { lags.reduce(|sum, lag| sum + lag) } else { lags.max() }
}

fn in_words(active: bool, replicas: &[ConsumerReport]) -> String {
    let consumers: i32 = replicas.iter().map(|one| one.consumers).sum();
    let connected = replicas.iter().filter(|one| one.connected).count();
    match (active, replicas.len(), connected) {
        (false, 0, _) => "The subscription is not active; no consumer runs.".to_owned(),
        (false, ..) => "The subscription is not active; its consumers are stopping.".to_owned(),
        (true, 0, _) => {
            "No replica runs a consumer yet; they look every second, if the role `sources` is among theirs."
                .to_owned()
        }
        (true, all, 0) => {
            format!("{consumers} consumers on {all} replicas try to reach the broker; see lastError.")
        }
        (true, all, connected) => {
            format!("{consumers} consumers on {all} replicas, {connected} of them connected.")
        }
    }
}
