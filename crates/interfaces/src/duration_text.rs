//! Durations as ISO 8601 text, as `java.time.Duration.parse` reads them: `PT24H`, `P1DT2H`,
//! `PT0.5S`, `-PT1H`. Weeks, months and years have no fixed length there and are refused.

use std::str::FromStr;

use time::Duration;

/// A duration read from its ISO 8601 text; may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationText(pub Duration);

/// The text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration is ISO 8601 text such as PT24H, PT30M or P1DT2H")]
pub struct DurationTextError;

impl FromStr for DurationText {
    type Err = DurationTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negated, text) = sign(text);
        let text = text.strip_prefix(['P', 'p']).filter(|text| text.is_ascii()).ok_or(DurationTextError)?;
        let (days, clock) = match text.split_once(['T', 't']) {
            Some((_, "")) => return Err(DurationTextError),
            Some((days, clock)) => (days, clock),
            None => (text, ""),
        };
        if days.is_empty() && clock.is_empty() {
            return Err(DurationTextError);
        }
        let mut rest = days;
        let mut total = component(&mut rest, 'D', SECONDS_PER_DAY)?;
        ensure_empty(rest)?;
        rest = clock;
        for (unit, seconds) in [('H', 3600), ('M', 60)] {
            total = add(total, component(&mut rest, unit, seconds)?)?;
        }
        total = add(total, seconds(&mut rest)?)?;
        ensure_empty(rest)?;
        if negated {
            return total.checked_neg().map(Self).ok_or(DurationTextError);
        }
        Ok(Self(total))
    }
}

const SECONDS_PER_DAY: i64 = 86_400;

fn sign(text: &str) -> (bool, &str) {
    if let Some(rest) = text.strip_prefix('-') {
        (true, rest)
    } else {
        (false, text.strip_prefix('+').unwrap_or(text))
    }
}

fn ensure_empty(rest: &str) -> Result<(), DurationTextError> {
    if rest.is_empty() { Ok(()) } else { Err(DurationTextError) }
}

fn add(left: Duration, right: Duration) -> Result<Duration, DurationTextError> {
    left.checked_add(right).ok_or(DurationTextError)
}

/// Takes `<whole number><unit>` off the front of `rest`, if it is there.
fn component(rest: &mut &str, unit: char, seconds: i64) -> Result<Duration, DurationTextError> {
    let Some((number, after)) = split_unit(rest, unit) else {
        return Ok(Duration::ZERO);
    };
    *rest = after;
    let number = whole(number)?;
    number.checked_mul(seconds).map(Duration::seconds).ok_or(DurationTextError)
}

/// Takes `<decimal number>S` off the front of `rest`, if it is there; at most nine decimals.
fn seconds(rest: &mut &str) -> Result<Duration, DurationTextError> {
    let Some((number, after)) = split_unit(rest, 'S') else {
        return Ok(Duration::ZERO);
    };
    *rest = after;
    let (whole_part, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DurationTextError);
    }
    let nanoseconds: i64 = format!("{fraction:0<9}").parse().map_err(|_| DurationTextError)?;
    let is_negative = whole_part.starts_with('-');
    let nanoseconds = Duration::nanoseconds(if is_negative { -nanoseconds } else { nanoseconds });
    add(Duration::seconds(whole(whole_part)?), nanoseconds)
}

fn split_unit(text: &str, unit: char) -> Option<(&str, &str)> {
    text.split_once([unit, unit.to_ascii_lowercase()])
}

fn whole(number: &str) -> Result<i64, DurationTextError> {
    let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DurationTextError);
    }
    number.parse().map_err(|_| DurationTextError)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn components_add_up(d in 0_i64..9999, h in 0_i64..9999, m in 0_i64..9999, s in 0_i64..9999) {
            let text = format!("P{d}DT{h}H{m}M{s}S");
            let wanted = Duration::seconds(d * 86_400 + h * 3600 + m * 60 + s);
            prop_assert_eq!(text.parse(), Ok(DurationText(wanted)));
            let negative = format!("-{text}").parse();
            prop_assert_eq!(negative, Ok(DurationText(-wanted)));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[-+]?[Pp]?[-+0-9.,DTHMSdthms]{0,24}") {
            let _ = text.parse::<DurationText>();
        }
    }

    #[test]
    fn signs_and_fractions_are_read() {
        let parsed = |text: &str| text.parse::<DurationText>().map(|duration| duration.0);
        assert_eq!(parsed("PT-0.5S"), Ok(Duration::milliseconds(-500)));
        assert_eq!(parsed("+PT+1M"), Ok(Duration::minutes(1)));
        assert_eq!(parsed("PT0.123456789S"), Ok(Duration::nanoseconds(123_456_789)));
        assert!(parsed("PT1S1M").is_err());
        assert!(parsed("P99999999999999999999D").is_err());
        assert!(parsed("PT9223372036854775807S").is_ok());
        assert!(parsed("P９D").is_err());
    }
}
