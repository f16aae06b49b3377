use std::collections::BTreeMap;

use callbacks_core::routing::event_document::{EventDocument, EventFacts};
use callbacks_core::routing::filter_expression::FilterExpression;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::question_lines::Unanswerable;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Question {
    expression: String,
    payload: Box<RawValue>,
    #[serde(default, alias = "event_type")]
    event_type: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    source: String,
    headers: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    matches: bool,
    /// Why it could not be evaluated, which counts as no match.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Compiles and evaluates the expression.
pub(super) fn answer(question: &Question) -> Result<Answer, Unanswerable> {
    let filter = FilterExpression::compile(&question.expression).map_err(|error| error.to_string())?;
    let payload = payload_text(&question.payload)?;
    let document = EventDocument::new(EventFacts {
        id: &question.id,
        event_type: &question.event_type,
        source: &question.source,
        headers: question.headers.as_ref(),
        payload: payload.as_bytes(),
    });
    Ok(match filter.evaluate(&document) {
        Ok(matches) => Answer { matches, error: None },
        Err(failure) => Answer { matches: false, error: Some(failure.reason) },
    })
}

/// A payload's bytes: JSON text given as a string, or the value itself as it stands in the question.
pub(super) fn payload_text(payload: &RawValue) -> Result<String, Unanswerable> {
    let text = payload.get();
    if !text.starts_with('"') {
        return Ok(text.to_owned());
    }
    serde_json::from_str(text).map_err(|error| format!("payload: {error}"))
}
