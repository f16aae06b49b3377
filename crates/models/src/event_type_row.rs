//! The row of an event type of the catalogue, and the list's fields.

use callbacks_interfaces::event_type::EventType;
use callbacks_interfaces::event_type_entry::EventTypeEntry;
use callbacks_interfaces::tenant::TenantScope;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::filter_sql::{Column, FilteredList, column};
use crate::filter_value::Kind;

/// The list of event types.
pub(crate) const EVENT_TYPE_LIST: FilteredList = FilteredList {
    from: "event_types t",
    key: ["t.id", "t.id"],
    tenant: "t.tenant_id",
    columns: COLUMNS,
    searched: &["t.name", "t.description"],
    default_order: "t.name ASC",
};

const COLUMNS: &[Column] = &[
    column("id", "t.id", Kind::Uuid),
    column("tenantId", "t.tenant_id", Kind::Text),
    column("name", "t.name", Kind::Text),
    column("description", "t.description", Kind::Text),
    column("createdAt", "t.created_at", Kind::Instant),
    column("updatedAt", "t.updated_at", Kind::Instant),
];

/// An event type.
pub(crate) struct EventTypeRow {
    pub(crate) id: Uuid,
    tenant_id: String,
    name: String,
    description: Option<String>,
    schema: Option<String>,
    example: Option<String>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl EventTypeRow {
    pub(crate) async fn by_ids(
        connection: &mut PgConnection,
        scope: &TenantScope,
        ids: &[Uuid],
    ) -> Result<Vec<Self>, StoreError> {
        let rows = sqlx::query_as!(
            Self,
            r#"
            SELECT id, tenant_id, name, description, schema, example, created_at, updated_at
            FROM event_types WHERE id = ANY ($1::uuid[]) AND ($2::text IS NULL OR tenant_id = $2)
            "#,
            ids,
            scope.sql(),
        )
        .fetch_all(connection)
        .await?;
        Ok(rows)
    }

    /// What the API shows.
    pub(crate) fn view(self) -> Result<EventTypeEntry, StoreError> {
        let name = EventType::try_from(self.name)
            .map_err(|_| StoreError::corrupt("event_types.name", "not an event type"))?;
        Ok(EventTypeEntry {
            id: self.id.into(),
            tenant_id: stored_tenant(&self.tenant_id)?,
            name,
            description: self.description,
            schema: json_text(self.schema.as_deref())?,
            example: json_text(self.example.as_deref())?,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

fn json_text(text: Option<&str>) -> Result<Option<Value>, StoreError> {
    text.map(serde_json::from_str)
        .transpose()
        .map_err(|_| StoreError::corrupt("event_types.schema, example", "not JSON"))
}
