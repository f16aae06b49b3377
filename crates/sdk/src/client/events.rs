use callbacks_interfaces::event::{EventAccepted, EventView};
use callbacks_interfaces::event_explanation::EventExplanation;
use callbacks_interfaces::event_result::EventResult;
use callbacks_interfaces::gate_answer::GateAnswer;
use callbacks_interfaces::ids::DeliveryId;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bodies::EventBody;
use super::connection::{Client, Question};
use super::linked::Linked;
use crate::error::ClientError;

/// `/api/v1/events`.
#[derive(Debug)]
pub struct Events<'a>(&'a Client);

impl Client {
    /// Events: the way in.
    #[must_use]
    pub fn events(&self) -> Events<'_> {
        Events(self)
    }
}

impl Events<'_> {
    /// Hands an event over; answered after the commit that makes it durable.
    ///
    /// # Errors
    /// 503 with `retry_after` when the service cannot store events now: the event was not taken.
    pub async fn publish<P: Serialize>(&self, event: &EventBody<P>) -> Result<EventAccepted, ClientError> {
        self.0.send(Method::POST, &["api", "v1", "events"], event).await
    }

    /// Hands an event over and waits for the first attempts of its deliveries, at most `wait` (an ISO 8601 duration such as
    /// `PT5S`, or `5s`; the service caps it at 25 s).
    ///
    /// # Errors
    /// As [`Events::publish`].
    pub async fn publish_and_wait<P: Serialize>(
        &self,
        event: &EventBody<P>,
        wait: &str,
    ) -> Result<EventResult, ClientError> {
        self.ask_with(event, &[("wait", wait)]).await
    }

    /// Puts an event that is about to happen before its gates; nothing is stored.
    ///
    /// # Errors
    /// 503 when the gates cannot be asked now.
    pub async fn ask_gates<P: Serialize>(&self, event: &EventBody<P>) -> Result<GateAnswer, ClientError> {
        self.ask_with(event, &[("phase", "before")]).await
    }

    async fn ask_with<P: Serialize, T: DeserializeOwned>(
        &self,
        event: &EventBody<P>,
        query: &[(&str, &str)],
    ) -> Result<T, ClientError> {
        let question = Question { query, body: Some(serde_json::to_vec(event)?) };
        self.0.ask(Method::POST, &["api", "v1", "events"], question).await?.json()
    }

    /// Hands over 1 to 1,000 events of one tenant, stored all or none.
    ///
    /// # Errors
    /// As [`Events::publish`]; broken events are named by their index.
    pub async fn publish_batch<P: Serialize>(
        &self,
        events: &[EventBody<P>],
    ) -> Result<Vec<EventAccepted>, ClientError> {
        self.0.send(Method::POST, &["api", "v1", "events", "batch"], events).await
    }

    /// Where the event would go, and why not elsewhere. Nothing is stored or sent.
    ///
    /// # Errors
    /// When the event is not valid.
    pub async fn explain<P: Serialize>(&self, event: &EventBody<P>) -> Result<EventExplanation, ClientError> {
        self.0.send(Method::POST, &["api", "v1", "events", "explain"], event).await
    }

    /// Reads one with its deliveries, by the producer's id or the service's.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn get(&self, id: &str) -> Result<EventView, ClientError> {
        self.0.get(&["api", "v1", "events", id], &[]).await
    }

    /// Searches, newest first. Parameters: `type`, `tenantId`, `eventId`, `source`, `from`, `to`,
    /// `cursor`, `limit`.
    ///
    /// # Errors
    /// When a parameter is unknown or not valid.
    pub async fn search(&self, parameters: &[(&str, &str)]) -> Result<Linked<EventView>, ClientError> {
        let question = Question { query: parameters, body: None };
        Linked::of(&self.0.ask(Method::GET, &["api", "v1", "events"], question).await?)
    }

    /// Delivers it again to every configuration it matched, with a fresh set of attempts.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn replay(&self, id: &str) -> Result<ReplayedEvent, ClientError> {
        self.0.act(&["api", "v1", "events", id, "replay"]).await
    }
}

/// What a replay put into the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayedEvent {
    /// The event.
    pub event_id: String,
    /// Its deliveries that will be attempted again.
    pub deliveries: Vec<DeliveryId>,
}
