//! How often an event was passed on. A delivery carries `X-Callbacks-Hops`, one more than its event came with; an endpoint
//! that publishes because of a delivery hands the header on; an event beyond the bound is refused. So a circle of endpoints
//! that answer events with events comes to an end.

use std::collections::BTreeMap;

/// The header, of deliveries and of what is published because of them.
pub const HOPS_HEADER: &str = "X-Callbacks-Hops";

/// Why an event is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HopRefusal {
    /// It was passed on too often.
    #[error(
        "the event was passed on {hops} times, and intake.max_hops allows {most}: endpoints publish in a circle; have one of them not publish what came of its own event"
    )]
    TooMany {
        /// How often.
        hops: u16,
        /// The bound.
        most: u16,
    },
    /// It says what is no count.
    #[error("{HOPS_HEADER} must be the whole number that the delivery carried, not {0:?}")]
    Unreadable(String),
}

/// Whether an event with these headers may come in.
///
/// # Errors
/// [`HopRefusal`] says why not.
pub fn judge(headers: Option<&BTreeMap<String, String>>, most: u16) -> Result<(), HopRefusal> {
    for value in headers.into_iter().flat_map(counts) {
        let hops = value.trim().parse().map_err(|_| HopRefusal::Unreadable(shown(value)))?;
        if hops > most {
            return Err(HopRefusal::TooMany { hops, most });
        }
    }
    Ok(())
}

/// What the delivery of an event with these headers (a JSON object of texts) says: one more than the event.
pub(crate) fn of_delivery(event_headers: Option<&str>) -> u16 {
    // Most events have none, and need no parsing.
    let named = |text: &&str| {
        text.as_bytes()
            .windows(HOPS_HEADER.len())
            .any(|name| name.eq_ignore_ascii_case(HOPS_HEADER.as_bytes()))
    };
    let headers: Option<BTreeMap<String, String>> =
        event_headers.filter(named).and_then(|text| serde_json::from_str(text).ok());
    let behind = headers.iter().flat_map(counts).filter_map(|value| value.trim().parse().ok()).max();
    behind.unwrap_or(0_u16).saturating_add(1)
}

fn counts(headers: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(HOPS_HEADER)).map(|(_, value)| value.as_str())
}

/// The beginning of what somebody sent.
fn shown(value: &str) -> String {
    value.chars().take(20).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("X-Other".to_owned(), "1".to_owned()), (name.to_owned(), value.to_owned())])
    }

    #[test]
    fn the_bound_is_the_last_count_that_is_taken() {
        assert_eq!(judge(None, 2), Ok(()));
        assert_eq!(judge(Some(&headers(HOPS_HEADER, "2")), 2), Ok(()));
        assert_eq!(
            judge(Some(&headers("x-callbacks-hops", "3")), 2),
            Err(HopRefusal::TooMany { hops: 3, most: 2 })
        );
    }

    #[test]
    fn what_is_no_count_is_refused_and_never_counted_as_none() {
        for value in ["", "-1", "1.5", "99999", "0x1", "1,1"] {
            let refused = judge(Some(&headers(HOPS_HEADER, value)), 8);
            assert_eq!(refused, Err(HopRefusal::Unreadable(value.to_owned())));
        }
    }

    #[test]
    fn the_largest_of_several_counts() {
        let mut several = headers("x-callbacks-hops", "1");
        several.insert(HOPS_HEADER.to_owned(), "7".to_owned());
        assert_eq!(judge(Some(&several), 6), Err(HopRefusal::TooMany { hops: 7, most: 6 }));
        let text = serde_json::to_string(&several).expect("serialises");
        assert_eq!(of_delivery(Some(&text)), 8);
    }

    proptest! {
        #[test]
        fn each_round_counts_one_more(rounds in 0_u16..20) {
            let mut hops = of_delivery(None);
            for _ in 0..rounds {
                let carried = serde_json::to_string(&headers("x-Callbacks-HOPS", &hops.to_string())).expect("serialises");
                hops = of_delivery(Some(&carried));
            }
            prop_assert_eq!(hops, rounds + 1);
        }

        #[test]
        fn any_stored_text_has_a_count(text in ".{0,80}") {
            prop_assert!(of_delivery(Some(&text)) >= 1);
        }
    }
}
