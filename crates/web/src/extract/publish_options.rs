//! What a producer asks of `POST /events` beside taking the event: to wait for its first attempts, or to put it before the
//! gates.

use std::time::Duration;

use callbacks_interfaces::delivery_phase::DeliveryPhase;
use callbacks_interfaces::duration_syntax;

use crate::extract::query_parameters::QueryParameters;
use crate::problem_response::ApiError;

/// How an event is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PublishMode {
    /// It has happened: store it and say so.
    Happened,
    /// It has happened: store it, and wait at most this long for its first attempts.
    Waiting(Duration),
    /// It is about to happen: ask the gates.
    AboutToHappen,
}

impl PublishMode {
    /// Reads the query string of one event. `longest` is the longest wait that is granted.
    pub(crate) fn of(query: Option<&str>, longest: Duration) -> Result<Self, ApiError> {
        let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(Self::Happened) };
        let query = QueryParameters::parse(query)?;
        if let Some((name, value)) = query.iter().find(|(name, _)| !["phase", "wait"].contains(name)) {
            let message = format!("Unknown query parameter '{name}'; known are phase and wait");
            return Err(ApiError::parameter(name, "Unknown", message, Some(value)));
        }
        match (phase(&query)?, wait(&query, longest)?) {
            (DeliveryPhase::After, None) => Ok(Self::Happened),
            (DeliveryPhase::After, Some(wait)) => Ok(Self::Waiting(wait)),
            (DeliveryPhase::Before, None) => Ok(Self::AboutToHappen),
            (DeliveryPhase::Before, Some(_)) => {
                let message = "Gates are always waited for; leave wait out where phase is before";
                Err(ApiError::parameter("wait", "Unsupported", message, None))
            }
        }
    }

    /// Reads the query string of a batch, for which there is nothing to choose.
    pub(crate) fn of_batch(query: Option<&str>, longest: Duration) -> Result<(), ApiError> {
        let (field, what) = match Self::of(query, longest)? {
            Self::Happened => return Ok(()),
            Self::Waiting(_) => ("wait", "A batch is not waited for"),
            Self::AboutToHappen => ("phase", "Gates are asked about one event at a time"),
        };
        let message = format!("{what}; send the event by itself to POST /api/v1/events");
        Err(ApiError::parameter(field, "Unsupported", message, None))
    }
}

/// The longest time a request may take on purpose, so that its answer still arrives within `request_timeout`.
pub(crate) fn longest_wait(request_timeout: Duration) -> Duration {
    request_timeout.mul_f64(5.0 / 6.0)
}

fn phase(query: &QueryParameters) -> Result<DeliveryPhase, ApiError> {
    let Some(text) = query.get("phase") else { return Ok(DeliveryPhase::After) };
    text.to_ascii_uppercase()
        .parse()
        .map_err(|_| ApiError::parameter("phase", "Enum", "phase must be before or after", Some(text)))
}

fn wait(query: &QueryParameters, longest: Duration) -> Result<Option<Duration>, ApiError> {
    let Some(text) = query.get("wait") else { return Ok(None) };
    let refuse = |code, message: String| Err(ApiError::parameter("wait", code, message, Some(text)));
    match duration_syntax::general(text) {
        Err(error) => refuse("TypeMismatch", format!("wait: {error}")),
        Ok(wait) if wait.unsigned_abs() > longest => {
            refuse("Max", format!("wait must not exceed {} s", longest.as_secs_f64()))
        }
        Ok(wait) => Ok(Some(wait.unsigned_abs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(25);

    #[test]
    fn every_form_of_a_duration_is_a_wait() {
        for text in ["PT5S", "5s", "5", "5.0%20s", "0m5s", "5000ms"] {
            let read = PublishMode::of(Some(&format!("wait={text}")), LONGEST);
            assert_eq!(read.expect("a wait"), PublishMode::Waiting(Duration::from_secs(5)), "{text}");
        }
        assert_eq!(PublishMode::of(None, LONGEST).expect("nothing"), PublishMode::Happened);
        assert_eq!(PublishMode::of(Some("phase=AFTER"), LONGEST).expect("fine"), PublishMode::Happened);
        assert_eq!(PublishMode::of(Some("phase=before"), LONGEST).expect("fine"), PublishMode::AboutToHappen);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for query in [
            "wait=",
            "wait=-1s",
            "wait=25.1s",
            "wait=soon",
            "phase=during",
            "phase=",
            "Wait=5s",
            "phase=before&wait=5s",
        ] {
            assert!(PublishMode::of(Some(query), LONGEST).is_err(), "{query}");
        }
        for query in ["wait=5s", "phase=before", "what=ever"] {
            assert!(PublishMode::of_batch(Some(query), LONGEST).is_err(), "{query}");
        }
        assert!(PublishMode::of_batch(Some("phase=after"), LONGEST).is_ok());
    }
}
