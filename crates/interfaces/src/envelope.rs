//! What the body is made of.

use crate::named_enum::named_enum;
use crate::wire_profile::WireProfile;

named_enum! {
    /// What the body is made of. A producer that publishes whole events of its system wants `EVENT`.
    #[derive(Default)]
    pub enum Envelope {
        /// The event's payload, whole.
        #[default]
        Event = "EVENT",
        /// The payload's own member `payload`; a payload without one is sent whole.
        Payload = "PAYLOAD",
        /// svc-infra: `{topic, payload, version, created_at}`.
        SvcInfra = "SVC_INFRA",
        /// Dealix: `{id, type, customer_id, timestamp, api_version, data}`.
        Dealix = "DEALIX",
        /// servo-webhooks: `{event, created_at, results}`.
        Servo = "SERVO",
        /// Standard Webhooks: `{type, timestamp, data}`.
        Standard = "STANDARD",
        /// CloudEvents' JSON format (structured mode).
        CloudEvents = "CLOUDEVENTS",
    }
}

impl Envelope {
    /// The envelope when the configuration names none.
    #[must_use]
    pub const fn of(profile: WireProfile) -> Self {
        match profile {
            WireProfile::Firefly | WireProfile::Pyfly | WireProfile::Custom => Self::Event,
            WireProfile::SvcInfra => Self::SvcInfra,
            WireProfile::Dealix => Self::Dealix,
            WireProfile::Servo => Self::Servo,
            WireProfile::StandardWebhooks => Self::Standard,
            WireProfile::CloudEvents => Self::CloudEvents,
        }
    }
}
