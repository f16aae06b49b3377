//! svc-infra's webhook routes: a subscription is a configuration, a test-fire is an event.

use std::time::Duration;

use callbacks_interfaces::callback_configuration::CallbackConfiguration;
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::event_submission::EventSubmission;
use callbacks_interfaces::field_errors::{FieldError, ValidationErrors};
use callbacks_interfaces::filter::FilterRequest;
use callbacks_interfaces::ids::{ConfigurationId, EventRowId};
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use callbacks_interfaces::wire_profile::WireProfile;
use callbacks_models::callback_configurations as stored;
use callbacks_models::secret_column::SecretState;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::Management;
use super::error::ManagementError;
use super::events::accept_one;
use super::idempotency::{self, Claim, IdempotentRequest};
use super::{callback_configurations, secret_rotation};

/// How long a subscription waits for one with the same topic and URL that is being written.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(25);
/// Most configurations looked through for one URL.
const CANDIDATES: usize = 500;

/// Subscribes a URL to a topic (`topic`, `url`, `secret`; operators may name a `tenantId`): the same pair keeps its
/// configuration and gets the new secret.
pub async fn subscribe(
    desk: &Management,
    scope: &TenantScope,
    body: &Map<String, Value>,
) -> Result<ConfigurationId, ManagementError> {
    let wanted = Wanted::read(body)?;
    let turn = wanted.turn(scope);
    take_turn(desk, &turn).await?;
    let written = wanted.write(desk, scope).await;
    if let Err(error) = idempotency::release(desk, &turn).await {
        tracing::warn!(%error, "a subscription's turn could not be given back; the next waits until it is considered abandoned");
    }
    written
}

/// Sends an event of a topic to who subscribed to it; answers with svc-infra's number of it, 0 when nobody did.
pub async fn test_fire(
    desk: &Management,
    scope: &TenantScope,
    body: &Map<String, Value>,
) -> Result<u64, ManagementError> {
    let Some(topic) = body.get("topic").and_then(Value::as_str).filter(|topic| !topic.is_empty()) else {
        return Err(missing(&["topic"], "Missing topic"));
    };
    let payload = body.get("payload").filter(|payload| !payload.is_null()).cloned().unwrap_or(json!({}));
    let mut event = Map::from_iter([
        ("type".to_owned(), json!(topic)),
        ("payload".to_owned(), payload),
        ("source".to_owned(), json!("svc-infra")),
    ]);
    event.extend(body.get_key_value("tenantId").map(|(name, tenant)| (name.clone(), tenant.clone())));
    let submission = EventSubmission::parse(Value::Object(event).to_string().as_bytes()).map_err(as_topic)?;
    let accepted = accept_one(desk, scope, submission).await?;
    let number = accepted.row_id.map(outbox_number).unwrap_or_default();
    Ok(if accepted.matched == 0 { 0 } else { number })
}

/// A number for an event where svc-infra has that of an outbox row: it grows with time, and every JSON reader can hold it.
fn outbox_number(event: EventRowId) -> u64 {
    // The milliseconds of a version 7 UUID, and the twelve bits that tell those of one millisecond apart.
    let (high, _) = event.uuid().as_u64_pair();
    ((high >> 16) << 12 | (high & 0xfff)) & ((1 << 53) - 1)
}

/// What svc-infra calls a topic is the type of an event.
fn as_topic(errors: ValidationErrors) -> ManagementError {
    let renamed = errors.0.into_iter().map(|error| match error.field.as_str() {
        "type" => FieldError { field: "topic".to_owned(), ..error },
        _ => error,
    });
    ValidationErrors(renamed.collect()).into()
}

fn missing(fields: &[&str], message: &str) -> ManagementError {
    let errors = fields.iter().map(|field| FieldError::new(*field, "NotBlank", message));
    ValidationErrors(errors.collect()).into()
}

/// A subscription as it is asked for.
struct Wanted<'a> {
    topics: Vec<&'a str>,
    url: &'a str,
    /// The URL as it is stored.
    canonical: String,
    secret: &'a str,
    tenant: Option<&'a Value>,
}

impl<'a> Wanted<'a> {
    fn read(body: &'a Map<String, Value>) -> Result<Self, ManagementError> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let topics = match body.get("topic") {
            Some(Value::Array(topics)) if topics.is_empty() => Some(vec!["*"]),
            Some(Value::Array(topics)) => topics.iter().map(Value::as_str).collect(),
            _ => text("topic").map(|topic| vec![topic]),
        };
        match (topics, text("url"), text("secret")) {
            (Some(topics), Some(url), Some(secret)) => {
                // What is no callback URL is refused when it is written.
                let canonical =
                    CallbackUrl::try_from(url).map_or(url.to_owned(), |url| url.as_str().to_owned());
                Ok(Self { topics, url, canonical, secret, tenant: body.get("tenantId") })
            }
            (topics, url, secret) => {
                let absent =
                    [("topic", topics.is_none()), ("url", url.is_none()), ("secret", secret.is_none())];
                let names: Vec<&str> =
                    absent.into_iter().filter(|(_, absent)| *absent).map(|(name, _)| name).collect();
                Err(missing(&names, "Missing topic/url/secret"))
            }
        }
    }

    /// What keeps two writers of one subscription apart, on all replicas.
    fn turn(&self, scope: &TenantScope) -> IdempotentRequest {
        let mut digest = Sha256::new();
        for part in self.topics.iter().copied().chain([self.canonical.as_str()]) {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        let tenant = match scope {
            TenantScope::One(own) => own.as_str(),
            TenantScope::All => self.tenant.and_then(Value::as_str).unwrap_or_default(),
        };
        IdempotentRequest {
            tenant: tenant.to_owned(),
            method: "TURN".to_owned(),
            path: "/_webhooks/subscriptions".to_owned(),
            key: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            body_hash: [0; 32],
        }
    }

    async fn write(
        &self,
        desk: &Management,
        scope: &TenantScope,
    ) -> Result<ConfigurationId, ManagementError> {
        let Some(existing) = self.existing(desk, scope).await? else {
            return Ok(callback_configurations::create(desk, scope, &self.body()).await?.id);
        };
        let known = stored::secret(&desk.store, scope, existing.id).await?;
        if !matches!(known, SecretState::Ready(secret) if secret.expose() == self.secret) {
            let body = Map::from_iter([("secret".to_owned(), json!(self.secret))]);
            secret_rotation::rotate(desk, scope, existing.id, &body).await?;
        }
        Ok(existing.id)
    }

    /// The oldest configuration of this topic and URL.
    async fn existing(
        &self,
        desk: &Management,
        scope: &TenantScope,
    ) -> Result<Option<CallbackConfiguration>, ManagementError> {
        let tenant = match (scope, self.tenant) {
            (TenantScope::One(own), _) => json!(own),
            (TenantScope::All, Some(named)) => named.clone(),
            (TenantScope::All, None) => json!(TenantId::default_tenant()),
        };
        let filters =
            json!({ "url": self.canonical, "wireProfile": WireProfile::SvcInfra, "tenantId": tenant });
        let request = json!({ "filters": filters, "sort": ["createdAt,asc"], "size": CANDIDATES });
        let request = request.as_object().cloned().unwrap_or_default();
        let found = stored::filter(&desk.store, scope, &FilterRequest::from_body(&request)?).await?;
        Ok(found.content.into_iter().find(|one| one.subscribed_event_types == self.topics))
    }

    fn body(&self) -> Map<String, Value> {
        let name: String = format!("svc-infra {}", self.topics.join(", ")).chars().take(255).collect();
        let mut body = Map::from_iter([
            ("name".to_owned(), json!(name)),
            ("url".to_owned(), json!(self.url)),
            ("subscribedEventTypes".to_owned(), json!(self.topics)),
            ("wireProfile".to_owned(), json!(WireProfile::SvcInfra)),
            ("secret".to_owned(), json!(self.secret)),
        ]);
        body.extend(self.tenant.map(|tenant| ("tenantId".to_owned(), tenant.clone())));
        body
    }
}

async fn take_turn(desk: &Management, turn: &IdempotentRequest) -> Result<(), ManagementError> {
    let deadline = Instant::now() + PATIENCE;
    while idempotency::claim(desk, turn).await? != Claim::First {
        if Instant::now() >= deadline {
            let message = "The same subscription is being written by another request; send it again";
            return Err(ManagementError::Conflict(message.to_owned()));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_and_fit_everywhere() {
        let mut last = 0;
        for _ in 0..1000 {
            let number = outbox_number(EventRowId::now_v7());
            assert!(number < 1 << 53 && number > 0);
            assert!(number >> 12 >= last >> 12, "they follow time");
            last = number;
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let fields = |body: Value| {
            let members = body.as_object().expect("an object").clone();
            match Wanted::read(&members) {
                Err(ManagementError::Invalid(errors)) => {
                    errors.0.into_iter().map(|error| error.field).collect()
                }
                _ => Vec::new(),
            }
        };
        assert_eq!(fields(json!({})), ["topic", "url", "secret"]);
        assert_eq!(fields(json!({"topic": "", "url": "u", "secret": 5})), ["topic", "secret"]);
        assert_eq!(fields(json!({"topic": ["a", 1], "url": "u", "secret": "s"})), ["topic"]);
        assert!(fields(json!({"topic": "t", "url": "u", "secret": "s"})).is_empty());
    }
}
