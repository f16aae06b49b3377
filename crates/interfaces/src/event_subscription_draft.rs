//! An event subscription as a caller wants it: the validated form of a write.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::configuration_draft::as_members;
use crate::configuration_rules::{CREATED_BY, DESCRIPTION, NAME, UPDATED_BY, read_owner};
use crate::event_pattern::EventPattern;
use crate::event_subscription::EventSubscription;
use crate::field_errors::ValidationErrors;
use crate::field_reader::{Bounds, FieldReader, Size};
use crate::kafka_rules;
use crate::masked;
use crate::tenant::TenantId;

/// Everything a caller may decide about a subscription. Counters and timestamps are checked and
/// ignored. Unlike in the contract, `connectionConfig` may be missing: then the service-wide broker
/// settings apply (the compatible system's own quickstart omits it).
#[derive(Clone, Debug, PartialEq)]
pub struct EventSubscriptionDraft {
    /// A name for people.
    pub name: String,
    /// A description for people.
    pub description: Option<String>,
    /// The broker: `KAFKA`, `RABBITMQ` and so on.
    pub messaging_system_type: String,
    /// How to reach it; `None` when the service-wide settings apply.
    pub connection_config: Option<BTreeMap<String, String>>,
    /// The topic or queue.
    pub topic_or_queue: String,
    /// The consumer group.
    pub consumer_group_id: Option<String>,
    /// Whether events are taken from it.
    pub active: bool,
    /// Further properties of the consumer.
    pub consumer_properties: Option<BTreeMap<String, String>>,
    /// Which event types are taken; all when `None` or empty.
    pub event_type_patterns: Option<Vec<EventPattern>>,
    /// Consumers at a time, 1 to 100.
    pub max_concurrent_consumers: i32,
    /// Pause between two polls, in milliseconds, 100 to 60000.
    pub polling_interval_ms: i32,
    /// The tenant the body names, or `*` for a shared subscription, whose messages name their tenants; the caller's
    /// credential decides whether it may.
    pub tenant_id: Option<TenantId>,
    /// Anything the tenant wants to remember.
    pub metadata: Option<Map<String, Value>>,
    /// Who creates it.
    pub created_by: Option<String>,
    /// Who changes it.
    pub updated_by: Option<String>,
}

impl EventSubscriptionDraft {
    /// A new subscription (POST): omitted fields take their defaults.
    ///
    /// # Errors
    /// Everything that is wrong with the body.
    pub fn create(body: &Map<String, Value>) -> Result<Self, ValidationErrors> {
        read(body)
    }

    /// All fields anew (PUT): omitted fields take their defaults. Credentials sent back masked, as
    /// they were read, keep their values.
    ///
    /// # Errors
    /// Everything that is wrong with the body.
    pub fn replace(
        existing: &EventSubscription,
        body: &Map<String, Value>,
    ) -> Result<Self, ValidationErrors> {
        let mut draft = read(body)?;
        masked::restore(&mut draft.connection_config, existing.connection_config.as_ref());
        masked::restore(&mut draft.consumer_properties, existing.consumer_properties.as_ref());
        Ok(draft)
    }

    /// Some fields anew (PATCH): absent keeps, `null` clears or resets to the default.
    ///
    /// # Errors
    /// Everything that is wrong with the result.
    pub fn patched(
        existing: &EventSubscription,
        body: &Map<String, Value>,
    ) -> Result<Self, ValidationErrors> {
        let mut merged = as_members(existing);
        merged.extend(body.clone());
        Self::replace(existing, &merged)
    }
}

fn read(body: &Map<String, Value>) -> Result<EventSubscriptionDraft, ValidationErrors> {
    let mut reader = FieldReader::new(body);
    let r = &mut reader;
    let draft = EventSubscriptionDraft {
        name: r.required_text("name", "Name is required", &NAME),
        description: r.text("description", &DESCRIPTION),
        messaging_system_type: r.required_text(
            "messagingSystemType",
            "Messaging system type is required",
            &MESSAGING_SYSTEM_TYPE,
        ),
        connection_config: r.text_map("connectionConfig").filter(|config| !config.is_empty()),
        topic_or_queue: r.required_text("topicOrQueue", "Topic/queue name is required", &TOPIC_OR_QUEUE),
        consumer_group_id: r.text("consumerGroupId", &CONSUMER_GROUP_ID),
        active: r.flag_or_true("active"),
        consumer_properties: r.text_map("consumerProperties"),
        event_type_patterns: r.parsed_texts("eventTypePatterns", |text| EventPattern::try_from(text)),
        max_concurrent_consumers: r.int32("maxConcurrentConsumers", 1, &MAX_CONSUMERS),
        polling_interval_ms: r.int32("pollingIntervalMs", 1000, &POLLING_INTERVAL),
        tenant_id: read_owner(r, TenantId::owner),
        metadata: r.any_object("metadata"),
        created_by: r.text("createdBy", &CREATED_BY),
        updated_by: r.text("updatedBy", &UPDATED_BY),
    };
    // Server-owned: checked as the contract says, then ignored.
    r.integer("totalMessagesReceived", &TOTAL_RECEIVED);
    r.integer("totalMessagesFailed", &TOTAL_FAILED);
    kafka_rules::check(&mut reader, &draft);
    reader.finish()?;
    Ok(draft)
}

const MESSAGING_SYSTEM_TYPE: Size =
    Size { min: 1, max: 50, message: "Messaging system type must be between 1 and 50 characters" };
const TOPIC_OR_QUEUE: Size =
    Size { min: 1, max: 500, message: "Topic/queue name must be between 1 and 500 characters" };
const CONSUMER_GROUP_ID: Size =
    Size { min: 0, max: 255, message: "Consumer group ID must not exceed 255 characters" };
const MAX_CONSUMERS: Bounds<i64> = Bounds {
    min: 1,
    below: "Max concurrent consumers must be at least 1",
    max: 100,
    above: "Max concurrent consumers must not exceed 100",
};
const POLLING_INTERVAL: Bounds<i64> = Bounds {
    min: 100,
    below: "Polling interval must be at least 100ms",
    max: 60_000,
    above: "Polling interval must not exceed 60000ms (1 minute)",
};
const TOTAL_RECEIVED: Bounds<i64> = Bounds {
    min: 0,
    below: "Total messages received must be non-negative",
    max: i64::MAX,
    above: "Total messages received is too large",
};
const TOTAL_FAILED: Bounds<i64> = Bounds {
    min: 0,
    below: "Total messages failed must be non-negative",
    max: i64::MAX,
    above: "Total messages failed is too large",
};
