//! How the consumers of an event subscription are doing.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ids::SubscriptionId;

/// The state of a subscription's consumers, over all replicas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionStatus {
    /// The subscription.
    pub id: SubscriptionId,
    /// Whether it is meant to run.
    pub active: bool,
    /// Whether at least one consumer is connected to the broker.
    pub connected: bool,
    /// Partitions, queues or streams being read, over all replicas.
    pub assigned_partitions: Vec<String>,
    /// Messages not yet read, where the broker tells.
    pub lag: Option<i64>,
    /// Seconds by which the reading is behind the broker's newest message, where that is known.
    pub lag_seconds: Option<f64>,
    /// When a message last arrived.
    #[serde(with = "crate::instant::option")]
    pub last_message_at: Option<OffsetDateTime>,
    /// The latest error of any consumer.
    pub last_error: Option<String>,
    /// When it happened.
    #[serde(with = "crate::instant::option")]
    pub last_error_at: Option<OffsetDateTime>,
    /// Messages so far.
    pub total_messages_received: i64,
    /// Those of them that could not be accepted.
    pub total_messages_failed: i64,
    /// Messages that wait in quarantine.
    pub quarantined: i64,
    /// The state in words.
    pub detail: String,
    /// The same by replica.
    pub replicas: Vec<ConsumerReport>,
}

/// How one replica's consumers of a subscription are doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConsumerReport {
    /// The replica.
    pub replica_id: Uuid,
    /// When it last reported.
    #[serde(with = "crate::instant")]
    pub reported_at: OffsetDateTime,
    /// Consumers it runs.
    pub consumers: i32,
    /// Whether at least one of them is connected.
    pub connected: bool,
    /// Partitions, queues or streams they read.
    pub partitions: Vec<String>,
    /// Messages they have not yet read, where the broker tells.
    pub lag: Option<i64>,
    /// Seconds by which they are behind, where that is known.
    pub lag_seconds: Option<f64>,
    /// When a message last arrived there.
    #[serde(with = "crate::instant::option")]
    pub last_message_at: Option<OffsetDateTime>,
    /// Their latest error.
    pub last_error: Option<String>,
    /// When it happened.
    #[serde(with = "crate::instant::option")]
    pub last_error_at: Option<OffsetDateTime>,
    /// Changes of their partitions since they started.
    pub rebalances: i64,
    /// Times they had to connect anew since they started.
    pub reconnects: i64,
    /// Messages whose event type no pattern of the subscription matched, since they started.
    pub filtered: i64,
}
