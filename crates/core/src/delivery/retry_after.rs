//! How long an endpoint asks us to stay away (`Retry-After`, RFC 9110 section 10.2.3).

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use time::{Date, Month, OffsetDateTime, Time};

/// No endpoint can silence its own deliveries for longer than this.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait a response asks for, counted from `now`; at most [`LONGEST_RETRY_AFTER`].
///
/// Both forms are read: seconds, and a date in any of the three formats of RFC 9110 section 5.6.7. A date that has
/// passed is zero. Text that is neither counts as absent.
pub fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = seconds(text).or_else(|| http_date(text, now.year()).map(|at| until(at, now)))?;
    Some(wait.min(LONGEST_RETRY_AFTER))
}

fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than fit mean a very long time, not garbage.
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

fn until(at: OffsetDateTime, now: OffsetDateTime) -> Duration {
    Duration::try_from(at - now).unwrap_or(Duration::ZERO)
}

/// Parses an HTTP-date. `current_year` decides the century of the two-digit years of RFC 850.
fn http_date(text: &str, current_year: i32) -> Option<OffsetDateTime> {
    if !text.is_ascii() {
        return None;
    }
    match text.split_once(", ") {
        Some((day_name, rest)) if SHORT_DAYS.contains(&day_name) => imf_fixdate(rest),
        Some((day_name, rest)) if LONG_DAYS.contains(&day_name) => rfc850_date(rest, current_year),
        Some(_) => None,
        None => asctime_date(text),
    }
}

const SHORT_DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LONG_DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &str) -> Option<OffsetDateTime> {
    let [day, month, year, time, "GMT"] = words(text)? else { return None };
    instant(number(year, 4)?, month, number(day, 2)?, time)
}

/// `06-Nov-94 08:49:37 GMT`
fn rfc850_date(text: &str, current_year: i32) -> Option<OffsetDateTime> {
    let [date, time, "GMT"] = words(text)? else { return None };
    let mut parts = date.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let mut year = current_year - current_year.rem_euclid(100) + number(year, 2)?;
    // A date that looks more than 50 years ahead is meant for the century before.
    if year > current_year + 50 {
        year -= 100;
    }
    instant(year, month, number(day, 2)?, time)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime_date(text: &str) -> Option<OffsetDateTime> {
    let (day_name, rest) = text.split_once(' ')?;
    let (month, rest) = rest.split_once(' ')?;
    let (day, rest) = rest.split_at_checked(2)?;
    let [time, year] = words(rest.strip_prefix(' ')?)?;
    if !SHORT_DAYS.contains(&day_name) {
        return None;
    }
    let day = match day.strip_prefix(' ') {
        Some(digit) => number(digit, 1)?,
        None => number(day, 2)?,
    };
    instant(number(year, 4)?, month, day, time)
}

/// The text as exactly `N` words with one space between each.
fn words<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split(' ').collect::<Vec<_>>().try_into().ok()
}

/// A number of exactly `width` digits.
fn number(text: &str, width: usize) -> Option<i32> {
    let digits = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn instant(year: i32, month: &str, day: i32, time: &str) -> Option<OffsetDateTime> {
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = Month::try_from(u8::try_from(month + 1).ok()?).ok()?;
    let date = Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()?;
    let mut parts = time.splitn(3, ':').map(|part| number(part, 2).and_then(|n| u8::try_from(n).ok()));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // 60 is a leap second, which no clock here knows.
    let time = Time::from_hms(hour, minute, if second == 60 { 59 } else { second }).ok()?;
    Some(date.with_time(time).assume_utc())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(1994-11-06 08:49:00 UTC);

    fn wait(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_bytes(text.as_bytes()).expect("a header value"));
        retry_after(&headers, NOW)
    }

    #[test]
    fn seconds_are_read_and_capped() {
        assert_eq!(wait("0"), Some(Duration::ZERO));
        assert_eq!(wait(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(wait("86401"), Some(LONGEST_RETRY_AFTER));
        assert_eq!(wait("99999999999999999999999999"), Some(LONGEST_RETRY_AFTER));
    }

    #[test]
    fn all_three_date_formats_are_read() {
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(wait(text), Some(Duration::from_secs(37)), "{text}");
        }
        assert_eq!(wait("Wed Nov 16 08:49:37 1994"), Some(LONGEST_RETRY_AFTER));
    }

    #[test]
    fn a_date_that_has_passed_is_zero() {
        assert_eq!(wait("Sun, 06 Nov 1994 08:48:37 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("Sun, 01 Jan 1800 00:00:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn two_digit_years_are_at_most_fifty_years_ahead() {
        assert_eq!(http_date("Sunday, 06-Nov-44 08:49:37 GMT", 1994).map(OffsetDateTime::year), Some(1944));
        assert_eq!(http_date("Sunday, 06-Nov-10 08:49:37 GMT", 1994).map(OffsetDateTime::year), Some(1910));
        assert_eq!(http_date("Sunday, 06-Nov-10 08:49:37 GMT", 2025).map(OffsetDateTime::year), Some(2010));
        assert_eq!(http_date("Sunday, 06-Nov-70 08:49:37 GMT", 2025).map(OffsetDateTime::year), Some(2070));
        assert_eq!(http_date("Sunday, 06-Nov-80 08:49:37 GMT", 2025).map(OffsetDateTime::year), Some(1980));
    }

    #[test]
    fn garbage_counts_as_absent() {
        for text in [
            "",
            "-1",
            "+5",
            "1.5",
            "5s",
            "soon",
            "0x10",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Xyz, 06 Nov 1994 08:49:37 GMT",
            "\u{e9}",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "1994-11-06T08:49:37Z",
            "Sun, 06 Nov 1994 8:49:37 GMT",
        ] {
            assert_eq!(wait(text), None, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), NOW), None);
    }

    proptest! {
        #[test]
        fn no_text_panics_or_exceeds_the_cap(text in "[ -~]{0,40}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT") {
            prop_assert!(wait(&text).is_none_or(|wait| wait <= LONGEST_RETRY_AFTER));
        }
    }
}
