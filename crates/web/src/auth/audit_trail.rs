//! Tells the audit log of every change that was made: who, what, and how it looked before and after.
//!
//! The entry is written after the change, in a transaction of its own. A request that changes something is therefore
//! carried through even if its caller goes away; only the end of the process between the two can lose an entry.

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request};
use axum::middleware::Next;
use axum::response::Response;
use callbacks_core::access::audit_chain::Happening;
use callbacks_core::access::caller::Caller;
use callbacks_core::management::audit_log;
use callbacks_interfaces::tenant::TenantScope;
use http::header;
use serde_json::Value;

use crate::metric_names;
use crate::state::AppState;

const API: &str = "/api/v1/";

/// Marks a request whose success is to be told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Audited;

/// Runs the request, and tells of it if it is marked and changed something.
pub(crate) async fn run(state: &AppState, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let marked = parts.extensions.get::<Audited>().is_some();
    let caller = parts.extensions.get::<Caller>().cloned().filter(|_| marked);
    let route = parts.extensions.get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let (Some(caller), Some(route)) = (caller, route) else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let parameters = RawPathParams::from_request_parts(&mut parts, state).await.ok();
    let named = parameters.iter().flatten().next().map(|(_, text)| text.to_owned());
    let trail = Trail {
        resource: route
            .strip_prefix(API)
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_default()
            .to_owned(),
        operation: format!("{} {route}", parts.method),
        target: parts.uri.path().to_owned(),
        caller,
    };
    let before = trail.look(state, named.as_deref()).await;
    let response = next.run(Request::from_parts(parts, body)).await;
    if !response.status().is_success() {
        return response;
    }
    let made = response
        .headers()
        .get(header::LOCATION)
        .and_then(|location| location.to_str().ok()?.rsplit('/').next());
    let after = trail.look(state, named.as_deref().or(made)).await;
    let happening = trail.happening(response.status().as_u16(), before, after);
    // In a task of its own: the deadline of the request must not cut it off.
    let recording = state.background.spawn(record(state.clone(), happening));
    let _ = recording.await;
    response
}

struct Trail {
    resource: String,
    operation: String,
    target: String,
    caller: Caller,
}

impl Trail {
    async fn look(&self, state: &AppState, id: Option<&str>) -> Option<Value> {
        audit_log::look(&state.management, &self.caller.scope, &self.resource, id?).await
    }

    fn happening(self, status: u16, before: Option<Value>, after: Option<Value>) -> Happening {
        let owner = [&after, &before].into_iter().flatten().find_map(|view| view["tenantId"].as_str());
        let tenant_id = match (&self.caller.scope, owner) {
            (TenantScope::One(own), _) => own.as_str().to_owned(),
            (TenantScope::All, owner) => owner.unwrap_or_default().to_owned(),
        };
        Happening {
            tenant_id,
            actor: self.caller.actor.to_string(),
            role: self.caller.role.to_string(),
            operation: self.operation,
            target: self.target,
            status,
            before,
            after,
        }
    }
}

async fn record(state: AppState, happening: Happening) {
    let told = format!("{} {} by {}", happening.operation, happening.target, happening.actor);
    if let Err(error) = audit_log::record(&state.management, happening).await {
        metrics::counter!(metric_names::HTTP_AUDIT_FAILURES_TOTAL).increment(1);
        tracing::error!(%error, "a change is missing in the audit log: {told}");
    }
}
