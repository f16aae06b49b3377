//! When a configuration is called: after an event, or before it, as a gate.

use crate::named_enum::named_enum;

named_enum! {
    /// When a configuration is called (servo-webhooks' `after:` and `before:`).
    #[derive(Default)]
    pub enum DeliveryPhase {
        /// After the event, through the queue, with retries.
        #[default]
        After = "AFTER",
        /// Before it, while the producer waits; it may cancel the event.
        Before = "BEFORE",
    }
}

named_enum! {
    /// What a gate that does not answer in time, or answers with an error, means for the event.
    #[derive(Default)]
    pub enum OnGateError {
        /// The event goes on.
        #[default]
        Proceed = "PROCEED",
        /// The event is cancelled.
        Cancel = "CANCEL",
    }
}
