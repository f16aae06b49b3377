//! Where a delivery is. Nothing stores that: it follows from its queue row and its last execution.

use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::delivery::DeliveryState;
use time::OffsetDateTime;

/// The queue row of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) attempt: i16,
    pub(crate) due_at: OffsetDateTime,
    pub(crate) leased: bool,
    pub(crate) hold_reason: Option<String>,
}

/// A queue row outranks executions: it is what will happen. A delivery with neither is in the memory of the worker that
/// accepted its event; one whose last attempt announced a retry that is nowhere to be found is being recovered.
pub(crate) fn delivery_state(waiting: Option<&Waiting>, last: Option<ExecutionStatus>) -> DeliveryState {
    match (waiting, last) {
        (Some(Waiting { leased: true, .. }), _) => DeliveryState::InProgress,
        (Some(Waiting { hold_reason: Some(_), .. }), _) => DeliveryState::Held,
        (Some(Waiting { attempt: 2.., .. }), _) => DeliveryState::Retrying,
        (Some(_), _) => DeliveryState::Pending,
        (None, Some(ExecutionStatus::Success)) => DeliveryState::Delivered,
        (None, Some(ExecutionStatus::FailedPermanent)) => DeliveryState::Failed,
        (None, Some(ExecutionStatus::Skipped)) => DeliveryState::Skipped,
        (None, Some(ExecutionStatus::FailedRetrying)) => DeliveryState::Retrying,
        (None, Some(ExecutionStatus::Pending | ExecutionStatus::InProgress) | None) => DeliveryState::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(attempt: i16, leased: bool, hold_reason: Option<&str>) -> Waiting {
        Waiting {
            attempt,
            due_at: OffsetDateTime::UNIX_EPOCH,
            leased,
            hold_reason: hold_reason.map(str::to_owned),
        }
    }

    #[test]
    fn the_queue_outranks_what_was() {
        let failed = Some(ExecutionStatus::FailedPermanent);
        let state = |row: Waiting| delivery_state(Some(&row), failed);
        assert_eq!(state(waiting(3, true, Some("rate"))), DeliveryState::InProgress);
        assert_eq!(state(waiting(1, false, Some("paused"))), DeliveryState::Held);
        assert_eq!(state(waiting(2, false, None)), DeliveryState::Retrying);
        assert_eq!(state(waiting(1, false, None)), DeliveryState::Pending);
    }

    #[test]
    fn without_a_queue_row_the_last_execution_decides() {
        let state = |last| delivery_state(None, last);
        assert_eq!(state(None), DeliveryState::Pending);
        assert_eq!(state(Some(ExecutionStatus::Success)), DeliveryState::Delivered);
        assert_eq!(state(Some(ExecutionStatus::FailedPermanent)), DeliveryState::Failed);
        assert_eq!(state(Some(ExecutionStatus::Skipped)), DeliveryState::Skipped);
        assert_eq!(state(Some(ExecutionStatus::FailedRetrying)), DeliveryState::Retrying);
    }
}
