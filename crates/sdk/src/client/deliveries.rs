use callbacks_interfaces::delivery::DeliveryView;
use callbacks_interfaces::ids::DeliveryId;
use reqwest::Method;

use super::connection::{Client, Question};
use super::linked::Linked;
use crate::error::ClientError;

/// `/api/v1/deliveries`.
#[derive(Debug)]
pub struct Deliveries<'a>(&'a Client);

impl Client {
    /// Deliveries: what is under way or waiting.
    #[must_use]
    pub fn deliveries(&self) -> Deliveries<'_> {
        Deliveries(self)
    }
}

impl Deliveries<'_> {
    /// Those that wait, newest event first. Parameters: `configurationId`, `cursor`, `limit`.
    ///
    /// # Errors
    /// When a parameter is not valid.
    pub async fn waiting(&self, parameters: &[(&str, &str)]) -> Result<Linked<DeliveryView>, ClientError> {
        let question = Question { query: parameters, body: None };
        Linked::of(&self.0.ask(Method::GET, &["api", "v1", "deliveries"], question).await?)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn get(&self, id: DeliveryId) -> Result<DeliveryView, ClientError> {
        self.0.get(&["api", "v1", "deliveries", &id.to_string()], &[]).await
    }

    /// Has it attempted now instead of at its due time.
    ///
    /// # Errors
    /// 409 when it is not waiting.
    pub async fn retry(&self, id: DeliveryId) -> Result<DeliveryView, ClientError> {
        self.0.act(&["api", "v1", "deliveries", &id.to_string(), "retry"]).await
    }

    /// Has it never attempted again.
    ///
    /// # Errors
    /// 409 when it is not waiting.
    pub async fn cancel(&self, id: DeliveryId) -> Result<(), ClientError> {
        self.0.act(&["api", "v1", "deliveries", &id.to_string(), "cancel"]).await
    }
}
