use callbacks_interfaces::event_pattern::EventPattern;
use serde::{Deserialize, Serialize};

use super::question_lines::Unanswerable;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Question {
    #[serde(alias = "event_type")]
    event_type: String,
    patterns: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    matches: bool,
    /// Patterns the API would refuse to store; they match nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// Whether any of the patterns matches.
pub(super) fn answer(question: &Question) -> Result<Answer, Unanswerable> {
    let texts = question.patterns.as_deref().unwrap_or_default();
    if texts.is_empty() {
        let note =
            "no patterns: an event subscription takes everything, a callback configuration must have one";
        return Ok(Answer { matches: true, refused: Vec::new(), note: Some(note) });
    }
    let mut answer = Answer { matches: false, refused: Vec::new(), note: None };
    for text in texts {
        match EventPattern::try_from(text.as_str()) {
            Ok(pattern) => answer.matches |= pattern.matches(&question.event_type),
            Err(error) => answer.refused.push(format!("{text:?}: {error}")),
        }
    }
    Ok(answer)
}
