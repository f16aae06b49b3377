//! The party a request speaks for.

use std::sync::Arc;

use callbacks_interfaces::tenant::{TenantId, TenantScope};
use uuid::Uuid;

use super::role::Role;

/// Who is asking, and what that allows.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose rows it may see and change.
    pub scope: TenantScope,
    /// What it may do with them.
    pub role: Role,
    /// Who it is, for the audit log: `api-key:<id>`, `jwt:<sub>`, or `unauthenticated`.
    pub actor: Arc<str>,
}

impl Caller {
    /// Everyone, where nobody has to authenticate: sees every tenant. The service then listens on loopback only.
    #[must_use]
    pub fn operator() -> Self {
        Self { scope: TenantScope::All, role: Role::Operator, actor: "unauthenticated".into() }
    }

    /// The holder of a key. A key that belongs to no tenant is an operator's, and only such a key is: `None` for a row
    /// that says otherwise.
    #[must_use]
    pub fn of_key(id: Uuid, role: Role, tenant: Option<TenantId>) -> Option<Self> {
        Self::of(format!("api-key:{id}"), role, tenant)
    }

    /// The subject of a token. Role and tenant go together as with a key, or it is `None`.
    #[must_use]
    pub fn of_token(subject: &str, role: Role, tenant: Option<TenantId>) -> Option<Self> {
        Self::of(format!("jwt:{subject}"), role, tenant)
    }

    fn of(actor: String, role: Role, tenant: Option<TenantId>) -> Option<Self> {
        let scope = match (role, tenant) {
            (Role::Operator, None) => TenantScope::All,
            (Role::Operator, Some(_)) | (_, None) => return None,
            (_, Some(tenant)) => TenantScope::One(tenant),
        };
        Some(Self { scope, role, actor: actor.into() })
    }

    /// Whether this caller's word is enough to make an authorized domain verified.
    #[must_use]
    pub fn may_verify(&self) -> bool {
        matches!(self.scope, TenantScope::All)
    }

    /// The name under which this caller's idempotency keys are kept; empty for the operator.
    #[must_use]
    pub fn tenant_key(&self) -> String {
        match &self.scope {
            TenantScope::One(tenant) => tenant.as_str().to_owned(),
            TenantScope::All => String::new(),
        }
    }
}
