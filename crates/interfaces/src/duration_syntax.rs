//! Durations as the compatible systems write them.

use serde_json::Value;
use time::Duration;

use crate::duration_text::DurationText;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} is not a duration; {expected}")]
pub struct DurationSyntaxError {
    text: String,
    expected: &'static str,
}

/// A duration in our own places, such as the command line: ISO 8601 (`PT30S`), Go's form (`1h30m`), pyfly's (`1.5 m`), or seconds. `5m` is
/// five minutes everywhere.
///
/// # Errors
/// Refuses negative ones and texts that are none of these forms.
pub fn general(text: &str) -> Result<Duration, DurationSyntaxError> {
    let value = Value::from(text);
    let negative = |duration: &Duration| !duration.is_negative();
    text.parse::<DurationText>()
        .map(|duration| duration.0)
        .ok()
        .or_else(|| pyfly(&value).ok())
        .or_else(|| is_nothing_else(text).then(|| go_like(text, GENERAL_UNITS)).flatten())
        .filter(negative)
        .ok_or_else(|| refused(&value, "write 30s, 1h30m or PT30S"))
}

/// pyfly's `parse_duration`: a number of seconds, or a decimal number with `ms`, `s`, `m` or `h` in any case. No sign and
/// no combination.
///
/// # Errors
/// What pyfly itself refuses.
pub fn pyfly(value: &Value) -> Result<Duration, DurationSyntaxError> {
    let found = match value {
        Value::Number(number) => number.as_f64().and_then(seconds),
        Value::String(text) => pyfly_text(text),
        _ => None,
    };
    let positive = found.filter(|duration| !duration.is_negative());
    positive.ok_or_else(|| refused(value, "write seconds, or a number with ms, s, m or h: 10s"))
}

/// servo's `Duration`: Go's form with `d`, `w`, `mm` (30 days) and `y` (365 days) besides, rounded to microseconds; a
/// number is seconds. What stands between two components is not looked at, as upstream.
///
/// # Errors
/// What servo itself refuses.
pub fn servo(value: &Value) -> Result<Duration, DurationSyntaxError> {
    let found = match value {
        Value::Number(number) => number.as_f64().and_then(seconds),
        Value::String(text) if matches!(text.as_str(), "0" | "+0" | "-0") => Some(Duration::ZERO),
        Value::String(text) => go_like(text, SERVO_UNITS),
        _ => None,
    };
    found.ok_or_else(|| refused(value, "write Go's form with ns, us, ms, s, m, h, d, w, mm or y: 2h45m"))
}

fn refused(value: &Value, expected: &'static str) -> DurationSyntaxError {
    DurationSyntaxError { text: value.to_string(), expected }
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::checked_seconds_f64(seconds)
}

fn pyfly_text(text: &str) -> Option<Duration> {
    let text = text.trim().to_ascii_lowercase();
    let number_len = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_len);
    let (whole, fraction) =
        number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || fraction.is_some_and(|fraction| !is_digits(fraction)) {
        return None;
    }
    let scale = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    seconds(number.parse::<f64>().ok()? * scale)
}

const HOUR_US: f64 = 3_600_000_000.0;
/// Microseconds of each unit of a duration in our own places: what all dialects agree on.
const GENERAL_UNITS: &[(&str, f64)] =
    &[("ms", 1_000.0), ("s", 1_000_000.0), ("m", 60_000_000.0), ("h", HOUR_US), ("d", 24.0 * HOUR_US)];
/// Microseconds of each of servo's units.
const SERVO_UNITS: &[(&str, f64)] = &[
    ("ns", 0.001),
    ("us", 1.0),
    ("µs", 1.0),
    ("μs", 1.0),
    ("ms", 1_000.0),
    ("s", 1_000_000.0),
    ("m", 60_000_000.0),
    ("h", HOUR_US),
    ("d", 24.0 * HOUR_US),
    ("w", 7.0 * 24.0 * HOUR_US),
    ("mm", 30.0 * 24.0 * HOUR_US),
    ("y", 365.0 * 24.0 * HOUR_US),
];

fn go_like(text: &str, units: &[(&str, f64)]) -> Option<Duration> {
    let components = components(text);
    if components.is_empty() {
        return None;
    }
    let mut total = 0.0;
    for (number, unit) in components {
        let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
        total += number.parse::<f64>().ok()? * scale;
    }
    let signed: f64 = if text.starts_with('-') { -total } else { total };
    // Microseconds are what upstream keeps; beyond 2^63 of them is no duration.
    let micros = signed.round_ties_even();
    (micros.abs() < i64::MAX as f64).then(|| Duration::microseconds(micros as i64))
}

/// Whether a text is components and nothing between them: only servo overlooks what else stands there.
fn is_nothing_else(text: &str) -> bool {
    components(text).iter().map(|(number, unit)| number.len() + unit.len()).sum::<usize>() == text.len()
}

/// Every run of digits and dots that a run of unit letters follows at once.
fn components(text: &str) -> Vec<(&str, &str)> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let is_unit = |c: char| c.is_ascii_lowercase() || c == 'µ' || c == 'μ';
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_number) {
        let (_, from_number) = rest.split_at(start);
        let number_len = from_number.find(|c| !is_number(c)).unwrap_or(from_number.len());
        let (number, after) = from_number.split_at(number_len);
        let unit_len = after.find(|c| !is_unit(c)).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        if !unit.is_empty() {
            found.push((number, unit));
        }
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vectors(dialect: &str) -> Vec<Value> {
        let all: Value = serde_json::from_str(include_str!("../tests/vectors/durations.json")).expect("JSON");
        all[dialect].as_array().expect("a list").clone()
    }

    #[test]
    fn pyflys_vectors() {
        for case in vectors("pyfly") {
            let found = pyfly(&case["input"]).ok().map(|duration| duration.as_seconds_f64() * 1000.0);
            assert_eq!(found, case["ms"].as_f64(), "{case}");
        }
    }

    #[test]
    fn servos_vectors() {
        for case in vectors("servo") {
            let found = servo(&case["input"]).ok().map(|duration| duration.whole_microseconds() as f64);
            assert_eq!(found, case["us"].as_f64(), "{case}");
        }
    }

    #[test]
    fn our_own_places_take_what_all_agree_on() {
        for text in ["PT5M", "5m", "300", "300s", "4m60s", "5.0 m"] {
            assert_eq!(general(text), Ok(Duration::minutes(5)), "{text}");
        }
        for text in ["", "-5m", "2mm", "soon", "-PT1S", "in5m", "1h 30m"] {
            assert!(general(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-+]?[0-9.]{0,30}[ a-zµμ]{0,3}[0-9.]{0,400}[a-z]{0,2}") {
            let value = Value::from(text.as_str());
            let _ = (general(&text), pyfly(&value), servo(&value));
        }
    }
}
