use callbacks_interfaces::event_type_entry::{EnforcementView, EventTypeEnforcement, EventTypeEntry};
use callbacks_interfaces::tenant::TenantId;
use reqwest::Method;
use serde_json::{Value, json};

use super::connection::Client;
use super::resource::Resource;
use crate::error::ClientError;

/// `/api/v1/event-types`. An entry is named by its name or its id.
pub type EventTypes<'a> = Resource<'a, EventTypeEntry, &'a str>;

impl Client {
    /// Event types: the catalogue of what a tenant's producers send.
    #[must_use]
    pub fn event_types(&self) -> EventTypes<'_> {
        Resource::new(self, "event-types")
    }
}

impl<'a> Resource<'a, EventTypeEntry, &'a str> {
    /// Deletes one.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn delete(&self, event_type: &'a str) -> Result<(), ClientError> {
        self.remove(event_type, &[]).await
    }

    /// The JSON Schema of an event type's payload.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when the catalogue has none.
    pub async fn schema(&self, event_type: &str) -> Result<Value, ClientError> {
        self.client.get(&["api", "v1", self.name, event_type, "schema"], &[]).await
    }

    /// What is done with events that are not as the catalogue says: the caller's tenant's, or for an operator that of
    /// the one named.
    ///
    /// # Errors
    /// When the tenant named is not the caller's.
    pub async fn enforcement(&self, tenant: Option<&TenantId>) -> Result<EnforcementView, ClientError> {
        let query: Vec<_> = tenant.map(|tenant| ("tenantId", tenant.as_str())).into_iter().collect();
        self.client.get(&["api", "v1", self.name, "enforcement"], &query).await
    }

    /// Chooses what is done with events that are not as the catalogue says; `None` hands the choice back to the service.
    ///
    /// # Errors
    /// When the tenant named is not the caller's.
    pub async fn set_enforcement(
        &self,
        enforcement: Option<EventTypeEnforcement>,
        tenant: Option<&TenantId>,
    ) -> Result<EnforcementView, ClientError> {
        let mut body = json!({"enforcement": enforcement});
        if let Some(tenant) = tenant {
            body["tenantId"] = tenant.as_str().into();
        }
        self.client.send(Method::PUT, &["api", "v1", self.name, "enforcement"], &body).await
    }
}
