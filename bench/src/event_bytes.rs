//! The producer's requests, built once; only the sequence numbers are written anew for each send.

use std::fmt::Write as _;

/// Width of a sequence number in a payload; fixed, so that a request's length never changes.
pub(crate) const SEQUENCE_WIDTH: usize = 12;
/// What stands before the sequence number, at the very front of every payload.
pub(crate) const SEQUENCE_MARK: &[u8] = br#"{"seq":""#;

/// One prebuilt request that carries `count` events.
#[derive(Clone)]
pub(crate) struct RequestTemplate {
    bytes: Vec<u8>,
    sequences: Vec<usize>,
}

impl RequestTemplate {
    /// `POST /api/v1/events` with one event of `event_type`.
    pub(crate) fn single(event_type: &str, key: Option<&str>) -> Self {
        Self::over_http("/api/v1/events", &event(event_type), key)
    }

    /// `POST /api/v1/events/batch` with `count` events of `event_type`.
    pub(crate) fn batch(event_type: &str, count: usize, key: Option<&str>) -> Self {
        let events = vec![event(event_type); count];
        Self::over_http("/api/v1/events/batch", &format!("[{}]", events.join(",")), key)
    }

    fn over_http(path: &str, body: &str, key: Option<&str>) -> Self {
        let authorization = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\n{authorization}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let bytes = [head.as_bytes(), body.as_bytes()].concat();
        let mark = SEQUENCE_MARK.len();
        let found = bytes.windows(mark).enumerate().filter(|(_, window)| *window == SEQUENCE_MARK);
        let sequences = found.map(|(at, _)| at + mark).collect();
        Self { bytes, sequences }
    }

    /// Events in this request.
    pub(crate) fn events(&self) -> usize {
        self.sequences.len()
    }

    /// The request with the sequence numbers from `first` on.
    pub(crate) fn numbered(&mut self, first: usize) -> &[u8] {
        for (index, at) in self.sequences.iter().enumerate() {
            write_digits(&mut self.bytes[*at..*at + SEQUENCE_WIDTH], first + index);
        }
        &self.bytes
    }
}

/// The JSON text of one event; its payload is about 400 bytes.
pub(crate) fn event(event_type: &str) -> String {
    format!(r#"{{"type":"{event_type}","payload":{}}}"#, payload())
}

/// The payload of every event of the benchmark: an order, numbered 0.
pub(crate) fn payload() -> String {
    let mut text = String::from(r#"{"seq":"000000000000","orderId":"5b0f0a52-8f0e-4e0e-9a6e-0f2f7f4a1c11","#);
    text.push_str(
        r#""customer":{"id":"cus_829340","name":"Ada Lovelace","email":"ada@example.com"},"currency":"EUR","#,
    );
    text.push_str(r#""status":"CREATED","total":129.95,"lines":["#);
    for line in 0..3 {
        let comma = if line == 0 { "" } else { "," };
        let _infallible = write!(text, r#"{comma}{{"sku":"SKU-10{line}","quantity":{line},"price":19.95}}"#);
    }
    text.push_str(r#"],"createdAt":"2025-01-01T12:00:00Z","note":"leave at the door"}"#);
    text
}

/// The sequence number at the front of a received payload.
pub(crate) fn sequence_of(body: &[u8]) -> Option<usize> {
    let after = body.strip_prefix(SEQUENCE_MARK)?.get(..SEQUENCE_WIDTH)?;
    after.iter().try_fold(0_usize, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + usize::from(digit - b'0'))
    })
}

fn write_digits(room: &mut [u8], mut number: usize) {
    for digit in room.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_carries_its_number_and_is_about_four_hundred_bytes() {
        assert_eq!(sequence_of(payload().as_bytes()), Some(0));
        assert!((385..=500).contains(&payload().len()), "{} bytes", payload().len());
        serde_json::from_str::<serde_json::Value>(&event("bench.a")).expect("an event is JSON");
    }

    #[test]
    fn numbering_touches_every_event_of_a_batch() {
        let mut template = RequestTemplate::batch("bench.a", 3, None);
        let text = String::from_utf8(template.numbered(41).to_vec()).expect("text");
        for number in 41..44 {
            assert!(text.contains(&format!(r#""seq":"{number:012}""#)));
        }
        assert_eq!(template.events(), 3);
    }
}
