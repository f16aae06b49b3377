//! Whether an event may come in, by its tenant's catalogue.

use std::fmt;

use callbacks_interfaces::event_type_entry::EventTypeEnforcement;
use metrics::counter;

use super::catalogue::{Catalogue, Known};
use super::payload_schema::Violation;
use crate::metric_names::EVENT_TYPE_VIOLATIONS;

/// Why an event is not as the catalogue says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeRefusal {
    /// Its type is not in the catalogue.
    Unknown {
        /// The type.
        event_type: String,
    },
    /// Its payload is not as the type's schema says.
    Payload {
        /// The type.
        event_type: String,
        /// What is wrong, and where.
        violation: Violation,
    },
}

impl fmt::Display for TypeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { event_type } => {
                write!(f, "the event type {event_type} is not in the catalogue of event types")
            }
            Self::Payload { event_type, violation } => {
                let Violation { pointer, message } = violation;
                write!(f, "the payload is not as the schema of {event_type} says, at '{pointer}': {message}")
            }
        }
    }
}

/// What is wrong with one event.
pub fn judge(catalogue: Option<&Catalogue>, event_type: &str, payload: &[u8]) -> Result<(), TypeRefusal> {
    match catalogue.map_or(Known::No, |catalogue| catalogue.about(event_type)) {
        Known::No => Err(TypeRefusal::Unknown { event_type: event_type.to_owned() }),
        Known::AnyPayload => Ok(()),
        Known::Payload(schema) => schema
            .judge(payload)
            .map_err(|violation| TypeRefusal::Payload { event_type: event_type.to_owned(), violation }),
    }
}

/// Judges events by what is in force and answers with those to refuse, by their index. What is not as it should be is
/// counted, refused or not.
pub fn refused<'a>(
    catalogue: Option<&Catalogue>,
    enforcement: EventTypeEnforcement,
    events: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Vec<(usize, TypeRefusal)> {
    if enforcement == EventTypeEnforcement::Off {
        return Vec::new();
    }
    let judged = events.map(|(event_type, payload)| judge(catalogue, event_type, payload)).enumerate();
    let mut refused: Vec<_> = judged.filter_map(|(index, verdict)| Some((index, verdict.err()?))).collect();
    for (_, refusal) in &refused {
        let reason = match refusal {
            TypeRefusal::Unknown { .. } => "unknown",
            TypeRefusal::Payload { .. } => "payload",
        };
        counter!(EVENT_TYPE_VIOLATIONS, "reason" => reason, "enforcement" => enforcement.as_str())
            .increment(1);
    }
    if enforcement == EventTypeEnforcement::Warn {
        refused.clear();
    }
    refused
}

#[cfg(test)]
mod tests {
    use callbacks_interfaces::tenant::TenantId;
    use callbacks_models::event_types as stored;
    use serde_json::json;

    use super::*;

    fn catalogue() -> Catalogue {
        let schema = json!({"type": "object"}).to_string();
        let types = vec![("order.created".to_owned(), Some(schema)), ("ping".to_owned(), None)];
        let rows = stored::Catalogue { enforcement: None, types };
        Catalogue::compile(rows, &TenantId::default_tenant(), None)
    }

    #[test]
    fn only_reject_refuses() {
        let catalogue = catalogue();
        let events: [(&str, &[u8]); 4] = [
            ("order.created", b"{}"),
            ("order.created", b"[]"),
            ("ping", b"anything"),
            ("order.lost", b"{}"),
        ];
        let by = |enforcement| refused(Some(&catalogue), enforcement, events.into_iter());
        assert!(by(EventTypeEnforcement::Off).is_empty());
        assert!(by(EventTypeEnforcement::Warn).is_empty());
        let refused: Vec<(usize, String)> =
            by(EventTypeEnforcement::Reject).into_iter().map(|(at, why)| (at, why.to_string())).collect();
        assert_eq!(refused[0].0, 1);
        assert!(refused[0].1.starts_with("the payload is not as the schema of order.created says, at ''"));
        assert_eq!(refused[1].0, 3);
        assert!(refused[1].1.contains("the event type order.lost is not in the catalogue"));
    }

    #[test]
    fn without_a_catalogue_every_type_is_unknown() {
        assert!(matches!(judge(None, "ping", b"{}"), Err(TypeRefusal::Unknown { .. })));
    }

    #[test]
    fn unchanged_schemas_are_not_compiled_again() {
        let before = catalogue();
        let rows = stored::Catalogue {
            enforcement: Some(EventTypeEnforcement::Reject),
            types: vec![("order.created".to_owned(), Some(json!({"type": "object"}).to_string()))],
        };
        let after = Catalogue::compile(rows, &TenantId::default_tenant(), Some(&before));
        let (Known::Payload(old), Known::Payload(new)) =
            (before.about("order.created"), after.about("order.created"))
        else {
            unreachable!("both have a schema");
        };
        assert!(std::ptr::eq(old.text(), new.text()));
        assert!(matches!(after.about("ping"), Known::No));
    }
}
