//! The catalogue of hostile inputs is whole, and each of its entries is proven in exactly one place.

use std::collections::{BTreeMap, BTreeSet};

use callbacks_testkit::hostile_corpus::{all, document_path, entries};

#[test]
fn every_entry_is_proven_in_exactly_one_place() {
    let document = std::fs::read_to_string(document_path()).expect("docs/HOSTILE_INPUTS.md can be read");
    let mut proven: BTreeMap<&str, usize> = BTreeMap::new();
    for row in document.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id |")) {
        let id = row[2..].split(' ').next().unwrap_or_default();
        *proven.entry(id).or_default() += 1;
    }
    let catalogue = all();
    let known: BTreeSet<&str> = catalogue.iter().map(|entry| entry.id.as_str()).collect();
    for (id, count) in &proven {
        assert!(known.contains(id), "{id} is in the table and not in the catalogue");
        assert_eq!(*count, 1, "{id} is proven in {count} places");
    }
    for entry in &catalogue {
        assert!(proven.contains_key(entry.id.as_str()), "{} is proven nowhere", entry.id);
    }
}

#[test]
fn ids_are_unique_and_long_inputs_are_written_out() {
    let catalogue = all();
    let ids: BTreeSet<&str> = catalogue.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids.len(), catalogue.len());
    for entry in &catalogue {
        let input = entry.input.to_string();
        assert!(
            !input.contains("\"$repeat") && !input.contains("\"$concat"),
            "{} is not written out",
            entry.id
        );
        assert!(!entry.verdict().is_empty());
    }
    let long = entries("header").into_iter().find(|entry| entry.id == "HD-016").expect("the long value");
    assert_eq!(long.input["custom_header"]["value"].as_str().map(str::len), Some(8193));
}
