//! The REST calls the tests make.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

/// The secret of every configuration made here.
pub(crate) const SECRET: &str = "an-end-to-end-secret";

/// A client of one replica.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    base: String,
}

/// An answer to a call.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

impl Api {
    /// A client of the replica at a loopback port.
    pub(crate) fn new(port: u16) -> Self {
        let client =
            Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().expect("a client is built");
        Self { client, base: format!("http://127.0.0.1:{port}") }
    }

    /// Where the replica is: scheme, host and port.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The same client, with an API key.
    pub(crate) fn with_key(self, key: &str) -> Self {
        let value = format!("Bearer {key}").parse().expect("a header value");
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        let client = Client::builder().no_proxy().default_headers(headers).timeout(Duration::from_secs(20));
        Self { client: client.build().expect("a client is built"), base: self.base }
    }

    /// Calls `path`, with a JSON body if there is one.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Answer> {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        let response = request.send().await?;
        let status = response.status();
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = response.text().await?;
        Ok(Answer { status, retry_after, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    /// [`Api::call`] that must be answered with `expected`; returns the body.
    pub(crate) async fn expect(
        &self,
        expected: u16,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Value {
        let answer = self.call(method.clone(), path, body).await.expect("the service answers");
        assert_eq!(answer.status.as_u16(), expected, "{method} {path}: {}", answer.body);
        answer.body
    }

    /// Status of the readiness probe; `None` when nobody answers.
    pub(crate) async fn readiness(&self) -> Option<u16> {
        let answer = self.call(Method::GET, "/actuator/health/readiness", None).await.ok()?;
        Some(answer.status.as_u16())
    }

    /// Authorizes `host:port` for plain HTTP.
    pub(crate) async fn authorize(&self, domain: &str) {
        let domain = json!({"domain": domain, "verified": true, "requireHttps": false});
        self.expect(201, Method::POST, "/api/v1/authorized-domains", Some(&domain)).await;
    }

    /// Creates a signed configuration with quick retries for one event type; `changes` override its fields.
    pub(crate) async fn configure(&self, url: &str, event_type: &str, changes: Value) -> String {
        let mut configuration = json!({
            "name": event_type, "url": url, "httpMethod": "POST", "status": "ACTIVE",
            "subscribedEventTypes": [event_type], "signatureEnabled": true, "secret": SECRET,
            "retryDelayMs": 500, "maxRetries": 10,
        });
        for (field, value) in changes.as_object().expect("changes are an object") {
            configuration[field] = value.clone();
        }
        let made =
            self.expect(201, Method::POST, "/api/v1/callback-configurations", Some(&configuration)).await;
        made["id"].as_str().expect("a configuration has an id").to_owned()
    }

    /// Changes some fields of a configuration.
    pub(crate) async fn change(&self, configuration: &str, changes: Value) {
        let path = format!("/api/v1/callback-configurations/{configuration}");
        self.expect(200, Method::PATCH, &path, Some(&changes)).await;
    }

    /// Sends an event that must be accepted; returns the answer.
    pub(crate) async fn publish(&self, event_type: &str, payload: Value) -> Value {
        let event = json!({"type": event_type, "payload": payload});
        self.expect(202, Method::POST, "/api/v1/events", Some(&event)).await
    }

    /// Every execution of a configuration with `status`.
    pub(crate) async fn executions(&self, configuration: &str, status: &str) -> Vec<Value> {
        // By id: rows that are added while we turn pages push others onto the next page, where they appear again.
        let mut executions = BTreeMap::new();
        for page in 0.. {
            let filters = json!({"configurationId": configuration, "status": status});
            let request = json!({"page": page, "size": 500, "filters": filters});
            let found =
                self.expect(200, Method::POST, "/api/v1/callback-executions/filter", Some(&request)).await;
            for execution in found["content"].as_array().expect("a page has content") {
                let id = execution["id"].as_str().expect("an execution has an id");
                executions.insert(id.to_owned(), execution.clone());
            }
            if found["last"] == Value::Bool(true) {
                break;
            }
        }
        executions.into_values().collect()
    }
}
