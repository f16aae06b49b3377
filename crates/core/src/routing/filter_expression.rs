//! A configuration's filter: compiled once when it is saved or loaded, evaluated for every event of a wanted type.
//! It fails closed: what cannot be evaluated does not match.

use super::event_document::EventDocument;
use super::filter_cel::CelFilter;
use super::filter_jsonpath::JsonPathFilter;
pub use super::filter_outcome::{FilterError, FilterFailure};
use super::filter_path::PathFilter;

/// Longest expression, in characters (the contract's `filterExpression`).
pub const FILTER_MAX_CHARS: usize = 1000;

/// A compiled filter expression, in one of three languages told apart by their first characters.
#[derive(Debug)]
pub struct FilterExpression(Language);

#[derive(Debug)]
enum Language {
    /// `customer.type=PREMIUM` (Firefly)
    Path(PathFilter),
    /// `$.items[?@.price > 10]` (RFC 9535): matches when at least one node is selected
    JsonPath(JsonPathFilter),
    /// `payload.total > 100 && type == "order.created"`: anything else
    Cel(Box<CelFilter>),
}

impl FilterExpression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`FilterError`] says what is wrong with it, in a sentence for the person who wrote it.
    pub fn compile(text: &str) -> Result<Self, FilterError> {
        // Before anything is parsed: a long expression could exhaust the parser's stack.
        if text.chars().count() > FILTER_MAX_CHARS {
            return Err(FilterError::TooLong);
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(FilterError::Blank);
        }
        let language = if text.starts_with('$') {
            Language::JsonPath(JsonPathFilter::compile(text)?)
        } else if let Some(filter) = PathFilter::parse(text) {
            Language::Path(filter)
        } else {
            Language::Cel(Box::new(CelFilter::compile(text)?))
        };
        Ok(Self(language))
    }

    /// Decides whether the event matches.
    ///
    /// # Errors
    /// [`FilterFailure`] when that cannot be decided: the payload is no JSON, the expression reads what is not there,
    /// yields no boolean, or would take too long on a payload of this size.
    pub fn evaluate(&self, event: &EventDocument<'_>) -> Result<bool, FilterFailure> {
        match &self.0 {
            Language::Path(filter) => filter.matches(event.payload()),
            Language::JsonPath(filter) => filter.matches(event),
            Language::Cel(filter) => filter.matches(event),
        }
    }
}

#[cfg(test)]
mod tests;
