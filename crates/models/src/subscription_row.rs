//! The row of an event subscription as the API's view needs it, and the list's fields.

use callbacks_interfaces::event_subscription::EventSubscription;
use callbacks_interfaces::tenant::TenantScope;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::configuration_target::json;
use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::filter_sql::{Column, FilteredList, column};
use crate::filter_value::Kind;
use crate::secret_column::{SecretKeyring, SecretPlace};

/// The column of the connection's settings.
pub(crate) const CONNECTION_COLUMN: &str = "connection_config";
/// The column of the consumer's properties.
pub(crate) const PROPERTIES_COLUMN: &str = "consumer_properties";

/// The list of subscriptions.
pub(crate) const SUBSCRIPTION_LIST: FilteredList = FilteredList {
    from: "event_subscriptions s",
    key: ["s.id", "s.id"],
    tenant: "s.tenant_id",
    columns: COLUMNS,
    searched: &["s.name", "s.description", "s.topic_or_queue"],
    default_order: "s.id DESC",
};

const COLUMNS: &[Column] = &[
    column("id", "s.id", Kind::Uuid),
    column("tenantId", "s.tenant_id", Kind::Text),
    column("name", "s.name", Kind::Text),
    column("description", "s.description", Kind::Text),
    column("messagingSystemType", "s.messaging_system_type", Kind::Text),
    column("topicOrQueue", "s.topic_or_queue", Kind::Text),
    column("consumerGroupId", "s.consumer_group_id", Kind::Text),
    column("active", "s.active", Kind::Boolean),
    column("eventTypePatterns", "s.event_type_patterns", Kind::Texts),
    column("maxConcurrentConsumers", "s.max_concurrent_consumers", Kind::Integer),
    column("pollingIntervalMs", "s.polling_interval_ms", Kind::Integer),
    column("lastMessageAt", "s.last_message_at", Kind::Instant),
    column("totalMessagesReceived", "s.total_messages_received", Kind::Integer),
    column("totalMessagesFailed", "s.total_messages_failed", Kind::Integer),
    column("createdAt", "s.created_at", Kind::Instant),
    column("updatedAt", "s.updated_at", Kind::Instant),
    column("createdBy", "s.created_by", Kind::Text),
    column("updatedBy", "s.updated_by", Kind::Text),
];

/// A subscription.
pub(crate) struct SubscriptionRow {
    pub(crate) id: Uuid,
    tenant_id: String,
    name: String,
    description: Option<String>,
    messaging_system_type: String,
    connection_config: Option<String>,
    topic_or_queue: String,
    consumer_group_id: Option<String>,
    active: bool,
    consumer_properties: Option<String>,
    event_type_patterns: Option<Vec<String>>,
    max_concurrent_consumers: i32,
    polling_interval_ms: i32,
    metadata: Option<Value>,
    last_message_at: Option<OffsetDateTime>,
    total_messages_received: i64,
    total_messages_failed: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    created_by: Option<String>,
    updated_by: Option<String>,
}

impl SubscriptionRow {
    /// Those of `ids` that are in scope, in any order.
    pub(crate) async fn by_ids(
        connection: &mut PgConnection,
        scope: &TenantScope,
        ids: &[Uuid],
    ) -> Result<Vec<Self>, StoreError> {
        let rows = sqlx::query_as!(
            Self,
            r#"
            SELECT id, tenant_id, name, description, messaging_system_type, connection_config, topic_or_queue,
                   consumer_group_id, active, consumer_properties, event_type_patterns, max_concurrent_consumers,
                   polling_interval_ms, metadata, last_message_at, total_messages_received, total_messages_failed,
                   created_at, updated_at, created_by, updated_by
            FROM event_subscriptions
            WHERE id = ANY ($1::uuid[]) AND ($2::text IS NULL OR tenant_id = $2)
            "#,
            ids,
            scope.sql(),
        )
        .fetch_all(connection)
        .await?;
        Ok(rows)
    }

    /// What the API shows.
    pub(crate) fn view(self, keyring: &SecretKeyring) -> Result<EventSubscription, StoreError> {
        let tenant_id = stored_tenant(&self.tenant_id)?;
        let place = SecretPlace { tenant: &tenant_id, row: self.id, column: CONNECTION_COLUMN };
        let properties = place.column(PROPERTIES_COLUMN);
        Ok(EventSubscription {
            id: self.id.into(),
            connection_config: keyring.shown_map(place, self.connection_config.as_deref()),
            consumer_properties: keyring.shown_map(properties, self.consumer_properties.as_deref()),
            metadata: json("metadata", self.metadata)?,
            tenant_id,
            name: self.name,
            description: self.description,
            messaging_system_type: self.messaging_system_type,
            topic_or_queue: self.topic_or_queue,
            consumer_group_id: self.consumer_group_id,
            active: self.active,
            event_type_patterns: self.event_type_patterns,
            max_concurrent_consumers: self.max_concurrent_consumers,
            polling_interval_ms: self.polling_interval_ms,
            last_message_at: self.last_message_at,
            total_messages_received: self.total_messages_received,
            total_messages_failed: self.total_messages_failed,
            created_at: self.created_at,
            updated_at: self.updated_at,
            created_by: self.created_by,
            updated_by: self.updated_by,
        })
    }
}
