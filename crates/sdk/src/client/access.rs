use callbacks_interfaces::instant;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::tenant::TenantId;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::connection::{Client, Question};
use super::linked::Linked;
use super::resources::secret;
use crate::error::ClientError;

/// `/api/v1/api-keys` (operators only).
#[derive(Debug)]
pub struct ApiKeys<'a>(&'a Client);

/// `/api/v1/tenants` (operators only).
#[derive(Debug)]
pub struct Tenants<'a>(&'a Client);

impl Client {
    /// API keys: who may do what.
    #[must_use]
    pub fn api_keys(&self) -> ApiKeys<'_> {
        ApiKeys(self)
    }

    /// The registered tenants.
    #[must_use]
    pub fn tenants(&self) -> Tenants<'_> {
        Tenants(self)
    }

    /// Every change made over the API, newest first. Parameters: `tenantId`, `cursor`, `limit`.
    ///
    /// # Errors
    /// When a parameter is not valid.
    pub async fn audit_log(&self, parameters: &[(&str, &str)]) -> Result<Linked<AuditEntry>, ClientError> {
        let question = Question { query: parameters, body: None };
        Linked::of(&self.ask(Method::GET, &["api", "v1", "audit-log"], question).await?)
    }
}

impl ApiKeys<'_> {
    /// Makes one; the answer alone shows it. The body is an [`ApiKeyBody`].
    ///
    /// # Errors
    /// [`ClientError::Refused`] names every field that is wrong.
    pub async fn create(&self, body: &ApiKeyBody) -> Result<NewApiKey, ClientError> {
        self.0.send(Method::POST, &["api", "v1", "api-keys"], body).await
    }

    /// All of them without the keys themselves, newest first. Parameters: `tenantId`, `cursor`, `limit`.
    ///
    /// # Errors
    /// When a parameter is not valid.
    pub async fn list(&self, parameters: &[(&str, &str)]) -> Result<Linked<ApiKey>, ClientError> {
        let question = Question { query: parameters, body: None };
        Linked::of(&self.0.ask(Method::GET, &["api", "v1", "api-keys"], question).await?)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn get(&self, id: Uuid) -> Result<ApiKey, ClientError> {
        self.0.get(&["api", "v1", "api-keys", &id.to_string()], &[]).await
    }

    /// Revokes one, for good.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn revoke(&self, id: Uuid) -> Result<(), ClientError> {
        let path = ["api", "v1", "api-keys", &id.to_string()];
        self.0.ask(Method::DELETE, &path, Question::default()).await.map(drop)
    }
}

impl Tenants<'_> {
    /// Registers one.
    ///
    /// # Errors
    /// 409 when it is registered already.
    pub async fn create(&self, id: &TenantId, name: Option<&str>) -> Result<Tenant, ClientError> {
        let body = serde_json::json!({"id": id, "name": name});
        self.0.send(Method::POST, &["api", "v1", "tenants"], &body).await
    }

    /// All of them, by id. Parameters: `after`, `limit`.
    ///
    /// # Errors
    /// When a parameter is not valid.
    pub async fn list(&self, parameters: &[(&str, &str)]) -> Result<Linked<Tenant>, ClientError> {
        let question = Question { query: parameters, body: None };
        Linked::of(&self.0.ask(Method::GET, &["api", "v1", "tenants"], question).await?)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn get(&self, id: &TenantId) -> Result<Tenant, ClientError> {
        self.0.get(&["api", "v1", "tenants", id.as_str()], &[]).await
    }

    /// Has its API keys accepted, or none of them.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn set_active(&self, id: &TenantId, active: bool) -> Result<Tenant, ClientError> {
        let body = serde_json::json!({"active": active});
        self.0.send(Method::PATCH, &["api", "v1", "tenants", id.as_str()], &body).await
    }

    /// Has its payloads and response bodies stored encrypted with a key of its own from now on, or as they are.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn set_payload_encryption(&self, id: &TenantId, on: bool) -> Result<Tenant, ClientError> {
        let body = serde_json::json!({"payloadEncryption": on});
        self.0.send(Method::PATCH, &["api", "v1", "tenants", id.as_str()], &body).await
    }

    /// Deletes it for good, with everything that acts for it; its encrypted payloads can never be read again.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is none.
    pub async fn delete(&self, id: &TenantId) -> Result<(), ClientError> {
        let path = ["api", "v1", "tenants", id.as_str()];
        self.0.ask(Method::DELETE, &path, Question::default()).await.map(drop)
    }
}

/// What a credential stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the service: every tenant, keys, metrics.
    Operator,
    /// Everything of one tenant.
    TenantAdmin,
    /// Sends events of one tenant and sees what became of them.
    TenantProducer,
    /// Reads everything of one tenant.
    TenantViewer,
}

/// A key to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyBody {
    /// A name for people.
    pub name: String,
    /// What it stands for.
    pub role: Role,
    /// Whose it is; `None` for an operator's, needed for every other role.
    pub tenant_id: Option<TenantId>,
    /// When it ends, RFC 3339; never if `None`.
    pub expires_at: Option<String>,
}

/// A key's data, without the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Its id, the part of the key after `cbk_`.
    pub id: Uuid,
    /// A name for people.
    pub name: String,
    /// What it stands for.
    pub role: Role,
    /// Whose it is; `None` for an operator's.
    pub tenant_id: Option<TenantId>,
    /// When it was made.
    #[serde(with = "instant")]
    pub created_at: OffsetDateTime,
    /// Who made it.
    pub created_by: String,
    /// When it ends.
    #[serde(with = "instant::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    #[serde(with = "instant::option")]
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was used last, to the minute.
    #[serde(with = "instant::option")]
    pub last_used_at: Option<OffsetDateTime>,
}

/// A key that was just made.
#[derive(Debug, Deserialize)]
pub struct NewApiKey {
    /// Its data.
    #[serde(flatten)]
    pub data: ApiKey,
    /// The key itself; `None` when the answer is a repeated one (see [`Client::idempotent`]).
    #[serde(deserialize_with = "secret")]
    pub key: Option<SecretText>,
}

/// A registered tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// A name for people.
    pub name: Option<String>,
    /// Whether its keys are accepted.
    pub active: bool,
    /// Whether its payloads and response bodies are encrypted with a key of its own.
    #[serde(default)]
    pub payload_encryption: bool,
    /// When it was registered.
    #[serde(with = "instant")]
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    #[serde(with = "instant")]
    pub updated_at: OffsetDateTime,
}

/// One change made over the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// The entry.
    pub id: Uuid,
    /// Its place in its tenant's chain, from 1.
    pub number: i64,
    /// When it happened.
    #[serde(with = "instant")]
    pub at: OffsetDateTime,
    /// Whose thing was changed; `None` for the service itself.
    pub tenant_id: Option<TenantId>,
    /// Who did it: `api-key:<id>`, or `command-line:<user>`.
    pub actor: String,
    /// In which role.
    pub role: String,
    /// What was done: method and route.
    pub operation: String,
    /// To what: the path.
    pub target: String,
    /// How it was answered.
    pub status: i32,
    /// What it was before, without secrets.
    pub before: Option<Value>,
    /// What it was after, without secrets.
    pub after: Option<Value>,
    /// Hash over this entry and the one before it, hexadecimal.
    pub hash: String,
}
