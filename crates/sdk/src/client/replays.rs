use callbacks_interfaces::ids::{ConfigurationId, ReplayId};
use callbacks_interfaces::replay::{Replay, ReplayEstimate};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Map, Value};

use super::connection::Client;
use crate::error::ClientError;

/// `/api/v1/callback-configurations/{id}/replays`.
#[derive(Debug)]
pub struct Replays<'a> {
    client: &'a Client,
    configuration: String,
}

/// Which deliveries to make again. Fields that are `None` restrict nothing.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayBody {
    /// Events accepted at or after it, an RFC 3339 instant.
    pub from: String,
    /// Events accepted before it; until now if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Event types, `*` being any run of characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
    /// Statuses of the last execution, such as `FAILED_PERMANENT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statuses: Option<Vec<String>>,
    /// Deliveries queued a second, 1 to 1000; 100 if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
}

impl Client {
    /// Replays of many events to one configuration.
    #[must_use]
    pub fn replays(&self, configuration: ConfigurationId) -> Replays<'_> {
        Replays { client: self, configuration: configuration.to_string() }
    }
}

impl Replays<'_> {
    /// Starts one.
    ///
    /// # Errors
    /// 409 when ten of the configuration are running.
    pub async fn start(&self, body: &ReplayBody) -> Result<Replay, ClientError> {
        self.client.send(Method::POST, &self.path(&[]), body).await
    }

    /// How many deliveries one would make; nothing is queued.
    ///
    /// # Errors
    /// When the body is not valid.
    pub async fn estimate(&self, body: &ReplayBody) -> Result<ReplayEstimate, ClientError> {
        let mut body: Map<String, Value> = serde_json::from_value(serde_json::to_value(body)?)?;
        body.insert("dryRun".to_owned(), true.into());
        self.client.send(Method::POST, &self.path(&[]), &body).await
    }

    /// The newest 100.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is no such configuration.
    pub async fn list(&self) -> Result<Vec<Replay>, ClientError> {
        self.client.get(&self.path(&[]), &[]).await
    }

    /// How far one is.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn get(&self, id: ReplayId) -> Result<Replay, ClientError> {
        self.client.get(&self.path(&[&id.to_string()]), &[]).await
    }

    /// Stops one; what it has queued is delivered.
    ///
    /// # Errors
    /// 409 when it does not run.
    pub async fn cancel(&self, id: ReplayId) -> Result<Replay, ClientError> {
        self.client.act(&self.path(&[&id.to_string(), "cancel"])).await
    }

    fn path<'p>(&'p self, rest: &[&'p str]) -> Vec<&'p str> {
        let start = ["api", "v1", "callback-configurations", &self.configuration, "replays"];
        start.into_iter().chain(rest.iter().copied()).collect()
    }
}
