//! What comes through the reader of filters is within its bounds.

use callbacks_interfaces::filter::FilterRequest;
use serde_json::Value;

pub fn survives(data: &[u8]) {
    if let Ok(Value::Object(body)) = serde_json::from_slice(data)
        && let Ok(request) = FilterRequest::from_body(&body)
    {
        assert!((1..=500).contains(&request.size), "{}", request.size);
        assert!(request.offset() <= u64::from(u32::MAX) * 500);
        assert!(request.sort.len() <= 500 && request.filters.len() <= body.len() + 10_000);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    if let Ok(request) = FilterRequest::from_query(pairs) {
        assert!((1..=500).contains(&request.size), "{}", request.size);
    }
}
