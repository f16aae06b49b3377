//! Custom header values with `{{…}}` placeholders, parsed once and filled in for every delivery.

use http::HeaderValue;

use super::facts::{DeliveryFacts, WireError};
use super::headers::{header_text, instant_text};

/// A header value made ready: constant, or with places to fill in.
#[derive(Debug, Clone)]
pub(super) enum Template {
    /// Nothing to fill in.
    Constant(HeaderValue),
    /// Text and placeholders in turn.
    Filled { parts: Vec<Part>, sensitive: bool },
}

#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(String),
    EventId,
    EventType,
    TenantId,
    Attempt,
    Timestamp,
}

impl Template {
    /// Parses a value. `sensitive` marks it to be masked wherever headers are shown.
    pub(super) fn compile(value: &str, sensitive: bool) -> Result<Self, WireError> {
        let parts = parts(value)?;
        if parts.iter().any(|part| !matches!(part, Part::Text(_))) {
            return Ok(Self::Filled { parts, sensitive });
        }
        let mut constant = HeaderValue::from_str(value).map_err(|_| WireError::HeaderValue)?;
        constant.set_sensitive(sensitive);
        Ok(Self::Constant(constant))
    }

    /// The value for one delivery.
    pub(super) fn fill(&self, facts: &DeliveryFacts<'_>) -> Result<HeaderValue, WireError> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Filled { parts, sensitive } => {
                let text: String = parts.iter().map(|part| part.text(facts)).collect();
                let mut value = HeaderValue::try_from(text).map_err(|_| WireError::HeaderValue)?;
                value.set_sensitive(*sensitive);
                Ok(value)
            }
        }
    }
}

impl Part {
    fn text(&self, facts: &DeliveryFacts<'_>) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::EventId => header_text(facts.event_id).into_owned(),
            Self::EventType => header_text(facts.event_type).into_owned(),
            Self::TenantId => header_text(facts.tenant).into_owned(),
            Self::Attempt => facts.attempt.to_string(),
            Self::Timestamp => instant_text(facts.at),
        }
    }
}

fn parts(value: &str) -> Result<Vec<Part>, WireError> {
    let mut parts = Vec::new();
    let mut rest = value;
    // Braces that do not close are text.
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, tail)| Some((before, tail.split_once("}}")?)))
    {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(placeholder(name)?);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

fn placeholder(name: &str) -> Result<Part, WireError> {
    match name {
        "eventId" => Ok(Part::EventId),
        "eventType" => Ok(Part::EventType),
        "tenantId" => Ok(Part::TenantId),
        "attempt" => Ok(Part::Attempt),
        "timestamp" => Ok(Part::Timestamp),
        _ => Err(WireError::UnknownTemplate(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use callbacks_interfaces::wire_headers::HEADER_TEMPLATES;
    use proptest::prelude::*;

    use super::super::facts::tests::facts;
    use super::*;

    fn filled(value: &str) -> HeaderValue {
        Template::compile(value, false)
            .and_then(|template| template.fill(&facts(&bytes::Bytes::new())))
            .expect("a value")
    }

    #[test]
    fn every_placeholder_the_api_accepts_is_known() {
        for name in HEADER_TEMPLATES {
            assert!(placeholder(name).is_ok(), "{name}");
        }
        assert!(matches!(placeholder("secret"), Err(WireError::UnknownTemplate(_))));
    }

    #[test]
    fn placeholders_are_filled_in() {
        assert_eq!(filled("{{eventId}}"), "evt 1".replace(' ', "%20").as_str());
        assert_eq!(filled("a/{{eventType}}/{{attempt}}-{{tenantId}}"), "a/order.created/2-acme");
        assert_eq!(filled("{{timestamp}}"), "2025-11-01T10:00:00.250Z");
        assert_eq!(filled("plain }} {{ text"), "plain }} {{ text");
    }

    proptest! {
        #[test]
        fn values_without_placeholders_are_unchanged(value in "[!-z]{0,30}") {
            prop_assert_eq!(filled(&value), value.as_str());
        }
    }
}
