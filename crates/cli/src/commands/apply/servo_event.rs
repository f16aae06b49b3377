use std::str::FromStr;

/// The events servo knows.
const EVENTS: [&str; 11] = [
    "attach",
    "detach",
    "startup",
    "shutdown",
    "metrics",
    "components",
    "measure",
    "check",
    "describe",
    "adjust",
    "promote",
];

/// `before:<event>` or `after:<event>`: when a servo webhook is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServoEvent(String);

/// The text is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an event: write before: or after: and one of {known}", known = EVENTS.join(", "))]
pub(super) struct ServoEventError {
    text: String,
}

impl ServoEvent {
    /// Whether it is called before the event and may cancel it.
    pub(super) fn is_before(&self) -> bool {
        self.0.starts_with("before:")
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServoEvent {
    type Err = ServoEventError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("before" | "after", event)) if EVENTS.contains(&event) => Ok(Self(text.to_owned())),
            _ => Err(ServoEventError { text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_vectors() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/servo.json")).expect("JSON");
        assert_eq!(vectors["known_events"], serde_json::json!(EVENTS));
        for case in vectors["event_strings"].as_array().expect("a list") {
            let text = case["input"].as_str().expect("a text");
            // `on:` and bare events pass upstream's check and end its start.
            let expected = case["valid"] == true && case["startup"] == "ok";
            assert_eq!(text.parse::<ServoEvent>().is_ok(), expected, "{case}");
        }
    }
}
