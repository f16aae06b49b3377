//! Finds the configurations of one tenant whose patterns match an event type, without trying them all.

use std::collections::HashMap;

use callbacks_interfaces::event_pattern::EventPattern;

/// Literal types answer from a map; only patterns with a `*` are tried one by one.
#[derive(Debug, Default)]
pub struct EventPatternIndex {
    literal: HashMap<String, Vec<usize>>,
    wildcard: Vec<(EventPattern, usize)>,
}

impl EventPatternIndex {
    /// Indexes entries by their position in `patterns`.
    pub fn new<'a>(patterns: impl Iterator<Item = &'a [EventPattern]>) -> Self {
        let mut index = Self::default();
        for (position, entry) in patterns.enumerate() {
            for pattern in entry {
                match pattern.literal() {
                    Some(literal) => index.literal.entry(literal.to_owned()).or_default().push(position),
                    None => index.wildcard.push((pattern.clone(), position)),
                }
            }
        }
        index
    }

    /// Positions of the entries with at least one matching pattern, ascending, each once.
    pub fn matching(&self, event_type: &str) -> Vec<usize> {
        let mut positions = self.literal.get(event_type).cloned().unwrap_or_default();
        positions
            .extend(self.wildcard.iter().filter(|(pattern, _)| pattern.matches(event_type)).map(|(_, p)| *p));
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_index_agrees_with_trying_every_pattern(
            entries in prop::collection::vec(prop::collection::vec("[ab.*]{1,5}", 1..4), 0..8),
            event_type in "[ab.]{1,6}",
        ) {
            let parsed: Vec<Vec<EventPattern>> = entries.iter()
                .map(|entry| entry.iter().map(|p| EventPattern::try_from(p.as_str()).expect("not blank")).collect())
                .collect();
            let index = EventPatternIndex::new(parsed.iter().map(Vec::as_slice));
            let expected: Vec<usize> = parsed.iter().enumerate()
                .filter(|(_, entry)| entry.iter().any(|p| p.matches(&event_type)))
                .map(|(position, _)| position)
                .collect();
            prop_assert_eq!(index.matching(&event_type), expected);
        }
    }
}
