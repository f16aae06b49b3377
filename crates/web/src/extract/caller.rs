//! Who is asking, and what that allows.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use callbacks_interfaces::tenant::TenantScope;
use http::request::Parts;

use crate::state::AppState;

/// The party a request speaks for.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose rows it may see and change.
    pub scope: TenantScope,
}

impl Caller {
    /// The operator: sees every tenant. Until authentication exists, every caller is the operator; the service then
    /// listens on loopback only.
    #[must_use]
    pub fn operator() -> Self {
        Self { scope: TenantScope::All }
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

impl FromRequestParts<AppState> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(_parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(state.caller())
    }
}
