//! Values computed by the compatible systems' original code.

use callbacks_interfaces::duration_text::DurationText;
use callbacks_interfaces::event_pattern::EventPattern;
use callbacks_interfaces::page::Page;
use serde_json::{Value, json};

fn cases(text: &str, list: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(text).expect("valid JSON");
    vectors[list].as_array().expect("a list").clone()
}

#[test]
fn pages_add_up_as_in_the_original() {
    for case in cases(include_str!("../vectors/pagination.json"), "cases") {
        let number = |field: &str, default: u64| case["request"][field].as_u64().unwrap_or(default);
        let (page, size) = (number("page", 0), number("size", 20));
        let total = case["total"].as_u64().expect("a number");
        let on_page = total.saturating_sub(page * size).min(size);
        let content = (0..on_page).collect();
        let page =
            Page::new(content, u32::try_from(page).expect("fits"), u32::try_from(size).expect("fits"), total);
        let mut shown = serde_json::to_value(page).expect("serialises");
        let content = shown.as_object_mut().and_then(|page| page.remove("content"));
        assert_eq!(content, Some(json!((0..on_page).collect::<Vec<_>>())));
        assert_eq!(shown, case["expected"], "{case}");
    }
}

#[test]
fn durations_are_read_as_java_reads_them() {
    for case in cases(include_str!("../vectors/durations.json"), "iso8601") {
        let text = case["input"].as_str().expect("a text");
        let read = text.parse::<DurationText>().ok();
        let milliseconds = read.map(|duration| duration.0.whole_milliseconds());
        assert_eq!(milliseconds, case["ms"].as_i64().map(i128::from), "{text:?}");
    }
}

/// Cases without patterns are decided by policy, not by matching.
#[test]
fn patterns_match_as_recommended() {
    let mut decided = 0;
    for case in cases(include_str!("../vectors/matching.json"), "cases") {
        let Some(wanted) = case["recommended"].as_bool() else {
            continue;
        };
        let event_type = case["event_type"].as_str().expect("a text");
        let patterns = case["patterns"].as_array().expect("a list");
        let matches = patterns.iter().any(|pattern| {
            // A blank pattern cannot be configured, so it matches nothing.
            EventPattern::try_from(pattern.as_str().expect("a text"))
                .is_ok_and(|pattern| pattern.matches(event_type))
        });
        assert_eq!(matches, wanted, "{event_type:?} {patterns:?}");
        decided += 1;
    }
    assert!(decided > 250, "only {decided} cases");
}
