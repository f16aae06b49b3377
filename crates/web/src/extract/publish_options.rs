//! What a producer asks of `POST /events` beside taking the event: to put it before the gates.

use std::time::Duration;

use callbacks_interfaces::delivery_phase::DeliveryPhase;

use crate::extract::query_parameters::QueryParameters;
use crate::problem_response::ApiError;

/// How an event is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PublishMode {
    /// It has happened: store it and say so.
    Happened,
    /// It is about to happen: ask the gates.
    AboutToHappen,
}

impl PublishMode {
    /// Reads the query string of one event.
    pub(crate) fn of(query: Option<&str>) -> Result<Self, ApiError> {
        let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(Self::Happened) };
        let query = QueryParameters::parse(query)?;
        if let Some((name, value)) = query.iter().find(|(name, _)| *name != "phase") {
            let message = format!("Unknown query parameter '{name}'; phase is known");
            return Err(ApiError::parameter(name, "Unknown", message, Some(value)));
        }
        Ok(match phase(&query)? {
            DeliveryPhase::Before => Self::AboutToHappen,
            DeliveryPhase::After => Self::Happened,
        })
    }

    /// Reads the query string of a batch, which can only have happened.
    pub(crate) fn of_batch(query: Option<&str>) -> Result<(), ApiError> {
        match Self::of(query)? {
            Self::Happened => Ok(()),
            Self::AboutToHappen => Err(ApiError::parameter(
                "phase",
                "Unsupported",
                "Gates are asked about one event at a time; send it by itself to POST /api/v1/events?phase=before".to_owned(),
                None,
            )),
        }
    }
}

/// The longest time a request may take on purpose, so that its answer still arrives within `request_timeout`.
pub(crate) fn longest_wait(request_timeout: Duration) -> Duration {
    request_timeout.mul_f64(5.0 / 6.0)
}

fn phase(query: &QueryParameters) -> Result<DeliveryPhase, ApiError> {
    let Some(text) = query.get("phase") else { return Ok(DeliveryPhase::After) };
    text.to_ascii_uppercase().parse().map_err(|_| {
        ApiError::parameter("phase", "Enum", "phase must be before or after".to_owned(), Some(text))
    })
}
