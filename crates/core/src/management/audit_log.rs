//! The audit log: what a thing looks like before and after a change, the entry that tells of it, and reading them.

use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::instant;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::audit_log::{self as stored, AuditLink};
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Management;
use super::error::ManagementError;
use super::position::{Position, Slice};
use super::{api_keys, authorized_domains, callback_configurations};
use super::{event_subscriptions, event_types, tenants};
use crate::access::audit_chain::{self, Happening};
use crate::clock::{Clock, SystemClock};

/// Most rows of one answer.
pub const MAX_ROWS: usize = 500;

/// An entry as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditView {
    /// The entry.
    pub id: Uuid,
    /// Its place in its tenant's chain.
    pub number: i64,
    /// When it happened.
    #[serde(with = "instant")]
    pub at: OffsetDateTime,
    /// Whose thing was changed; absent for the service itself.
    pub tenant_id: Option<String>,
    /// Who did it.
    pub actor: String,
    /// In which role.
    pub role: String,
    /// What was done: method and route.
    pub operation: String,
    /// To what: the path.
    pub target: String,
    /// How it was answered.
    pub status: i16,
    /// What it was before, without secrets.
    pub before: Option<Value>,
    /// What it was after, without secrets.
    pub after: Option<Value>,
    /// Hash over this entry and the one before it, hexadecimal.
    pub hash: String,
}

impl From<AuditLink> for AuditView {
    fn from(link: AuditLink) -> Self {
        let entry = link.entry;
        let document = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            id: entry.id,
            number: link.number,
            at: entry.at,
            tenant_id: Some(entry.tenant_id).filter(|tenant| !tenant.is_empty()),
            actor: entry.actor,
            role: entry.role,
            operation: entry.operation,
            target: entry.target,
            status: entry.status,
            before: document(entry.before),
            after: document(entry.after),
            hash: hex::encode(link.hash),
        }
    }
}

/// What a thing looks like now to whoever may see `scope`; nothing when there is none, or it is of a kind that has no
/// state of its own. Views hold no secrets.
pub async fn look(desk: &Management, scope: &TenantScope, resource: &str, id: &str) -> Option<Value> {
    match resource {
        "callback-configurations" => shown(callback_configurations::get(desk, scope, id.parse().ok()?).await),
        "authorized-domains" => shown(authorized_domains::get(desk, scope, id.parse().ok()?).await),
        "event-subscriptions" => shown(event_subscriptions::get(desk, scope, id.parse().ok()?).await),
        "event-types" => {
            let named = event_types::Named { name: id, tenant: None };
            shown(event_types::get(desk, scope, named).await)
        }
        "api-keys" => shown(api_keys::get(desk, id.parse().ok()?).await),
        "tenants" => shown(tenants::get(desk, &id.parse().ok()?).await),
        _ => None,
    }
}

fn shown<T: Serialize>(found: Result<T, ManagementError>) -> Option<Value> {
    found.ok().map(|view| json!(view))
}

/// Tells of a change that was made.
pub async fn record(desk: &Management, happening: Happening) -> Result<(), ManagementError> {
    Ok(audit_chain::append(&desk.store, SystemClock.now(), happening).await?)
}

/// Entries in scope, newest first.
pub async fn newest(
    desk: &Management,
    scope: &TenantScope,
    position: Position,
) -> Result<Slice<AuditView>, ManagementError> {
    let rows = stored::newest(&desk.store, scope, position.before, i64::from(position.one_more())).await?;
    let rows = rows.into_iter().map(AuditView::from).collect();
    Ok(Slice::cut(rows, position, |entry| Cursor::from(entry.id)))
}
