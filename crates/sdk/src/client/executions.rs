use callbacks_interfaces::callback_execution::{CallbackExecution, ExecutionStatus};
use callbacks_interfaces::ids::{ConfigurationId, DeliveryId, ExecutionId};
use callbacks_interfaces::page::Page;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::connection::{Client, Question};
use super::linked::Linked;
use super::selection::Selection;
use crate::error::ClientError;

/// `/api/v1/callback-executions`.
#[derive(Debug)]
pub struct Executions<'a>(&'a Client);

impl Client {
    /// Executions: what happened, attempt by attempt.
    #[must_use]
    pub fn executions(&self) -> Executions<'_> {
        Executions(self)
    }
}

/// A delivery that was put back into the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayedDelivery {
    /// The same id as before.
    pub delivery_id: DeliveryId,
}

const NAME: &str = "callback-executions";

impl Executions<'_> {
    /// The newest, at most 1,000. Parameters: `cursor`, `limit`.
    ///
    /// # Errors
    /// When a parameter is not valid.
    pub async fn newest(
        &self,
        parameters: &[(&str, &str)],
    ) -> Result<Linked<CallbackExecution>, ClientError> {
        self.listed(&["api", "v1", NAME], parameters).await
    }

    /// Those of one configuration, newest first. Parameters: `cursor`, `limit`.
    ///
    /// # Errors
    /// When a parameter is not valid.
    pub async fn of_configuration(
        &self,
        configuration: ConfigurationId,
        parameters: &[(&str, &str)],
    ) -> Result<Linked<CallbackExecution>, ClientError> {
        let path = ["api", "v1", NAME, "by-configuration", &configuration.to_string()];
        self.listed(&path, parameters).await
    }

    /// Those with a status, newest first. Parameters: `cursor`, `limit`.
    ///
    /// # Errors
    /// When a parameter is not valid.
    pub async fn with_status(
        &self,
        status: ExecutionStatus,
        parameters: &[(&str, &str)],
    ) -> Result<Linked<CallbackExecution>, ClientError> {
        let query: Vec<_> = parameters.iter().copied().chain([("status", status.as_str())]).collect();
        self.listed(&["api", "v1", NAME, "by-status"], &query).await
    }

    /// Those whose retry is due. Parameters: `cursor`, `limit`.
    ///
    /// # Errors
    /// When a parameter is not valid.
    pub async fn pending_retries(
        &self,
        parameters: &[(&str, &str)],
    ) -> Result<Linked<CallbackExecution>, ClientError> {
        self.listed(&["api", "v1", NAME, "pending-retries"], parameters).await
    }

    /// Those of one configuration within an ISO 8601 duration before now, such as `PT24H`.
    ///
    /// # Errors
    /// When the duration is not valid.
    pub async fn recent(
        &self,
        configuration: ConfigurationId,
        duration: &str,
    ) -> Result<Linked<CallbackExecution>, ClientError> {
        let id = configuration.to_string();
        let query = [("configurationId", id.as_str()), ("duration", duration)];
        self.listed(&["api", "v1", NAME, "recent"], &query).await
    }

    /// One page of those selected.
    ///
    /// # Errors
    /// When the selection names an unknown field.
    pub async fn filter(&self, selection: &Selection) -> Result<Page<CallbackExecution>, ClientError> {
        self.0.send(Method::POST, &["api", "v1", NAME, "filter"], selection).await
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn get(&self, id: ExecutionId) -> Result<CallbackExecution, ClientError> {
        self.0.get(&["api", "v1", NAME, &id.to_string()], &[]).await
    }

    /// Delivers its event to its configuration again, with a fresh set of attempts.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn replay(&self, id: ExecutionId) -> Result<ReplayedDelivery, ClientError> {
        self.0.act(&["api", "v1", NAME, &id.to_string(), "replay"]).await
    }

    async fn listed(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Linked<CallbackExecution>, ClientError> {
        Linked::of(&self.0.ask(Method::GET, path, Question { query, body: None }).await?)
    }
}
