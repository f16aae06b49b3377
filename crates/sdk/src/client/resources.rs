use std::collections::BTreeMap;

use callbacks_interfaces::authorized_domain::AuthorizedDomain;
use callbacks_interfaces::callback_configuration::{CallbackConfiguration, CallbackStatus};
use callbacks_interfaces::callback_execution::CallbackExecution;
use callbacks_interfaces::event_subscription::EventSubscription;
use callbacks_interfaces::ids::{ConfigurationId, DomainId, SubscriptionId};
use callbacks_interfaces::instant;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::subscription_status::SubscriptionStatus;
use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use time::OffsetDateTime;

use super::connection::{Client, Question};
use super::resource::Resource;
use crate::error::ClientError;

/// `/api/v1/callback-configurations`.
pub type Configurations<'a> = Resource<'a, CallbackConfiguration, ConfigurationId>;
/// `/api/v1/authorized-domains`.
pub type Domains<'a> = Resource<'a, AuthorizedDomain, DomainId>;
/// `/api/v1/event-subscriptions`.
pub type Subscriptions<'a> = Resource<'a, EventSubscription, SubscriptionId>;

impl Client {
    /// Callback configurations: the endpoints of tenants.
    #[must_use]
    pub fn configurations(&self) -> Configurations<'_> {
        Resource::new(self, "callback-configurations")
    }

    /// Authorized domains: the hosts tenants may send callbacks to.
    #[must_use]
    pub fn domains(&self) -> Domains<'_> {
        Resource::new(self, "authorized-domains")
    }

    /// Event subscriptions: the broker topics events are taken from.
    #[must_use]
    pub fn subscriptions(&self) -> Subscriptions<'_> {
        Resource::new(self, "event-subscriptions")
    }
}

impl Configurations<'_> {
    /// Deletes one.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn delete(&self, id: ConfigurationId) -> Result<(), ClientError> {
        self.remove(id, &[]).await
    }

    /// Gives it a generated secret; the previous one signs beside it for 24 h.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn rotate_secret(&self, id: ConfigurationId) -> Result<RotatedSecret, ClientError> {
        self.act(id, "secret").await
    }

    /// Gives it the secret named; the previous one signs beside it for 24 h.
    ///
    /// # Errors
    /// When the secret is not of a form the configuration's scheme takes.
    pub async fn set_secret(
        &self,
        id: ConfigurationId,
        secret: &SecretText,
    ) -> Result<RotatedSecret, ClientError> {
        let body = json!({"secret": secret.expose()});
        self.client.send(Method::POST, &["api", "v1", self.name, &id.to_string(), "secret"], &body).await
    }

    /// Keeps its deliveries until it is resumed.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn pause(&self, id: ConfigurationId) -> Result<CallbackConfiguration, ClientError> {
        self.act(id, "pause").await
    }

    /// Makes it ACTIVE and forgets its failures.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn resume(&self, id: ConfigurationId) -> Result<CallbackConfiguration, ClientError> {
        self.act(id, "resume").await
    }

    /// Sends it a sample event now and answers with what happened, within 20 s.
    ///
    /// # Errors
    /// 409 when it is not active, or held.
    pub async fn test(&self, id: ConfigurationId) -> Result<CallbackExecution, ClientError> {
        self.act(id, "test").await
    }

    /// Its numbers.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn statistics(&self, id: ConfigurationId) -> Result<ConfigurationStatistics, ClientError> {
        self.client.get(&["api", "v1", self.name, &id.to_string(), "stats"], &[]).await
    }
}

impl Domains<'_> {
    /// Deletes one; `domain` must be its name, a guard against deleting another than meant.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn delete(&self, id: DomainId, domain: &str) -> Result<(), ClientError> {
        self.remove(id, &[("domain", domain)]).await
    }

    /// Marks it as verified by the method named, or has the service check the proof of control.
    ///
    /// # Errors
    /// When control is not proven.
    pub async fn verify(&self, domain: &str, method: &str) -> Result<(), ClientError> {
        let question = Question { query: &[("verificationMethod", method)], body: None };
        self.client.ask(Method::POST, &["api", "v1", self.name, domain, "verify"], question).await.map(drop)
    }
}

impl Subscriptions<'_> {
    /// Deletes one.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn delete(&self, id: SubscriptionId) -> Result<(), ClientError> {
        self.remove(id, &[]).await
    }

    /// Lets its consumers run.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn activate(&self, id: SubscriptionId) -> Result<EventSubscription, ClientError> {
        self.act(id, "activate").await
    }

    /// Stops its consumers.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn deactivate(&self, id: SubscriptionId) -> Result<EventSubscription, ClientError> {
        self.act(id, "deactivate").await
    }

    /// How its consumers are doing.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn status(&self, id: SubscriptionId) -> Result<SubscriptionStatus, ClientError> {
        self.client.get(&["api", "v1", self.name, &id.to_string(), "status"], &[]).await
    }
}

/// A new signing secret: the only answer that ever shows one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotatedSecret {
    /// The configuration.
    pub id: ConfigurationId,
    /// The new secret; `None` when the answer is a repeated one (see [`Client::idempotent`]).
    #[serde(deserialize_with = "secret")]
    pub secret: Option<SecretText>,
    /// Until when the previous one signs too; `None` if there was none.
    #[serde(with = "instant::option")]
    pub previous_secret_expires_at: Option<OffsetDateTime>,
}

/// A secret that is shown once, and `null` afterwards.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretText>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(SecretText::try_from).transpose().map_err(serde::de::Error::custom)
}

/// Numbers of one configuration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationStatistics {
    /// The configuration.
    pub configuration_id: ConfigurationId,
    /// Its status.
    pub status: CallbackStatus,
    /// Failed deliveries since the last success.
    pub failure_count: i32,
    /// From how many of them on it is paused.
    pub failure_threshold: i32,
    /// When a delivery last succeeded.
    #[serde(with = "instant::option")]
    pub last_success_at: Option<OffsetDateTime>,
    /// When a delivery last failed.
    #[serde(with = "instant::option")]
    pub last_failure_at: Option<OffsetDateTime>,
    /// Executions of the last 24 hours, by the name of their status.
    #[serde(rename = "executionsLast24h")]
    pub executions_last_24h: BTreeMap<String, i64>,
    /// Half of the requests of the last 24 hours took at most this long, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 95 % of the requests of the last 24 hours took at most this long, in milliseconds.
    pub p95_ms: Option<f64>,
}
