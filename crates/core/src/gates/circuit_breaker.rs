//! A circuit breaker: stops calling an endpoint that keeps failing, and finds out carefully whether it recovered.
//!
//! Two modes. RATE follows Resilience4j's COUNT_BASED breaker to the letter: rates are inclusive thresholds over the
//! last N calls, "slow" and "the wait is over" are strict, and all trial calls end before half-open decides.
//! CONSECUTIVE follows pyfly: so many failures in a row open it, and it half-opens as soon as its timeout has passed.
//! Pure: the caller brings the time, and holds whatever lock is needed.

use std::time::{Duration, Instant};

use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;

use super::call_window::CallWindow;

/// One endpoint's breaker.
#[derive(Debug, Clone)]
pub struct CircuitBreaker {
    policy: CircuitBreakerPolicy,
    phase: Phase,
    window: CallWindow,
    not_permitted: u64,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed { failures_in_a_row: u32 },
    Open { since: Instant },
    HalfOpen { permits: u32, successes: u32 },
}

/// The state operators see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Calls flow.
    Closed,
    /// No call is permitted.
    Open,
    /// A few trial calls are permitted.
    HalfOpen,
}

impl BreakerState {
    /// Resilience4j's name of the state.
    pub fn as_str(self) -> &'static str {
        match self {
            BreakerState::Closed => "CLOSED",
            BreakerState::Open => "OPEN",
            BreakerState::HalfOpen => "HALF_OPEN",
        }
    }
}

/// The answer to a request for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquire {
    /// The call may be made; it must end in [`CircuitBreaker::record`] or [`CircuitBreaker::release`].
    Permitted,
    /// The call must not be made.
    Rejected {
        /// Time until asking again can succeed; `None` while trial calls are under way, whose end nobody knows.
        retry_after: Option<Duration>,
    },
}

/// What a call said about the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallResult {
    /// It is well.
    Success,
    /// It is not.
    Failure,
    /// Nothing either way; counts nowhere and frees its permit.
    Neutral,
}

/// A breaker's state and figures at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snapshot {
    /// The state.
    pub state: BreakerState,
    /// Failed calls in percent; `None` below the minimum number of calls.
    pub failure_rate: Option<f32>,
    /// Slow calls in percent; `None` below the minimum number of calls.
    pub slow_call_rate: Option<f32>,
    /// Calls in the window.
    pub buffered: u32,
    /// Calls rejected since the window was last emptied.
    pub not_permitted: u64,
}

impl CircuitBreaker {
    /// A closed breaker that has seen no call.
    pub fn new(policy: &CircuitBreakerPolicy) -> Self {
        let window = closed_window(policy);
        Self {
            policy: policy.clone(),
            phase: Phase::Closed { failures_in_a_row: 0 },
            window,
            not_permitted: 0,
        }
    }

    /// The thresholds it works by.
    pub fn policy(&self) -> &CircuitBreakerPolicy {
        &self.policy
    }

    /// Asks for permission to make one call.
    pub fn acquire(&mut self, now: Instant) -> Acquire {
        if let Phase::Open { since } = self.phase {
            match self.wait_left(since, now) {
                Some(left) => return self.reject(Some(left)),
                None => self.half_open(),
            }
        }
        match &mut self.phase {
            Phase::HalfOpen { permits: 0, .. } => self.reject(None),
            Phase::HalfOpen { permits, .. } => {
                *permits -= 1;
                Acquire::Permitted
            }
            Phase::Closed { .. } | Phase::Open { .. } => Acquire::Permitted,
        }
    }

    /// Records how a permitted call ended, `duration` after it began.
    pub fn record(&mut self, now: Instant, result: CallResult, duration: Duration) {
        let failed = match result {
            CallResult::Neutral => return self.release(),
            CallResult::Success => false,
            CallResult::Failure => true,
        };
        match self.policy {
            CircuitBreakerPolicy::Rate { slow_call_duration_ms, .. } => {
                self.window.push(failed, duration > Duration::from_millis(slow_call_duration_ms));
                self.judge_rates(now);
            }
            CircuitBreakerPolicy::Consecutive { failure_threshold, half_open_max_calls, .. } => {
                self.count_in_a_row(now, failed, failure_threshold.max(1), half_open_max_calls.max(1));
            }
        }
    }

    /// Gives back a permit whose call was not made, or said nothing.
    pub fn release(&mut self) {
        let all = self.trial_calls();
        if let Phase::HalfOpen { permits, successes } = &mut self.phase {
            let judged = if self.window.capacity() == 0 { *successes } else { self.window.len() };
            // A call from before the breaker opened never took a trial permit, so it can give none back.
            *permits = (*permits + 1).min(all.saturating_sub(judged));
        }
    }

    /// The state at `now`: half-open as soon as a trial call would be permitted.
    pub fn state(&self, now: Instant) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { since } if self.wait_left(since, now).is_some() => BreakerState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Trial calls that can still be permitted while half-open, or would be once open is over; no limit when closed.
    pub fn permits_left(&self) -> usize {
        match self.phase {
            Phase::Closed { .. } => usize::MAX,
            Phase::Open { .. } => self.trial_calls() as usize,
            Phase::HalfOpen { permits, .. } => permits as usize,
        }
    }

    /// State and figures at `now`, as the system each mode comes from shows them: Resilience4j leaves OPEN only with
    /// the next call, pyfly as soon as the timeout has passed.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let state = match (self.phase, &self.policy) {
            (Phase::Open { .. }, CircuitBreakerPolicy::Rate { .. }) => BreakerState::Open,
            _ => self.state(now),
        };
        Snapshot {
            state,
            failure_rate: self.window.failure_rate(),
            slow_call_rate: self.window.slow_call_rate(),
            buffered: self.window.len(),
            not_permitted: self.not_permitted,
        }
    }

    fn reject(&mut self, retry_after: Option<Duration>) -> Acquire {
        self.not_permitted += 1;
        Acquire::Rejected { retry_after }
    }

    /// Time until trial calls are permitted; `None` when they are.
    fn wait_left(&self, since: Instant, now: Instant) -> Option<Duration> {
        let open_for = now.saturating_duration_since(since);
        match self.policy {
            CircuitBreakerPolicy::Rate { wait_duration_in_open_state_ms, .. } => {
                // Strictly longer than the wait, so one nanosecond more than it.
                let wait = Duration::from_millis(wait_duration_in_open_state_ms);
                (open_for <= wait).then(|| wait - open_for + Duration::from_nanos(1))
            }
            CircuitBreakerPolicy::Consecutive { recovery_timeout_ms, .. } => {
                let wait = Duration::from_millis(recovery_timeout_ms);
                (open_for < wait).then(|| wait - open_for)
            }
        }
    }

    fn trial_calls(&self) -> u32 {
        match self.policy {
            CircuitBreakerPolicy::Rate { permitted_calls_in_half_open_state, .. } => {
                permitted_calls_in_half_open_state.max(1)
            }
            CircuitBreakerPolicy::Consecutive { half_open_max_calls, .. } => half_open_max_calls.max(1),
        }
    }

    fn half_open(&mut self) {
        let permits = self.trial_calls();
        self.phase = Phase::HalfOpen { permits, successes: 0 };
        if let CircuitBreakerPolicy::Rate { .. } = self.policy {
            self.window = CallWindow::new(permits, permits);
        }
        self.not_permitted = 0;
    }

    fn close(&mut self) {
        self.phase = Phase::Closed { failures_in_a_row: 0 };
        self.window = closed_window(&self.policy);
        self.not_permitted = 0;
    }

    fn judge_rates(&mut self, now: Instant) {
        let CircuitBreakerPolicy::Rate { failure_rate_threshold, slow_call_rate_threshold, .. } = self.policy
        else {
            return;
        };
        let (Some(failed), Some(slow)) = (self.window.failure_rate(), self.window.slow_call_rate()) else {
            return;
        };
        let exceeded = failed >= failure_rate_threshold || slow >= slow_call_rate_threshold;
        match (self.phase, exceeded) {
            // A call from before it opened has no say in when it closes.
            (Phase::Open { .. }, _) | (Phase::Closed { .. }, false) => {}
            (Phase::Closed { .. } | Phase::HalfOpen { .. }, true) => self.phase = Phase::Open { since: now },
            (Phase::HalfOpen { .. }, false) => self.close(),
        }
    }

    fn count_in_a_row(&mut self, now: Instant, failed: bool, threshold: u32, trial_calls: u32) {
        match &mut self.phase {
            Phase::Closed { failures_in_a_row } if failed => {
                *failures_in_a_row += 1;
                if *failures_in_a_row >= threshold {
                    self.phase = Phase::Open { since: now };
                }
            }
            Phase::Closed { failures_in_a_row } => *failures_in_a_row = 0,
            Phase::Open { .. } => {}
            Phase::HalfOpen { .. } if failed => self.phase = Phase::Open { since: now },
            Phase::HalfOpen { successes, .. } => {
                *successes += 1;
                if *successes >= trial_calls {
                    self.close();
                }
            }
        }
    }
}

fn closed_window(policy: &CircuitBreakerPolicy) -> CallWindow {
    match *policy {
        CircuitBreakerPolicy::Rate { sliding_window_size, minimum_number_of_calls, .. } => {
            CallWindow::new(sliding_window_size.max(1), minimum_number_of_calls)
        }
        CircuitBreakerPolicy::Consecutive { .. } => CallWindow::none(),
    }
}

#[cfg(test)]
mod tests;
