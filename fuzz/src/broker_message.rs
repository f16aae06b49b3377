//! A message becomes an event within its bounds, the same one each time, or is told apart.

use std::sync::Arc;

use bytes::Bytes;
use callbacks_core::sources::extraction::{Extracted, extract};
use callbacks_core::sources::message::{Place, Said, SourceMessage};
use callbacks_interfaces::ids::SubscriptionId;
use uuid::Uuid;

const MAX_PAYLOAD: usize = 4096;

/// Lines `name:value` until an empty one are headers, the rest is the value; no value at all is a tombstone.
pub fn survives(data: &[u8]) {
    let message = message(data);
    let subscription = SubscriptionId::from(Uuid::from_u128(7));
    let first = extract(&message, subscription, MAX_PAYLOAD);
    let second = extract(&message, subscription, MAX_PAYLOAD);
    match (first, second) {
        (Extracted::Event(one), Extracted::Event(two)) => {
            assert_eq!(format!("{one:?}"), format!("{two:?}"), "the message alone decides");
            assert!(message.size() <= data.len());
        }
        (Extracted::Tombstone, Extracted::Tombstone) => assert!(message.payload.is_none()),
        (Extracted::Poison(reason), Extracted::Poison(again)) => {
            assert_eq!(reason, again);
            assert!(!reason.contains('\0') && reason.len() < 1000, "{reason}");
        }
        (one, two) => panic!("{one:?} and {two:?} for the same message"),
    }
}

fn message(data: &[u8]) -> SourceMessage {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, payload) = match end {
        Some(end) => (&data[..end], Some(Bytes::copy_from_slice(&data[end + 2..]))),
        None => (data, None),
    };
    let headers = head
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = std::str::from_utf8(&line[..colon]).ok()?;
            Some((name.to_owned(), Bytes::copy_from_slice(&line[colon + 1..])))
        })
        .collect();
    SourceMessage {
        place: Place {
            topic: Arc::from("orders"),
            partition: Arc::from("0"),
            position: "1".to_owned(),
            lasting: true,
        },
        said: Said::default(),
        key: None,
        headers,
        payload,
    }
}
