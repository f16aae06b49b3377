//! Messages that were no events: listed, inspected, replayed as what somebody says they are, or discarded.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::event::EventAccepted;
use callbacks_interfaces::event_type::EventType;
use callbacks_interfaces::ids::{QuarantineId, SubscriptionId};
use callbacks_interfaces::quarantined_message::{QuarantineState, QuarantinedMessage};
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use callbacks_models::error::StoreError;
use callbacks_models::quarantined_messages::{self as stored, StoredQuarantined};
use serde_json::{Map, Value};

use super::Management;
use super::error::ManagementError;
use super::events::intake_error;
use super::position::{Position, Slice};
use crate::intake::received_event::ReceivedEvent;
use crate::sources::extraction::{Extracted, as_event_of_type, extract, given_id};
use crate::sources::message::{Place, Said, SourceMessage};
use crate::sources::shared_tenant;

/// Most messages one answer lists.
pub const MAX_ROWS: usize = 500;

const WHAT: &str = "Quarantined message";

/// Newest first and without their values; of one subscription and in one state where they are given.
pub async fn list(
    desk: &Management,
    scope: &TenantScope,
    subscription: Option<SubscriptionId>,
    state: Option<QuarantineState>,
    position: Position,
) -> Result<Slice<QuarantinedMessage>, ManagementError> {
    let before = position.before.map(|cursor| QuarantineId::from(cursor.before()));
    let limit = i64::from(position.one_more());
    let rows = stored::list(&desk.store, scope, subscription, state, before, limit).await?;
    let listed = |row| view(row).map(|view| QuarantinedMessage { headers: None, ..view });
    let views = rows.into_iter().map(listed).collect::<Result<_, _>>()?;
    Ok(Slice::cut(views, position, |row: &QuarantinedMessage| Cursor::from(row.id.uuid())))
}

/// Reads one, with its value.
pub async fn get(
    desk: &Management,
    scope: &TenantScope,
    id: QuarantineId,
) -> Result<QuarantinedMessage, ManagementError> {
    Ok(view(read(desk, scope, id).await?)?)
}

/// Accepts a message as an event after all: as it is, since the rules may have changed, or with the `type` (and `id`) that
/// `body` gives it; one of a shared subscription also with a `tenantId`. Doing it twice accepts it once.
pub async fn replay(
    desk: &Management,
    scope: &TenantScope,
    id: QuarantineId,
    body: &Map<String, Value>,
) -> Result<EventAccepted, ManagementError> {
    let row = open(read(desk, scope, id).await?)?;
    if truncated(&row) {
        return Err(ManagementError::Conflict(
            "Only the head of this message was kept; it cannot be replayed".to_owned(),
        ));
    }
    let owner = owner_of(&row)?;
    let subscription = SubscriptionId::from(row.subscription_id);
    let message = message_of(row);
    let tenant = tenant_of(owner, &message, body)?;
    desk.check_not_deleted(&tenant, "tenantId")?;
    let event = event_of(&message, subscription, body)?;
    let judged = std::iter::once((event.event_type.as_str(), event.payload.as_ref()));
    if let Some((_, refusal)) = desk.engine.refused_types(&tenant, judged).into_iter().next() {
        return Err(ManagementError::Conflict(format!("This message is still no event: {refusal}")));
    }
    let accepted =
        desk.engine.accept_received(&tenant, vec![event]).await.map_err(|error| intake_error(&error))?;
    stored::mark_replayed(&desk.store, scope, id).await?;
    accepted.into_iter().next().ok_or(ManagementError::Internal)
}

/// The event a message is, or is said to be.
fn event_of(
    message: &SourceMessage,
    subscription: SubscriptionId,
    body: &Map<String, Value>,
) -> Result<ReceivedEvent, ManagementError> {
    let id = text(body, "id")?
        .map(given_id)
        .transpose()
        .map_err(|reason| ManagementError::field("id", "Size", reason))?;
    let extracted = match text(body, "type")? {
        None => extract(message, subscription, usize::MAX),
        Some(named) => {
            let event_type = EventType::try_from(named)
                .map_err(|error| ManagementError::field("type", "Pattern", error.to_string()))?;
            as_event_of_type(message, subscription, &event_type, id.clone())
        }
    };
    match extracted {
        Extracted::Event(event) => Ok(ReceivedEvent { id: id.or_else(|| event.id.clone()), ..*event }),
        Extracted::Tombstone => Err(ManagementError::Conflict(
            "This message has neither a value nor a type; give it a type".to_owned(),
        )),
        Extracted::Poison(reason) => {
            Err(ManagementError::Conflict(format!("This message is still no event: {reason}")))
        }
    }
}

/// Decides that a message is not wanted, and forgets its value.
pub async fn discard(
    desk: &Management,
    scope: &TenantScope,
    id: QuarantineId,
) -> Result<(), ManagementError> {
    open(read(desk, scope, id).await?)?;
    stored::discard(&desk.store, scope, id).await?;
    Ok(())
}

async fn read(
    desk: &Management,
    scope: &TenantScope,
    id: QuarantineId,
) -> Result<StoredQuarantined, ManagementError> {
    stored::get(&desk.store, scope, id).await?.ok_or_else(|| ManagementError::not_found(WHAT, &id))
}

fn open(row: StoredQuarantined) -> Result<StoredQuarantined, ManagementError> {
    if row.state == QuarantineState::Open.as_str() {
        return Ok(row);
    }
    Err(ManagementError::Conflict(format!("This message was {} before", row.state.to_ascii_lowercase())))
}

fn truncated(row: &StoredQuarantined) -> bool {
    row.kept_size.is_some_and(|kept| i64::from(kept) != row.payload_size)
}

fn text<'a>(body: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, ManagementError> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ManagementError::field(field, "TypeMismatch", format!("{field} must be a string"))),
    }
}

fn owner_of(row: &StoredQuarantined) -> Result<TenantId, ManagementError> {
    TenantId::owner(&row.tenant_id).map_err(|_| ManagementError::Internal)
}

/// Whose event a message becomes. Only that of a shared subscription names its tenant, or is given one.
fn tenant_of(
    owner: TenantId,
    message: &SourceMessage,
    body: &Map<String, Value>,
) -> Result<TenantId, ManagementError> {
    let given = text(body, "tenantId")?;
    match (owner.is_shared(), given) {
        (false, Some(named)) if named != owner.as_str() => Err(ManagementError::field(
            "tenantId",
            "Pattern",
            "tenantId is for messages of shared subscriptions; this one belongs to its subscription's tenant",
        )),
        (false, _) => Ok(owner),
        (true, Some(named)) => TenantId::try_from(named)
            .map_err(|error| ManagementError::field("tenantId", "Pattern", error.to_string())),
        (true, None) => shared_tenant::of(message)
            .map_err(|reason| ManagementError::Conflict(format!("{reason}; give it a tenantId"))),
    }
}

/// The message as its broker delivered it. Here it stands for good, so its place lasts.
fn message_of(row: StoredQuarantined) -> SourceMessage {
    let headers = texts(row.headers).into_iter().map(|(name, value)| (name, Bytes::from(value))).collect();
    SourceMessage {
        place: Place {
            topic: Arc::from(row.topic),
            partition: Arc::from(row.partition),
            position: row.position,
            lasting: true,
        },
        said: Said { content_type: row.content_type, time: row.message_at, ..Said::default() },
        key: row.message_key.map(Bytes::from),
        headers,
        payload: row.payload.map(Bytes::from),
    }
}

fn texts(object: Value) -> BTreeMap<String, String> {
    serde_json::from_value(object).unwrap_or_default()
}

fn view(row: StoredQuarantined) -> Result<QuarantinedMessage, StoreError> {
    let corrupt = |column: &str| StoreError::Corrupt(format!("quarantined_messages.{column}"));
    let truncated = truncated(&row);
    let payload_base64 = row.payload.as_ref().map(|octets| STANDARD.encode(octets));
    let payload = row.payload.and_then(|octets| String::from_utf8(octets).ok());
    Ok(QuarantinedMessage {
        id: row.id.into(),
        tenant_id: TenantId::owner(&row.tenant_id).map_err(|_| corrupt("tenant_id"))?,
        subscription_id: row.subscription_id.into(),
        topic: row.topic,
        partition: row.partition,
        position: row.position,
        reason: row.reason,
        state: row.state.parse().map_err(|_| corrupt("state"))?,
        quarantined_at: row.quarantined_at,
        message_at: row.message_at,
        settled_at: row.settled_at,
        content_type: row.content_type,
        key: row.message_key.and_then(|key| String::from_utf8(key).ok()),
        headers: Some(texts(row.headers)),
        payload,
        payload_base64,
        payload_size: row.payload_size,
        truncated,
    })
}
