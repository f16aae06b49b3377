use callbacks_interfaces::event::EventAccepted;
use callbacks_interfaces::ids::QuarantineId;
use callbacks_interfaces::quarantined_message::QuarantinedMessage;
use reqwest::Method;
use serde::Serialize;

use super::connection::{Client, Question};
use super::linked::Linked;
use crate::error::ClientError;

/// `/api/v1/quarantined-messages`.
#[derive(Debug)]
pub struct Quarantine<'a>(&'a Client);

/// What a quarantined message is, where it does not say so itself. Empty: as it is.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayAs {
    /// The event's type; with it the value may be anything, JSON or not.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The event's id instead of the message's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whose event it is; only for messages of shared subscriptions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
}

impl Client {
    /// Quarantined messages: what brokers delivered and is no event.
    #[must_use]
    pub fn quarantine(&self) -> Quarantine<'_> {
        Quarantine(self)
    }
}

impl Quarantine<'_> {
    /// Newest first, without values. Parameters: `subscriptionId`, `state`, `cursor`, `limit`.
    ///
    /// # Errors
    /// When a parameter is not valid.
    pub async fn list(&self, parameters: &[(&str, &str)]) -> Result<Linked<QuarantinedMessage>, ClientError> {
        let question = Question { query: parameters, body: None };
        Linked::of(&self.0.ask(Method::GET, &["api", "v1", "quarantined-messages"], question).await?)
    }

    /// Reads one with its headers and its value.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn get(&self, id: QuarantineId) -> Result<QuarantinedMessage, ClientError> {
        self.0.get(&["api", "v1", "quarantined-messages", &id.to_string()], &[]).await
    }

    /// Has it accepted as an event after all.
    ///
    /// # Errors
    /// 409 when it is still no event, was cut, or is settled.
    pub async fn replay(&self, id: QuarantineId, replay_as: &ReplayAs) -> Result<EventAccepted, ClientError> {
        let path = ["api", "v1", "quarantined-messages", &id.to_string(), "replay"];
        self.0.send(Method::POST, &path, replay_as).await
    }

    /// Forgets it.
    ///
    /// # Errors
    /// 409 when it is settled.
    pub async fn discard(&self, id: QuarantineId) -> Result<(), ClientError> {
        self.0.act(&["api", "v1", "quarantined-messages", &id.to_string(), "discard"]).await
    }
}
