//! What is written down about a message that is no event.

use std::collections::BTreeMap;

use callbacks_interfaces::event_subscription::EventSubscription;
use callbacks_models::quarantined_messages::NewQuarantined;

use super::message::SourceMessage;

/// Headers kept of a quarantined message, in octets.
const MAX_HEADER_OCTETS: usize = 64 * 1024;

/// The quarantine's row of a message. Values beyond `keep` octets are cut.
#[must_use]
pub fn quarantined(
    message: &SourceMessage,
    subscription: &EventSubscription,
    reason: String,
    keep: usize,
) -> NewQuarantined {
    let whole = message.payload.as_ref();
    NewQuarantined {
        tenant: subscription.tenant_id.clone(),
        subscription: subscription.id,
        topic: message.place.topic.to_string(),
        partition: message.place.partition.to_string(),
        position: message.place.position.clone(),
        reason,
        message_at: message.said.time,
        key: message.key.as_ref().map(|key| key.get(..keep).unwrap_or(key).to_vec()),
        content_type: message.said.content_type.clone(),
        headers: serde_json::to_value(shown_headers(message)).unwrap_or_default(),
        payload: whole.map(|payload| payload.get(..keep).unwrap_or(payload).to_vec()),
        payload_size: whole.map_or(0, |payload| i64::try_from(payload.len()).unwrap_or(i64::MAX)),
    }
}

/// Headers as text; what is no text is shown with replacement characters, and NUL (which no database text holds) too.
fn shown_headers(message: &SourceMessage) -> BTreeMap<String, String> {
    let mut octets = 0;
    let shown = |text: &[u8]| String::from_utf8_lossy(text).replace('\0', "\u{fffd}");
    message
        .headers
        .iter()
        .take_while(|(name, value)| {
            octets += name.len() + value.len();
            octets <= MAX_HEADER_OCTETS
        })
        .map(|(name, value)| (shown(name.as_bytes()), shown(value)))
        .collect()
}
