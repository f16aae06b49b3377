use callbacks_core::wire::canonical_json::canonical;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::filter::payload_text;
use super::question_lines::Unanswerable;

#[derive(Debug, Deserialize)]
pub(super) struct Question {
    payload: Box<RawValue>,
}

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    canonical: String,
}

/// Writes a payload in the form Python's systems sign.
pub(super) fn answer(question: &Question) -> Result<Answer, Unanswerable> {
    let payload = payload_text(&question.payload)?;
    canonical(&payload).map(|canonical| Answer { canonical }).map_err(|error| error.to_string())
}
