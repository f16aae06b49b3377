//! Reads the audit log. What is told in it, each change tells itself (`Management::acting`).

use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::instant;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::audit_log::{self as stored, AuditLink};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Management;
use super::error::ManagementError;
use super::position::{Position, Slice};

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
