//! Ids. Each is a newtype over a UUID so that one kind can never be passed for another.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id: UUID version 7 (RFC 9562), ordered by creation time.
            #[must_use]
            pub fn now_v7() -> Self {
                Self(Uuid::now_v7())
            }

            /// The UUID behind the id.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// The internal id of a stored event (version 7, assigned in increasing order).
    EventRowId
);
uuid_id!(
    /// The id of a callback configuration.
    ConfigurationId
);
uuid_id!(
    /// The id of an event subscription.
    SubscriptionId
);
uuid_id!(
    /// The id of a broker message that could not be made into an event.
    QuarantineId
);
uuid_id!(
    /// The id of an entry of the catalogue of event types.
    EventTypeId
);
uuid_id!(
    /// The id of a replay of many events.
    ReplayId
);
uuid_id!(
    /// The id of an authorized domain.
    DomainId
);
uuid_id!(
    /// The id of one execution (one attempt, or one refusal) of a delivery.
    ExecutionId
);
uuid_id!(
    /// The id of one running worker process; its row in the database is its lease.
    WorkerId
);

/// One event on its way to one configuration. The text (`dlv_` and 43 characters of base64url) is
/// the same on every attempt, so a receiver can recognise a repeat by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The stored event.
    pub event: EventRowId,
    /// The configuration it goes to.
    pub configuration: ConfigurationId,
}

const DELIVERY_PREFIX: &str = "dlv_";

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pair = [0_u8; 32];
        pair[..16].copy_from_slice(self.event.0.as_bytes());
        pair[16..].copy_from_slice(self.configuration.0.as_bytes());
        let mut text = [0_u8; 43];
        // 32 bytes are always 43 characters, so neither step can fail; an error would be a bug.
        let length = URL_SAFE_NO_PAD.encode_slice(pair, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(DELIVERY_PREFIX)?;
        f.write_str(text.get(..length).and_then(|text| std::str::from_utf8(text).ok()).ok_or(fmt::Error)?)
    }
}

/// The text is no delivery id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a delivery id is dlv_ followed by 43 characters of base64url")]
pub struct DeliveryIdError;

impl FromStr for DeliveryId {
    type Err = DeliveryIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let encoded = text.strip_prefix(DELIVERY_PREFIX).ok_or(DeliveryIdError)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| DeliveryIdError)?;
        let (event, configuration) = bytes.split_at_checked(16).ok_or(DeliveryIdError)?;
        Ok(Self {
            event: Uuid::from_slice(event).map_err(|_| DeliveryIdError)?.into(),
            configuration: Uuid::from_slice(configuration).map_err(|_| DeliveryIdError)?.into(),
        })
    }
}

impl Serialize for DeliveryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeliveryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_delivery_id_survives_its_text(event: u128, configuration: u128) {
            let id = DeliveryId {
                event: Uuid::from_u128(event).into(),
                configuration: Uuid::from_u128(configuration).into(),
            };
            let text = id.to_string();
            prop_assert_eq!(text.len(), 47);
            prop_assert_eq!(text.parse::<DeliveryId>(), Ok(id));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = text.parse::<DeliveryId>();
        }
    }

    #[test]
    fn foreign_texts_are_refused() {
        for text in ["", "dlv_", "dlv_AAAA", "evt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(text.parse::<DeliveryId>(), Err(DeliveryIdError), "{text}");
        }
    }
}
