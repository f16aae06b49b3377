//! The few management calls a scenario needs: authorize a domain, create, change and delete configurations.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The secret every configuration of the benchmark signs with.
const SECRET: &str = "benchmark-secret-of-thirty-two-b";

/// A client of one service; a connection a call, for none of these calls is measured.
#[derive(Debug)]
pub(crate) struct Api {
    address: SocketAddr,
    key: Option<String>,
}

/// Status and JSON body of an answer (`Null` when it has none).
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Api {
    /// A client of the service at `address`; `key` is an operator's, where one is asked for.
    pub(crate) fn new(address: SocketAddr, key: Option<String>) -> Self {
        Self { address, key }
    }

    /// `GET path`.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path, None).await
    }

    /// Authorizes the host and port of the receiver for plain HTTP; an authorization that exists already is kept.
    pub(crate) async fn authorize(&self, receiver: SocketAddr) -> Result<()> {
        let domain = json!({"domain": receiver.to_string(), "verified": true, "requireHttps": false});
        let answer = self.call(Method::POST, "/api/v1/authorized-domains", Some(domain)).await?;
        ensure!([201, 409].contains(&answer.status), "authorizing the receiver: {}", answer.body);
        Ok(())
    }

    /// Has payloads stored encrypted from now on.
    pub(crate) async fn encrypt_payloads(&self) -> Result<()> {
        let tenant = json!({"id": "default"});
        let answer = self.call(Method::POST, "/api/v1/tenants", Some(tenant)).await?;
        ensure!([201, 409].contains(&answer.status), "registering the tenant: {}", answer.body);
        let option = json!({"payloadEncryption": true});
        let answer = self.call(Method::PATCH, "/api/v1/tenants/default", Some(option)).await?;
        ensure!(answer.status == 200, "switching payload encryption on: {}", answer.body);
        Ok(())
    }

    /// Creates a signed configuration for one event type and returns its id.
    pub(crate) async fn configure(&self, url: &str, event_type: &str) -> Result<String> {
        let configuration = json!({
            "name": event_type, "url": url, "httpMethod": "POST", "status": "ACTIVE",
            "subscribedEventTypes": [event_type], "signatureEnabled": true, "secret": SECRET,
        });
        let answer = self.call(Method::POST, "/api/v1/callback-configurations", Some(configuration)).await?;
        ensure!(answer.status == 201, "creating a configuration: {} {}", answer.status, answer.body);
        answer.body["id"].as_str().map(str::to_owned).context("a configuration without id")
    }

    /// Sets a configuration's status.
    pub(crate) async fn set_status(&self, id: &str, status: &str) -> Result<()> {
        let path = format!("/api/v1/callback-configurations/{id}");
        let answer = self.call(Method::PATCH, &path, Some(json!({"status": status}))).await?;
        ensure!(answer.status == 200, "setting a status: {} {}", answer.status, answer.body);
        Ok(())
    }

    /// Subscribes to a Kafka topic, from its beginning, and returns the subscription's id.
    pub(crate) async fn subscribe(&self, topic: &str) -> Result<String> {
        let subscription = json!({
            "name": topic, "messagingSystemType": "KAFKA", "topicOrQueue": topic, "consumerGroupId": topic,
        });
        let answer = self.call(Method::POST, "/api/v1/event-subscriptions", Some(subscription)).await?;
        ensure!(answer.status == 201, "creating a subscription: {} {}", answer.status, answer.body);
        answer.body["id"].as_str().map(str::to_owned).context("a subscription without id")
    }

    /// Deletes a subscription.
    pub(crate) async fn unsubscribe(&self, id: &str) -> Result<()> {
        let answer = self.call(Method::DELETE, &format!("/api/v1/event-subscriptions/{id}"), None).await?;
        ensure!(answer.status == 204, "deleting a subscription: {} {}", answer.status, answer.body);
        Ok(())
    }

    /// Deletes a configuration.
    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        let answer =
            self.call(Method::DELETE, &format!("/api/v1/callback-configurations/{id}"), None).await?;
        ensure!(answer.status == 204, "deleting a configuration: {} {}", answer.status, answer.body);
        Ok(())
    }

    /// Sends one event outside the measurement and returns how many configurations it matched.
    pub(crate) async fn matched(&self, event_type: &str) -> Result<u64> {
        let event = json!({"type": event_type, "payload": {"seq": "preflight"}});
        let answer = self.call(Method::POST, "/api/v1/events", Some(event)).await?;
        ensure!(answer.status == 202, "sending an event: {} {}", answer.status, answer.body);
        answer.body["matched"].as_u64().context("an answer without `matched`")
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Answer> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(TcpStream::connect(self.address).await?)).await?;
        let connection = tokio::spawn(connection);
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("content-type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request =
            request.body(Full::new(Bytes::from(body.map(|body| body.to_string()).unwrap_or_default())))?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await?.to_bytes();
        drop(sender);
        connection.abort();
        Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }
}
