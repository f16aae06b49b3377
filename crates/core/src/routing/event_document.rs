//! An event as filters see it. Its payload is parsed at most once, when the first filter needs that, and shared by all
//! filters of the event.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use callbacks_interfaces::event_submission::EventSubmission;
use serde_json::Value;

use super::filter_cel_context::CelVariables;
use super::filter_outcome::FilterFailure;

/// What filters may read of an event.
#[derive(Debug, Clone, Copy)]
pub struct EventFacts<'a> {
    /// The event's id, empty when it is not known yet.
    pub id: &'a str,
    /// Its type.
    pub event_type: &'a str,
    /// Where it came from; empty when nobody said.
    pub source: &'a str,
    /// The headers it came with.
    pub headers: Option<&'a BTreeMap<String, String>>,
    /// The payload as received.
    pub payload: &'a [u8],
}

/// An event, with everything filters derived from it so far.
#[derive(Debug)]
pub struct EventDocument<'a> {
    facts: EventFacts<'a>,
    json: OnceLock<Result<Value, FilterFailure>>,
    size: OnceLock<DocumentSize>,
    cel: OnceLock<CelVariables>,
}

/// How large a payload is, for bounds on the work of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DocumentSize {
    /// Values in it, itself included.
    pub(super) nodes: u64,
    /// Levels of nesting.
    pub(super) depth: u32,
    /// Its length in bytes.
    pub(super) bytes: u64,
}

impl<'a> EventDocument<'a> {
    /// An event nothing was derived from yet.
    pub fn new(facts: EventFacts<'a>) -> Self {
        Self { facts, json: OnceLock::new(), size: OnceLock::new(), cel: OnceLock::new() }
    }

    /// An event as its producer handed it over.
    pub fn of(submission: &'a EventSubmission) -> Self {
        Self::new(EventFacts {
            id: submission.id.as_deref().unwrap_or_default(),
            event_type: submission.event_type.as_str(),
            source: submission.source.as_deref().unwrap_or_default(),
            headers: submission.headers.as_ref(),
            payload: submission.payload.as_bytes(),
        })
    }

    /// Its type.
    pub fn event_type(&self) -> &str {
        self.facts.event_type
    }

    /// The payload as received.
    pub fn payload(&self) -> &[u8] {
        self.facts.payload
    }

    /// The payload as JSON.
    pub(super) fn json(&self) -> Result<&Value, FilterFailure> {
        let parsed = self.json.get_or_init(|| {
            // The parser's own words could quote the payload.
            serde_json::from_slice(self.facts.payload).map_err(|error| {
                let place = format!("line {} column {}", error.line(), error.column());
                FilterFailure::new(format!(
                    "the payload is not valid JSON, or is nested too deeply ({place})"
                ))
            })
        });
        parsed.as_ref().map_err(Clone::clone)
    }

    pub(super) fn size(&self) -> Result<&DocumentSize, FilterFailure> {
        let json = self.json()?;
        Ok(self.size.get_or_init(|| {
            let (nodes, depth) = measure(json);
            DocumentSize { nodes, depth, bytes: self.facts.payload.len() as u64 }
        }))
    }

    /// The event as CEL values.
    pub(super) fn cel(&self) -> Result<&CelVariables, FilterFailure> {
        let json = self.json()?;
        Ok(self.cel.get_or_init(|| CelVariables::new(&self.facts, json)))
    }
}

/// Nodes and levels. The recursion is as deep as the parser allowed, which is 128 levels.
fn measure(value: &Value) -> (u64, u32) {
    let inner: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => return (1, 1),
    };
    inner
        .into_iter()
        .map(measure)
        .fold((1, 1), |(nodes, depth), (more, deeper)| (nodes + more, depth.max(deeper + 1)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An order event with the given payload.
    pub(crate) fn document(payload: &str) -> EventDocument<'_> {
        EventDocument::new(EventFacts {
            id: "evt-1",
            event_type: "order.created",
            source: "shop",
            headers: None,
            payload: payload.as_bytes(),
        })
    }

    #[test]
    fn sizes_count_values_and_levels() {
        let event = document(r#"{"a":[1,2,{"b":null}],"c":"x"}"#);
        assert_eq!(event.size(), Ok(&DocumentSize { nodes: 7, depth: 4, bytes: 30 }));
        assert_eq!(document("1").size().map(|size| (size.nodes, size.depth)), Ok((1, 1)));
    }

    #[test]
    fn what_is_no_json_is_said_once_and_never_quoted() {
        let event = document("{\"canary\": nonsense");
        let reason = event.json().expect_err("no JSON").reason;
        assert!(reason.contains("not valid JSON") && !reason.contains("canary"), "{reason}");
        assert_eq!(event.json().expect_err("still none").reason, reason);
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert!(document(&deep).json().is_err());
    }
}
