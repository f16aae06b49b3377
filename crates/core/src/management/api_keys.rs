//! API keys, for operators.

use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::field_reader::{FieldReader, Size};
use callbacks_interfaces::tenant::TenantId;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Management;
use super::error::ManagementError;
use super::position::{Position, Slice};
use crate::access::caller::Caller;
use crate::access::key_register::{self as register, ApiKeyView, IssueError, KeyRequest, NewKey};
use crate::access::role::{Role, UnknownRole};

const WHAT: &str = "API key";
const NAME: Size = Size { min: 1, max: 255, message: "Name must be between 1 and 255 characters" };

/// Makes one from the members of a request body: `name`, `role`, `tenantId`, `expiresAt`.
pub async fn create(
    desk: &Management,
    caller: &Caller,
    now: OffsetDateTime,
    body: &Map<String, Value>,
) -> Result<NewKey, ManagementError> {
    let request = read(now, body)?;
    register::issue(&desk.store, request, &caller.actor).await.map_err(|error| match error {
        IssueError::RoleAndTenant | IssueError::TenantDeleted(_) => {
            ManagementError::field("tenantId", "Pattern", error.to_string())
        }
        IssueError::Store(error) => error.into(),
    })
}

/// Reads one.
pub async fn get(desk: &Management, id: Uuid) -> Result<ApiKeyView, ManagementError> {
    register::get(&desk.store, id).await?.ok_or_else(|| ManagementError::not_found(WHAT, &id))
}

/// Newest first, of one tenant or of all.
pub async fn list(
    desk: &Management,
    tenant: Option<&TenantId>,
    position: Position,
) -> Result<Slice<ApiKeyView>, ManagementError> {
    let before = position.before.map(Cursor::before);
    let rows = register::list(&desk.store, tenant, before, position.one_more()).await?;
    Ok(Slice::cut(rows, position, |key| Cursor::from(key.id)))
}

/// Revokes one for good.
pub async fn revoke(desk: &Management, id: Uuid) -> Result<(), ManagementError> {
    let revoked = register::revoke(&desk.store, id).await?;
    revoked.map(drop).ok_or_else(|| ManagementError::not_found(WHAT, &id))
}

fn read(now: OffsetDateTime, body: &Map<String, Value>) -> Result<KeyRequest, ManagementError> {
    let mut reader = FieldReader::new(body);
    let name = reader.required_text("name", "Name is required", &NAME);
    let role: Option<Role> = reader.parsed("role", "Enum", |text: &str| text.parse::<Role>());
    let tenant = reader.parsed("tenantId", "Size", |text: &str| TenantId::try_from(text));
    let expires_at = reader.instant("expiresAt");
    if expires_at.is_some_and(|end| end <= now) {
        reader.fail("expiresAt", "Future", "expiresAt must be in the future");
    }
    if role.is_none() && !body.contains_key("role") {
        reader.fail("role", "NotNull", UnknownRole.to_string());
    }
    reader.finish()?;
    let role = role.ok_or_else(|| ManagementError::field("role", "NotNull", UnknownRole.to_string()))?;
    Ok(KeyRequest { name, role, tenant, expires_at })
}
