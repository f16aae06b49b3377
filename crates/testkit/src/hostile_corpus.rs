//! The catalogue of hostile inputs, `vectors/hostile_inputs.json`, and the table in `docs/HOSTILE_INPUTS.md` that says what
//! became of each.
//!
//! A test binary that proves entries makes a [`Section`] of a category, records each entry's result and finishes it. That
//! compares its part of the table with what was just seen; with `UPDATE_HOSTILE_INPUTS=1` it writes it. Each entry is proven
//! in exactly one place; `tests/hostile_corpus.rs` here counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::Value;

const CORPUS: &str = include_str!("../vectors/hostile_inputs.json");
const UPDATE: &str = "UPDATE_HOSTILE_INPUTS";
/// Characters of an input that the table shows.
const SHOWN: usize = 110;

/// One hostile input and what is expected of the service.
#[derive(Debug, Clone)]
pub struct Entry {
    /// `SU-001`; unique.
    pub id: String,
    /// `ssrf_url`, `header`, …
    pub category: String,
    /// The input, with long repetitions written out.
    pub input: Value,
    /// `verdict`, and what else is expected.
    pub expect: Value,
    shown: String,
}

impl Entry {
    /// The expected verdict: block, allow, reject, accept, …
    ///
    /// # Panics
    /// When the entry has none.
    pub fn verdict(&self) -> &str {
        self.expect["verdict"].as_str().expect("every entry expects a verdict")
    }

    /// The reason given for the verdict, or nothing.
    pub fn reason(&self) -> &str {
        self.expect["reason"].as_str().unwrap_or_default()
    }

    /// A text of the input.
    ///
    /// # Panics
    /// When the input has no such text.
    pub fn text(&self, key: &str) -> &str {
        self.input[key].as_str().unwrap_or_else(|| panic!("{}: input.{key} is a text", self.id))
    }

    /// A whole number among what is expected.
    pub fn expected_number(&self, key: &str) -> Option<u64> {
        self.expect[key].as_u64()
    }

    /// True when the entry permits this HTTP status; true as well when it names none.
    pub fn permits_status(&self, status: u16) -> bool {
        match &self.expect["http_status"] {
            Value::Null => true,
            Value::Array(statuses) => statuses.iter().any(|one| one.as_u64() == Some(status.into())),
            one => one.as_u64() == Some(status.into()),
        }
    }
}

/// The entries of a category, in the order of the catalogue.
///
/// # Panics
/// When there are none: a test over nothing cannot fail.
pub fn entries(category: &str) -> Vec<Entry> {
    let mut found = all();
    found.retain(|entry| entry.category == category);
    assert!(!found.is_empty(), "the catalogue has no category {category}");
    found
}

/// The whole catalogue.
///
/// # Panics
/// When the catalogue is damaged.
pub fn all() -> Vec<Entry> {
    let catalogue: Vec<Value> = serde_json::from_str(CORPUS).expect("the catalogue is an array");
    catalogue.iter().map(entry).collect()
}

fn entry(value: &Value) -> Entry {
    let text = |key: &str| value[key].as_str().expect("every entry has an id and a category").to_owned();
    Entry {
        id: text("id"),
        category: text("category"),
        input: expanded(&value["input"]),
        expect: value["expect"].clone(),
        shown: shortened(&value["input"].to_string()),
    }
}

/// Writes out `{"$repeat": [text, n]}`, `{"$concat": [text, …]}` and `{"$repeat_list": [value, n]}`.
fn expanded(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(expanded).collect(),
        Value::Object(fields) => {
            let written_out = fields.iter().next().and_then(|(key, value)| generated(key, value.as_array()?));
            written_out.unwrap_or_else(|| {
                fields
                    .iter()
                    .map(|(key, value)| (key.clone(), expanded(value)))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            })
        }
        other => other.clone(),
    }
}

fn generated(how: &str, arguments: &[Value]) -> Option<Value> {
    let times = || {
        let count = arguments.get(1).and_then(Value::as_u64).expect("a repetition has a count");
        usize::try_from(count).expect("a repetition fits into memory")
    };
    let text = |value: &Value| expanded(value).as_str().expect("only texts are joined").to_owned();
    match how {
        "$repeat" => Some(text(&arguments[0]).repeat(times()).into()),
        "$concat" => Some(arguments.iter().map(text).collect::<String>().into()),
        "$repeat_list" => Some(vec![expanded(&arguments[0]); times()].into()),
        _ => None,
    }
}

/// A part of the table: the entries of one category that one test binary proves.
#[derive(Debug)]
pub struct Section {
    category: String,
    proven_in: String,
    results: BTreeMap<String, (String, String)>,
}

impl Section {
    /// A part for the file that makes it; call it with `file!()`.
    pub fn new(category: &str, proven_in: &str) -> Self {
        Self { category: category.to_owned(), proven_in: proven_in.to_owned(), results: BTreeMap::new() }
    }

    /// Notes what became of an entry. The text must be the same in every run: no times, ports or random names.
    ///
    /// # Panics
    /// When the entry is of another category or was noted already.
    pub fn record(&mut self, entry: &Entry, result: &str) {
        assert_eq!(entry.category, self.category, "{} belongs to another section", entry.id);
        let row = (entry.shown.clone(), escaped(result));
        assert!(self.results.insert(entry.id.clone(), row).is_none(), "{} was noted twice", entry.id);
    }

    /// Compares this part of the table with the document, or writes it.
    ///
    /// # Panics
    /// When the document says something else.
    pub fn finish(self) {
        let path = document_path();
        // Test binaries may run side by side; the lock goes with the handle.
        let lock = File::open(&path).expect("docs/HOSTILE_INPUTS.md is there");
        lock.lock().expect("the document can be locked");
        let document = fs::read_to_string(&path).expect("docs/HOSTILE_INPUTS.md can be read");
        let updated = self.put_into(&document);
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&path, updated).expect("docs/HOSTILE_INPUTS.md can be written");
        } else {
            assert!(
                updated == document,
                "docs/HOSTILE_INPUTS.md is out of date for {} in {}: run this test with {UPDATE}=1. It should say\n{}",
                self.category,
                self.proven_in,
                self.table()
            );
        }
    }

    fn heading(&self) -> String {
        format!("### {}: `{}`\n", self.category, self.proven_in)
    }

    fn table(&self) -> String {
        let mut table = format!("{}\n| id | input | result |\n|---|---|---|\n", self.heading());
        for (id, (input, result)) in &self.results {
            let _ = writeln!(table, "| {id} | {input} | {result} |");
        }
        table
    }

    /// The document with this part replaced; parts are kept in the order of their headings.
    fn put_into(&self, document: &str) -> String {
        let (preface, parts) = split(document);
        let heading = self.heading();
        let mut parts: Vec<&str> = parts.into_iter().filter(|part| !part.starts_with(&heading)).collect();
        let table = self.table();
        parts.push(&table);
        parts.sort_unstable();
        let parts: Vec<&str> = parts.into_iter().map(str::trim_end).collect();
        format!("{}\n\n{}\n", preface.trim_end(), parts.join("\n\n"))
    }
}

fn split(document: &str) -> (&str, Vec<&str>) {
    let starts: Vec<usize> = document.match_indices("### ").map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([document.len()]);
    let parts = starts.iter().zip(ends).map(|(&start, end)| &document[start..end]).collect();
    (&document[..starts.first().copied().unwrap_or(document.len())], parts)
}

/// Where the table is.
pub fn document_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/HOSTILE_INPUTS.md")
}

fn shortened(text: &str) -> String {
    let visible: String = text.chars().flat_map(visible).collect();
    let cut: String = visible.chars().take(SHOWN).collect();
    let dots = if cut.len() < visible.len() { "…" } else { "" };
    format!("`` {}{dots} ``", cut.replace("``", "` `").replace('|', "\\|"))
}

/// Characters that are not seen, or change the direction of what is, are shown as escapes.
fn visible(character: char) -> Vec<char> {
    let hidden = character.is_control()
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if hidden { character.escape_unicode().collect() } else { vec![character] }
}

fn escaped(text: &str) -> String {
    text.chars().flat_map(visible).collect::<String>().replace('|', "\\|")
}
