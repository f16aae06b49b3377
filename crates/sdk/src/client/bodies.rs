//! Request bodies with every field named. What is `None` is left out: the service's default on create and replace,
//! unchanged on patch. To clear a field on patch, send `null` in a body of your own.

use std::collections::BTreeMap;

use callbacks_interfaces::body_format::BodyFormat;
use callbacks_interfaces::callback_configuration::{CallbackStatus, HttpMethod, PausedDeliveries};
use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::delivery_phase::{DeliveryPhase, OnGateError};
use callbacks_interfaces::envelope::Envelope;
use callbacks_interfaces::retry_policy::RetryPolicy;
use callbacks_interfaces::signature_choice::SignatureChoice;
use callbacks_interfaces::wire_profile::WireProfile;
use serde::Serialize;
use serde_json::{Map, Value};

/// Declares a body: every field optional and left out when `None`, and room for fields this
/// version of the client does not know.
macro_rules! body {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($(#[$field_meta])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$kind>,)+
            /// Members by the names of the API, for what is not named above.
            #[serde(flatten)]
            pub other: Map<String, Value>,
        }
    };
}

body! {
    /// A callback configuration as it is written; `name`, `url` and `subscribed_event_types` are
    /// required on create. The secret has no field of its own, because a body can be printed: send
    /// it by `Configurations::set_secret`, or put it into `other` and do not print the body.
    pub struct ConfigurationBody {
        /// A name for people.
        name: String,
        /// What it is for.
        description: String,
        /// Where callbacks are sent.
        url: String,
        /// The request's method.
        http_method: HttpMethod,
        /// Whether it gets deliveries.
        status: CallbackStatus,
        /// Which event types it wants; `*` is any run of characters.
        subscribed_event_types: Vec<String>,
        /// Headers added to every callback.
        custom_headers: BTreeMap<String, String>,
        /// Whether callbacks are signed; needs a secret.
        signature_enabled: bool,
        /// The header that carries the signature.
        signature_header: String,
        /// Retries after the first attempt, 0 to 10.
        max_retries: i32,
        /// Delay before the first retry, in milliseconds.
        retry_delay_ms: i32,
        /// Growth of the delay, 1 to 10.
        retry_backoff_multiplier: f64,
        /// Deadline of one attempt, in milliseconds.
        timeout_ms: i32,
        /// A switch beside `status`.
        active: bool,
        /// Whose configuration it is (operators only).
        tenant_id: String,
        /// Which of the wanted events are sent: `path=value`, JSONPath or CEL.
        filter_expression: String,
        /// Anything to remember; never sent to the receiver.
        metadata: Map<String, Value>,
        /// Failed deliveries in a row after which it is paused, 1 to 100.
        failure_threshold: i32,
        /// What its deliveries look like on the wire.
        wire_profile: WireProfile,
        /// How they are signed: several schemes at once, each in a header of its own.
        signature_schemes: Vec<SignatureChoice>,
        /// How the body's JSON is written.
        body_format: BodyFormat,
        /// What the body is made of.
        envelope: Envelope,
        /// Whether it is called after an event, or asked before it.
        phase: DeliveryPhase,
        /// What it means for an event when a gate fails to answer.
        on_error: OnGateError,
        /// Whether deliveries are built, signed and recorded, and never sent.
        dry_run: bool,
        /// When failed deliveries are retried.
        retry_policy: RetryPolicy,
        /// When the endpoint is left alone.
        circuit_breaker: CircuitBreakerPolicy,
        /// Most requests at a time.
        max_in_flight: i32,
        /// Most requests a second.
        max_per_second: i32,
        /// Hosts it may send to, beside the tenant's authorized domains.
        allowed_domains: Vec<String>,
        /// What happens to deliveries while it is paused.
        paused_deliveries: PausedDeliveries,
    }
}

body! {
    /// An authorized domain as it is written; `domain` is required on create.
    pub struct DomainBody {
        /// `host`, `host:port` or `*.suffix`.
        domain: String,
        /// Who the domain belongs to.
        organization: String,
        /// Whom to write to about it.
        contact_email: String,
        /// Honoured for operators only.
        verified: bool,
        /// How it was verified.
        verification_method: String,
        /// Whether callbacks may be sent to it.
        active: bool,
        /// Paths callbacks may be sent to; every path when empty.
        allowed_paths: Vec<String>,
        /// Most callbacks a minute, 1 to 10000.
        max_callbacks_per_minute: i32,
        /// Addresses or networks the host may resolve into.
        ip_whitelist: Vec<String>,
        /// Whether only `https` is allowed.
        require_https: bool,
        /// Whose domain it is (operators only).
        tenant_id: String,
        /// Notes for people.
        notes: String,
        /// Anything to remember.
        metadata: Map<String, Value>,
        /// When the authorization ends, RFC 3339.
        expires_at: String,
        /// Who authorized it.
        authorized_by: String,
    }
}

body! {
    /// An event subscription as it is written; `name`, `messaging_system_type` and `topic_or_queue`
    /// are required on create.
    pub struct SubscriptionBody {
        /// A name for people.
        name: String,
        /// What it is for.
        description: String,
        /// The broker: `KAFKA`, `RABBITMQ` and so on.
        messaging_system_type: String,
        /// How to reach it; the service-wide settings when missing.
        connection_config: BTreeMap<String, String>,
        /// The topic or queue.
        topic_or_queue: String,
        /// The consumer group.
        consumer_group_id: String,
        /// Whether events are taken from it.
        active: bool,
        /// Further properties of the consumer.
        consumer_properties: BTreeMap<String, String>,
        /// Which event types are taken; all when empty.
        event_type_patterns: Vec<String>,
        /// Consumers at a time, 1 to 100.
        max_concurrent_consumers: i32,
        /// Pause between two polls, in milliseconds.
        polling_interval_ms: i32,
        /// Whose subscription it is (operators only).
        tenant_id: String,
        /// Anything to remember.
        metadata: Map<String, Value>,
    }
}

/// An event to hand over. `P` is its payload: anything that serialises, or
/// [`RawValue`](serde_json::value::RawValue) to send JSON text byte by byte as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventBody<P> {
    /// Its id; a repeat within the dedup window creates no new delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What happened.
    pub payload: P,
    /// When it happened, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<String>,
    /// Which part of the producer it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Headers that go with it; at most 64, 8 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// Whose event it is (operators only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
}

impl<P> EventBody<P> {
    /// An event of a type, with a payload and nothing else.
    #[must_use]
    pub fn new(event_type: impl Into<String>, payload: P) -> Self {
        Self {
            id: None,
            event_type: event_type.into(),
            payload,
            occurred_at: None,
            source: None,
            headers: None,
            tenant_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_said_is_left_out() {
        let body = ConfigurationBody {
            name: Some("orders".to_owned()),
            max_retries: Some(2),
            other: Map::from_iter([("secret".to_owned(), json!("s"))]),
            ..ConfigurationBody::default()
        };
        let written = serde_json::to_value(&body).expect("serialises");
        assert_eq!(written, json!({"name": "orders", "maxRetries": 2, "secret": "s"}));
        let event =
            serde_json::to_value(EventBody::new("order.created", json!({"a": 1}))).expect("serialises");
        assert_eq!(event, json!({"type": "order.created", "payload": {"a": 1}}));
    }
}
