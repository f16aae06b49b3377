//! An event subscription as the API shows it: a broker topic bound to the service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::ids::SubscriptionId;
use crate::masked;
use crate::tenant::TenantId;

/// A binding of a broker topic or queue to the service. The contract's `EventSubscriptionDTO`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventSubscription {
    /// Assigned by the service.
    pub id: SubscriptionId,
    /// A name for people.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub name: String,
    /// A description for people.
    #[cfg_attr(feature = "openapi", schema(max_length = 2000))]
    pub description: Option<String>,
    /// The broker: `KAFKA`, `RABBITMQ` and so on.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 50))]
    pub messaging_system_type: String,
    /// How to reach it; the service-wide settings when missing. Credentials are shown as `***`.
    #[serde(serialize_with = "masked::serialize")]
    pub connection_config: Option<BTreeMap<String, String>>,
    /// The topic or queue.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    pub topic_or_queue: String,
    /// The consumer group.
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub consumer_group_id: Option<String>,
    /// Whether events are taken from it.
    #[cfg_attr(feature = "openapi", schema(default = true))]
    pub active: bool,
    /// Further properties of the consumer. Credentials are shown as `***`.
    #[serde(serialize_with = "masked::serialize")]
    pub consumer_properties: Option<BTreeMap<String, String>>,
    /// Which event types are taken; all when empty.
    pub event_type_patterns: Option<Vec<String>>,
    /// Consumers at a time.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100, default = 1))]
    pub max_concurrent_consumers: i32,
    /// Pause between two polls, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(minimum = 100, maximum = 60_000, default = 1000))]
    pub polling_interval_ms: i32,
    /// Whose subscription it is; `*` for a shared one, whose messages name their tenants.
    pub tenant_id: TenantId,
    /// Anything the tenant wants to remember.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub metadata: Option<Map<String, Value>>,
    /// When a message last arrived.
    #[serde(with = "crate::instant::option")]
    #[cfg_attr(feature = "openapi", schema(read_only))]
    pub last_message_at: Option<OffsetDateTime>,
    /// Messages so far.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, read_only))]
    pub total_messages_received: i64,
    /// Those of them that could not be accepted.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, read_only))]
    pub total_messages_failed: i64,
    /// When it was created.
    #[serde(with = "crate::instant")]
    #[cfg_attr(feature = "openapi", schema(read_only))]
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "crate::instant")]
    #[cfg_attr(feature = "openapi", schema(read_only))]
    pub updated_at: OffsetDateTime,
    /// Who created it.
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub created_by: Option<String>,
    /// Who last changed it.
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub updated_by: Option<String>,
}
