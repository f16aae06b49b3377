//! No endpoint silences itself for longer than a day, whatever it says.

use callbacks_core::delivery::retry_after::{LONGEST_RETRY_AFTER, retry_after};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use time::OffsetDateTime;

/// The first eight bytes are the time, the rest the header's value.
pub fn survives(data: &[u8]) {
    let Some((clock, value)) = data.split_first_chunk::<8>() else { return };
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    // Years 1 to 9999, which is what the clock can say.
    let second = i64::from_be_bytes(*clock).rem_euclid(315_000_000_000) - 62_000_000_000;
    let Ok(now) = OffsetDateTime::from_unix_timestamp(second) else { return };
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, value);
    if let Some(wait) = retry_after(&headers, now) {
        assert!(wait <= LONGEST_RETRY_AFTER, "{wait:?}");
    }
}
