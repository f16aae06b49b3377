use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::connection::{Client, Question};
use crate::error::ClientError;

/// How the service is doing.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct HealthReport {
    /// `UP`, or why not.
    pub status: String,
    /// The parts it depends on.
    #[serde(default)]
    pub components: BTreeMap<String, ComponentHealth>,
}

/// How one part is doing.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ComponentHealth {
    /// `UP`, or why not.
    pub status: String,
    /// What it says about itself.
    #[serde(default)]
    pub details: Map<String, Value>,
}

impl Client {
    /// The public keys of Ed25519 signatures: a JSON Web Key Set, `kid` being the configuration's id.
    ///
    /// # Errors
    /// When the service cannot be reached.
    pub async fn signing_keys(&self) -> Result<serde_json::Value, ClientError> {
        self.get(&[".well-known", "callbacks", "jwks.json"], &[]).await
    }

    /// How the service and its components are doing.
    ///
    /// # Errors
    /// When it does not answer; a service that is down answers 503.
    pub async fn health(&self) -> Result<HealthReport, ClientError> {
        self.get(&["actuator", "health"], &[]).await
    }

    /// Whether requests should be sent to it.
    ///
    /// # Errors
    /// When it does not answer at all.
    pub async fn is_ready(&self) -> Result<bool, ClientError> {
        let asked = self.ask(Method::GET, &["actuator", "health", "readiness"], Question::default()).await;
        match asked {
            Ok(_) => Ok(true),
            Err(error) if error.status() == Some(503) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
