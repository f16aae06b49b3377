use serde_json::Value;

use super::connection::Client;
use crate::error::ClientError;

/// `/api/v1/event-types`.
#[derive(Debug)]
pub struct EventTypes<'a>(&'a Client);

impl Client {
    /// Event types: the catalogue of what a tenant's producers send.
    #[must_use]
    pub fn event_types(&self) -> EventTypes<'_> {
        EventTypes(self)
    }
}

impl EventTypes<'_> {
    /// The JSON Schema of an event type's payload.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when the catalogue has none.
    pub async fn schema(&self, event_type: &str) -> Result<Value, ClientError> {
        self.0.get(&["api", "v1", "event-types", event_type, "schema"], &[]).await
    }
}
