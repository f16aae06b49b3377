//! Whether a configuration may be called at all, from its status alone.

use std::time::Duration;

use callbacks_interfaces::callback_configuration::CallbackStatus;
use time::OffsetDateTime;

/// What a configuration's status allows right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Deliveries flow.
    Open,
    /// Paused after failures, and the cool-down is over: one delivery at a time finds out whether it recovered.
    Probing,
    /// Deliveries wait, for this long or (`None`) until somebody changes the configuration.
    Held {
        /// How long, if that is known.
        wait: Option<Duration>,
        /// Shown to the tenant as the hold reason.
        reason: &'static str,
    },
}

/// Reads the standing off a configuration's status, its `active` switch and the time of its next probe.
pub fn standing(
    status: CallbackStatus,
    active: bool,
    probe_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Standing {
    if !active {
        return Standing::Held { wait: None, reason: "configuration is not active" };
    }
    match (status, probe_at) {
        (CallbackStatus::Active, _) => Standing::Open,
        (CallbackStatus::Paused, Some(probe_at)) if probe_at <= now => Standing::Probing,
        (CallbackStatus::Paused, Some(probe_at)) => {
            let wait = Duration::try_from(probe_at - now).unwrap_or_default();
            Standing::Held { wait: Some(wait), reason: "paused after failures" }
        }
        (CallbackStatus::Paused, None) => Standing::Held { wait: None, reason: "paused" },
        (CallbackStatus::Disabled, _) => Standing::Held { wait: None, reason: "configuration is disabled" },
        (CallbackStatus::Failed, _) => Standing::Held { wait: None, reason: "configuration has failed" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_active_ones_are_open() {
        let now = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(standing(CallbackStatus::Active, true, None, now), Standing::Open);
        for status in
            [CallbackStatus::Active, CallbackStatus::Paused, CallbackStatus::Disabled, CallbackStatus::Failed]
        {
            assert!(matches!(standing(status, false, Some(now), now), Standing::Held { .. }), "{status:?}");
        }
    }

    #[test]
    fn a_pause_after_failures_is_probed_when_its_time_has_come() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let later = now + Duration::from_secs(30);
        let held = Standing::Held { wait: Some(Duration::from_secs(30)), reason: "paused after failures" };
        assert_eq!(standing(CallbackStatus::Paused, true, Some(later), now), held);
        assert_eq!(standing(CallbackStatus::Paused, true, Some(later), later), Standing::Probing);
        assert!(matches!(
            standing(CallbackStatus::Paused, true, None, now),
            Standing::Held { wait: None, .. }
        ));
    }
}
