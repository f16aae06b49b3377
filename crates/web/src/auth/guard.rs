//! Lets a request in with its caller, or says why not.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use callbacks_core::access::caller::Caller;
use callbacks_core::access::key_ring::{KeyRing, Refusal};
use callbacks_core::access::permissions::permits;
use callbacks_core::access::tokens::recognition::TokenReader;

use crate::auth::credential::credential;
use crate::auth::route_table::{Door, door};
use crate::problem_response::ApiError;

/// Who must show what.
#[derive(Clone)]
pub enum Guard {
    /// Nobody: every caller is the operator.
    Open,
    /// Everybody, an API key.
    ApiKeys(Arc<KeyRing>),
    /// Everybody, a token of the identity provider.
    Tokens {
        /// Reads them.
        tokens: Arc<TokenReader>,
        /// Knows the keys, and which tenants were switched off.
        ring: Arc<KeyRing>,
        /// Whether an API key will do as well.
        or_keys: bool,
    },
}

/// What every API key begins with, and no token.
const KEY_MARK: &str = "cbk_";

impl Guard {
    /// Looks at a request before anything of it is read but its head; what it finds travels on in the extensions.
    pub(crate) async fn admit(&self, request: &mut Request) -> Result<(), ApiError> {
        if matches!(self, Self::Open) {
            request.extensions_mut().insert(Caller::operator());
            return Ok(());
        }
        // No route matched: there is nothing to protect, and the answer is 404.
        let Some(route) = request.extensions().get::<MatchedPath>().cloned() else { return Ok(()) };
        let door = door(request.method(), route.as_str());
        if door == Door::Open {
            return Ok(());
        }
        let presented = credential(request.headers()).ok_or(ApiError::Unauthorized)?;
        let caller = self.recognise(presented).await.map_err(refused)?;
        match door {
            Door::For(operation) if permits(caller.role, operation) => {}
            Door::WrongMethod(allowed) => {
                return Err(ApiError::MethodNotServed { method: request.method().clone(), allowed });
            }
            Door::For(_) | Door::Open | Door::Unlisted => {
                let message = format!("The role {} may not do this", caller.role);
                return Err(ApiError::Forbidden(message));
            }
        }
        request.extensions_mut().insert(caller);
        Ok(())
    }

    async fn recognise(&self, presented: &str) -> Result<Caller, Refusal> {
        match self {
            Self::Open => Ok(Caller::operator()),
            Self::ApiKeys(ring) => ring.recognise(presented),
            Self::Tokens { ring, or_keys, .. } if presented.starts_with(KEY_MARK) => {
                if *or_keys {
                    ring.recognise(presented)
                } else {
                    Err(Refusal::Unknown)
                }
            }
            Self::Tokens { tokens, .. } => tokens.recognise(presented).await,
        }
    }

    /// Has the change of a key or a tenant take effect here at once; other replicas are notified by the database. A
    /// failure is not the caller's: the change is stored, and the keys are looked at again within a second.
    pub(crate) async fn refresh(&self) {
        if let Self::ApiKeys(ring) | Self::Tokens { ring, .. } = self
            && let Err(error) = ring.refresh().await
        {
            tracing::warn!(%error, "the change of a key will take effect a little later");
        }
    }
}

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Unknown => ApiError::Unauthorized,
        Refusal::Token(fault) => ApiError::TokenRefused(fault.to_string()),
        Refusal::Powerless(sentence) => ApiError::Forbidden(sentence),
        Refusal::Unavailable { retry_after } => ApiError::Unavailable { retry_after },
        Refusal::TooMany { retry_after } => ApiError::TooManyRequests { retry_after },
    }
}
