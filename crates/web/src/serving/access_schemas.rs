//! Tenants, keys and audit entries as the document shows them. Never constructed.

use callbacks_interfaces::domain_policy::DomainPolicy;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// A tenant to register.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TenantRegistration)]
pub struct TenantBody {
    /// Its id, as keys, configurations and events name it.
    #[schema(min_length = 1, max_length = 100)]
    pub id: String,
    /// A name for people.
    #[schema(max_length = 255)]
    pub name: Option<String>,
}

/// What can be changed of a tenant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TenantChange)]
pub struct TenantPatchBody {
    /// A name for people.
    #[schema(max_length = 255)]
    pub name: Option<String>,
    /// Whether its keys are accepted.
    pub active: Option<bool>,
    /// Whether its payloads and response bodies are encrypted with a key of its own.
    pub payload_encryption: Option<bool>,
    /// Whether its callbacks need an authorized domain.
    pub domain_policy: Option<DomainPolicy>,
    /// Networks (CIDR) or addresses its callbacks may reach although they are not globally reachable.
    #[schema(max_items = 100)]
    pub allowed_networks: Option<Vec<String>>,
}

/// A tenant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tenant)]
pub struct TenantViewBody {
    /// Its id.
    pub id: String,
    /// A name for people.
    pub name: Option<String>,
    /// Whether its keys are accepted.
    pub active: bool,
    /// Whether its payloads and response bodies are encrypted with a key of its own.
    pub payload_encryption: bool,
    /// Whether its callbacks need an authorized domain.
    pub domain_policy: DomainPolicy,
    /// Networks its callbacks may reach although they are not globally reachable.
    pub allowed_networks: Vec<String>,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    pub updated_at: OffsetDateTime,
}

/// What a key stands for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = Role)]
pub enum RoleBody {
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
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKeyRequest)]
pub struct ApiKeyBody {
    /// A name for people.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// What it stands for.
    pub role: RoleBody,
    /// Whose it is; absent for an operator's, needed for every other role.
    #[schema(max_length = 100)]
    pub tenant_id: Option<String>,
    /// When it ends; never if absent.
    pub expires_at: Option<OffsetDateTime>,
}

/// A key's data, without the key itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKey)]
pub struct ApiKeyViewBody {
    /// Its id, the part of the key after `cbk_`.
    pub id: Uuid,
    /// A name for people.
    pub name: String,
    /// What it stands for.
    pub role: RoleBody,
    /// Whose it is; null for an operator's.
    pub tenant_id: Option<String>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Who made it.
    pub created_by: String,
    /// When it ends.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = NewApiKey)]
pub struct NewApiKeyBody {
    /// Its data.
    #[serde(flatten)]
    pub data: ApiKeyViewBody,
    /// The key itself, shown this once; null when the answer is replayed for an X-Idempotency-Key.
    pub key: Option<String>,
}

/// An entry of the audit log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
pub struct AuditEntryBody {
    /// The entry.
    pub id: Uuid,
    /// Its place in its tenant's chain, from 1.
    pub number: i64,
    /// When it happened.
    pub at: OffsetDateTime,
    /// Whose thing was changed; null for the service itself.
    pub tenant_id: Option<String>,
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
