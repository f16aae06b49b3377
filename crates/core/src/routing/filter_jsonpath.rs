//! JSONPath filters (RFC 9535): an event matches when the query selects at least one node of its payload.

use serde_json_path::JsonPath;

use super::event_document::{DocumentSize, EventDocument};
use super::filter_outcome::{FilterError, FilterFailure};

/// Deepest nesting of brackets in a query: its parser takes exponential time in it.
const DEEPEST_NESTING: usize = 8;
/// Most nodes a query may visit, about a tenth of a second's work.
const MOST_STEPS: u64 = 1_000_000;

/// A parsed query and what bounds its work.
#[derive(Debug)]
pub(super) struct JsonPathFilter {
    query: JsonPath,
    shape: QueryShape,
}

impl JsonPathFilter {
    pub(super) fn compile(text: &str) -> Result<Self, FilterError> {
        let shape = QueryShape::of(text);
        if shape.nesting > DEEPEST_NESTING {
            return Err(FilterError::TooComplex("brackets are nested more than 8 deep"));
        }
        let query = JsonPath::parse(text).map_err(|error| FilterError::JsonPath(error.to_string()))?;
        Ok(Self { query, shape })
    }

    pub(super) fn matches(&self, event: &EventDocument<'_>) -> Result<bool, FilterFailure> {
        if self.shape.steps(event.size()?) > MOST_STEPS {
            return Err(FilterFailure::new("the JSONPath would take too long on a payload of this size"));
        }
        Ok(!self.query.query(event.json()?).is_empty())
    }
}

/// What multiplies the nodes a query visits.
#[derive(Debug, Default, PartialEq, Eq)]
struct QueryShape {
    /// `..`: every node, once for each of its ancestors already selected.
    descents: u32,
    /// `,`: one more selector on the same nodes.
    commas: u32,
    /// `$` inside of filters: the whole payload again for every node.
    restarts: u32,
    /// `match(` and `search(`: a regular expression compiled for every node.
    patterns: u32,
    nesting: usize,
}

impl QueryShape {
    /// Reads the shape off the text, quoted names and texts left out.
    fn of(text: &str) -> Self {
        let bare = without_quoted(text);
        let count = |what: &str| u32::try_from(bare.matches(what).count()).unwrap_or(u32::MAX);
        let (mut depth, mut nesting) = (0_usize, 0);
        for character in bare.chars() {
            match character {
                '(' | '[' => depth += 1,
                ')' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            nesting = nesting.max(depth);
        }
        Self {
            descents: count(".."),
            commas: count(","),
            restarts: count("$").saturating_sub(1),
            patterns: count("match(").saturating_add(count("search(")),
            nesting,
        }
    }

    /// An upper bound of the nodes visited in a document.
    fn steps(&self, document: &DocumentSize) -> u64 {
        let repeated = u64::from(document.depth).max(1).saturating_pow(self.descents.saturating_sub(1));
        document
            .nodes
            .saturating_mul(repeated)
            .saturating_mul(2_u64.saturating_pow(self.commas))
            .saturating_mul(document.nodes.saturating_pow(self.restarts))
            .saturating_mul(1 + 50 * u64::from(self.patterns))
    }
}

fn without_quoted(text: &str) -> String {
    let mut quote = None;
    let mut escaped = false;
    text.chars()
        .filter(|&character| match quote {
            Some(_) if escaped => {
                escaped = false;
                false
            }
            Some(_) if character == '\\' => {
                escaped = true;
                false
            }
            Some(end) => {
                if character == end {
                    quote = None;
                }
                false
            }
            None if matches!(character, '"' | '\'') => {
                quote = Some(character);
                false
            }
            None => true,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::super::event_document::tests::document;
    use super::*;

    fn matches(query: &str, payload: &str) -> Result<bool, FilterFailure> {
        JsonPathFilter::compile(query).expect("valid").matches(&document(payload))
    }

    #[test]
    fn a_query_matches_when_it_selects_a_node() {
        let payload = r#"{"customer":{"type":"PREMIUM"},"items":[{"price":5},{"price":15}],"none":null}"#;
        for (query, expected) in [
            ("$.customer.type", true),
            ("$.none", true),
            ("$.missing", false),
            ("$.items[?@.price > 10]", true),
            ("$.items[?@.price > 20]", false),
            ("$[?(@.type=='PREMIUM')]", true),
            ("$..price", true),
            ("$[?match(@.type, 'PREM.*')]", true),
        ] {
            assert_eq!(matches(query, payload), Ok(expected), "{query}");
        }
        assert!(matches("$.a", "no json").is_err());
    }

    #[test]
    fn what_is_no_jsonpath_is_refused() {
        for text in
            ["$.customer.type=PREMIUM", "$.customer.type == 'PREMIUM'", "$.", "$[", "$[?@.a ==]", "$x"]
        {
            assert!(matches!(JsonPathFilter::compile(text), Err(FilterError::JsonPath(_))), "{text}");
        }
        let nested = format!("$[?{}@.a{}]", "(".repeat(200), ")".repeat(200));
        assert!(matches!(JsonPathFilter::compile(&nested), Err(FilterError::TooComplex(_))));
    }

    #[test]
    fn quoted_text_does_not_count() {
        let shape = QueryShape::of(r"$['a,..$(match(\'((((((((((,'].b");
        assert_eq!(shape, QueryShape { nesting: 1, ..QueryShape::default() });
        assert_eq!(QueryShape::of("$..a[0,1]..b[?match(@.x, $.y)]").descents, 2);
    }

    #[test]
    fn hostile_queries_end_in_time() {
        let wide = format!("[{}]", vec!["{\"a\":1}"; 50_000].join(","));
        let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
        let bombs = [
            "$..*..*..*..*..*".to_owned(),
            format!("${}", "[*,*]".repeat(100)),
            "$[?$..a[?$..b]]".to_owned(),
            "$..[?@..a[?@..b]]".to_owned(),
            format!("$[?{}@.a{}]", "(".repeat(7), ")".repeat(7)),
            "$[?match(@.a, '(a{1000}){1000}')]".to_owned(),
        ];
        for (query, payload) in bombs.iter().flat_map(|query| [(query, &wide), (query, &deep)]) {
            let start = Instant::now();
            let _ = JsonPathFilter::compile(query).map(|filter| filter.matches(&document(payload)));
            assert!(start.elapsed() < Duration::from_secs(10), "{query} took {:?}", start.elapsed());
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\$[ -~]{0,40}") {
            let _ = JsonPathFilter::compile(&text);
        }
    }
}
