//! One configuration's lane: what waits in memory, what is on the wire, and what holds it back. A lane never sleeps and
//! never writes; it answers the dispatcher's questions under one short lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::ids::ConfigurationId;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::in_hand::DeliveryInHand;
use crate::gates::circuit_breaker::{Acquire, BreakerState, CallResult, CircuitBreaker};
use crate::gates::rate_limit::RateLimit;
use crate::gates::standing::Standing;

/// A hold longer than this sends what waits in memory back to the queue table.
const SHORT_HOLD: Duration = Duration::from_secs(1);
/// A lane whose last outcome is older than this is not worth waiting for at intake.
const MOVING: Duration = Duration::from_millis(500);

/// Hold reason of an open circuit breaker.
const BREAKER_OPEN: &str = "circuit breaker open";

/// Why a gate cannot be asked at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotNow {
    /// As many calls as it takes are under way; one of them ends soon.
    Busy,
    /// Held back, for this long or (`None`) nobody knows how long.
    Held(Option<Duration>, &'static str),
}

/// What a worker of the lane does next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Attempt this delivery.
    Run(DeliveryInHand),
    /// Count an attempt of this delivery as failed: the breaker is open, and the lane's rules make that a failure.
    Burn(DeliveryInHand),
    /// Nothing is left to do; the worker has left the lane.
    Leave,
    /// The lane has to wait; the worker has left it.
    Wait(Hold),
}

/// Why and until when a lane waits.
#[derive(Debug)]
pub(crate) struct Hold {
    /// When to look again; `None`: when the configuration changes.
    pub(crate) until: Option<Instant>,
    /// The hold reason tenants see.
    pub(crate) reason: &'static str,
    /// Deliveries that must not stay in memory that long.
    pub(crate) stranded: Vec<DeliveryInHand>,
    /// The configuration is gone: what is stranded ends here.
    pub(crate) deleted: bool,
}

/// How much a lane may claim from the queue table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quota {
    /// Nothing, until its hold ends.
    Held,
    /// Nothing, until some of what it has is done.
    Full,
    /// At most this many.
    Room(usize),
}

/// What a configuration's settings and status say about its lane at this moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneRules<'a> {
    pub(crate) standing: Standing,
    pub(crate) max_in_flight: usize,
    pub(crate) max_per_second: Option<u32>,
    pub(crate) breaker: &'a CircuitBreakerPolicy,
    pub(crate) open_breaker: OpenBreaker,
}

/// What an open circuit breaker means for deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenBreaker {
    /// They wait, and no attempt is lost.
    Postpones,
    /// Their attempt fails at once, as with pyfly.
    Burns,
}

impl LaneRules<'_> {
    fn width(&self) -> usize {
        match self.standing {
            Standing::Probing => 1,
            Standing::Open | Standing::Held { .. } => self.max_in_flight,
        }
    }
}

#[derive(Debug)]
struct LaneState {
    pending: VecDeque<DeliveryInHand>,
    /// Workers on the lane; each has at most one request in flight.
    workers: usize,
    /// Older deliveries wait in the queue table: new ones line up behind them there.
    backlog: bool,
    hold: Option<(Instant, &'static str)>,
    breaker: CircuitBreaker,
    rate: Option<(u32, RateLimit)>,
    last_outcome: Option<Instant>,
    average_payload: usize,
}

/// The lane of one configuration.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) id: ConfigurationId,
    slots: Arc<Semaphore>,
    state: Mutex<LaneState>,
    /// A gate has answered: another ask may begin.
    answered: Notify,
}

impl Lane {
    /// A lane that holds at most `capacity` deliveries in memory.
    pub(crate) fn new(id: ConfigurationId, capacity: usize, breaker: &CircuitBreakerPolicy) -> Self {
        Self {
            id,
            slots: Arc::new(Semaphore::new(capacity)),
            state: Mutex::new(LaneState {
                pending: VecDeque::new(),
                workers: 0,
                backlog: false,
                hold: None,
                breaker: CircuitBreaker::new(breaker),
                rate: None,
                last_outcome: None,
                average_payload: 4096,
            }),
            answered: Notify::new(),
        }
    }

    /// Room for `count` new deliveries, all or none; waits at most `patience`, and only while the lane moves.
    /// A lane that cannot take them sends them, and what comes after them, to the queue table.
    pub(crate) async fn reserve(
        &self,
        count: u32,
        patience: Duration,
        now: Instant,
    ) -> Option<OwnedSemaphorePermit> {
        let moving = {
            let state = self.state.lock();
            if state.backlog || state.hold.is_some_and(|(until, _)| until > now) {
                return None;
            }
            state.last_outcome.is_none_or(|last| now.duration_since(last) < MOVING)
        };
        if let Ok(slots) = Arc::clone(&self.slots).try_acquire_many_owned(count) {
            return Some(slots);
        }
        if moving
            && let Ok(Ok(slots)) =
                tokio::time::timeout(patience, Arc::clone(&self.slots).acquire_many_owned(count)).await
        {
            return Some(slots);
        }
        self.state.lock().backlog = true;
        None
    }

    /// Room for deliveries claimed from the queue table.
    pub(crate) fn reserve_claimed(&self, count: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).try_acquire_many_owned(count).ok()
    }

    /// How many deliveries may be claimed for this lane now, without regard to memory.
    pub(crate) fn claim_quota(&self, rules: LaneRules<'_>, now: Instant) -> Quota {
        let state = self.state.lock();
        if matches!(rules.standing, Standing::Held { .. }) || state.hold.is_some_and(|(until, _)| until > now)
        {
            return Quota::Held;
        }
        let in_hand = state.pending.len() + state.workers;
        let wanted = match state.breaker.state(now) {
            BreakerState::Open if rules.open_breaker == OpenBreaker::Postpones => return Quota::Held,
            BreakerState::HalfOpen if rules.open_breaker == OpenBreaker::Postpones => {
                state.breaker.permits_left()
            }
            _ if rules.width() == 1 => 1_usize.saturating_sub(in_hand),
            _ => usize::MAX,
        };
        match wanted.min(self.slots.available_permits()) {
            0 => Quota::Full,
            room => Quota::Room(room),
        }
    }

    /// Puts deliveries at the end of the line. Answers how many workers to start for them.
    pub(crate) fn push(&self, deliveries: Vec<DeliveryInHand>, rules: LaneRules<'_>) -> usize {
        let mut state = self.state.lock();
        state.pending.extend(deliveries);
        start_workers(&mut state, rules.width())
    }

    /// How many workers to start for what waits, after a hold has ended.
    pub(crate) fn resume(&self, rules: LaneRules<'_>) -> usize {
        start_workers(&mut self.state.lock(), rules.width())
    }

    /// What a worker of this lane does next. `budget` is asked last, and only when everything else allows the call.
    pub(crate) fn next(
        &self,
        rules: LaneRules<'_>,
        now: Instant,
        budget: impl FnOnce() -> Result<(), Duration>,
    ) -> Step {
        let mut state = self.state.lock();
        if state.pending.is_empty() || state.workers > rules.width() {
            state.workers -= 1;
            return Step::Leave;
        }
        match self.admit(&mut state, rules, now, budget) {
            Ok(()) => match state.pending.pop_front() {
                Some(delivery) => Step::Run(delivery),
                None => Step::Leave,
            },
            Err((_, BREAKER_OPEN)) if rules.open_breaker == OpenBreaker::Burns => {
                match state.pending.pop_front() {
                    Some(delivery) => Step::Burn(delivery),
                    None => Step::Leave,
                }
            }
            Err((wait, reason)) => {
                state.workers -= 1;
                let long = wait.is_none_or(|wait| wait > SHORT_HOLD);
                let stranded = if long { std::mem::take(&mut state.pending).into() } else { Vec::new() };
                state.backlog |= !stranded.is_empty();
                Step::Wait(Hold { until: wait.map(|wait| now + wait), reason, stranded, deleted: false })
            }
        }
    }

    /// Begins a call that no delivery of the lane makes: a gate is asked. It ends with [`Lane::end_ask`].
    pub(crate) fn begin_ask(
        &self,
        rules: LaneRules<'_>,
        now: Instant,
        budget: impl FnOnce() -> Result<(), Duration>,
    ) -> Result<(), NotNow> {
        let mut state = self.state.lock();
        if state.workers >= rules.width() {
            return Err(NotNow::Busy);
        }
        self.admit(&mut state, rules, now, budget).map_err(|(wait, reason)| NotNow::Held(wait, reason))?;
        state.workers += 1;
        Ok(())
    }

    /// Ends it, after [`Lane::record`] or [`Lane::not_called`].
    pub(crate) fn end_ask(&self) {
        self.state.lock().workers -= 1;
        self.answered.notify_one();
    }

    /// Resolves when an ask has ended.
    pub(crate) async fn ask_ended(&self) {
        self.answered.notified().await;
    }

    /// The next delivery when none of them may be sent: nothing but the standing holds back a refusal.
    pub(crate) fn next_refused(&self, rules: LaneRules<'_>) -> Step {
        let mut state = self.state.lock();
        if let Standing::Held { reason, .. } = rules.standing {
            state.workers -= 1;
            let stranded = std::mem::take(&mut state.pending).into();
            return Step::Wait(Hold { until: None, reason, stranded, deleted: false });
        }
        match state.pending.pop_front() {
            Some(delivery) => Step::Run(delivery),
            None => {
                state.workers -= 1;
                Step::Leave
            }
        }
    }

    /// A worker leaves the lane of a configuration that is not to be had, with everything that waits in it.
    pub(crate) fn leave(&self, deleted: bool) -> Hold {
        let mut state = self.state.lock();
        state.workers -= 1;
        let stranded = std::mem::take(&mut state.pending).into();
        let reason = if deleted { "configuration deleted" } else { "configuration cannot be read" };
        Hold { until: None, reason, stranded, deleted }
    }

    fn admit(
        &self,
        state: &mut LaneState,
        rules: LaneRules<'_>,
        now: Instant,
        budget: impl FnOnce() -> Result<(), Duration>,
    ) -> Result<(), (Option<Duration>, &'static str)> {
        if let Standing::Held { wait, reason } = rules.standing {
            return Err((wait, reason));
        }
        match state.hold {
            Some((until, reason)) if until > now => return Err((Some(until - now), reason)),
            _ => state.hold = None,
        }
        if state.breaker.policy() != rules.breaker {
            state.breaker = CircuitBreaker::new(rules.breaker);
        }
        if let Acquire::Rejected { retry_after } = state.breaker.acquire(now) {
            // Half-open with all trial calls out: their outcomes decide, look again soon.
            return Err((Some(retry_after.unwrap_or(Duration::from_millis(100))), BREAKER_OPEN));
        }
        let within_rate = take_rate(state, rules.max_per_second, now).and_then(|()| budget());
        within_rate.map_err(|wait| {
            state.breaker.release();
            (Some(wait), "rate limit")
        })
    }

    /// Notes what a call came to; answers whether the breaker has just opened.
    pub(crate) fn record(&self, result: CallResult, took: Duration, now: Instant) -> bool {
        let mut state = self.state.lock();
        state.last_outcome = Some(now);
        let before = state.breaker.state(now);
        state.breaker.record(now, result, took);
        before != BreakerState::Open && state.breaker.state(now) == BreakerState::Open
    }

    /// Gives back a permit of the breaker for a call that was not made.
    pub(crate) fn not_called(&self) {
        self.state.lock().breaker.release();
    }

    /// Holds the whole lane (`Retry-After`).
    pub(crate) fn hold(&self, until: Instant, reason: &'static str) {
        let mut state = self.state.lock();
        let longest = state.hold.map_or(until, |(current, _)| current.max(until));
        state.hold = Some((longest, reason));
    }

    /// Ends a hold early: an operator resumed the configuration.
    pub(crate) fn lift_hold(&self) {
        self.state.lock().hold = None;
    }

    /// Deliveries of this lane wait in the queue table.
    pub(crate) fn mark_backlog(&self) {
        self.state.lock().backlog = true;
    }

    /// The queue table has nothing due for this lane any more.
    pub(crate) fn clear_backlog(&self) {
        self.state.lock().backlog = false;
    }

    /// Learns how large its payloads are, for the next claim.
    pub(crate) fn saw_payload(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.average_payload = (state.average_payload * 7 + bytes) / 8;
    }

    pub(crate) fn average_payload(&self) -> usize {
        self.state.lock().average_payload
    }

    /// Takes everything that waits in memory: at a drain, or when the leases are gone.
    pub(crate) fn take_pending(&self) -> Vec<DeliveryInHand> {
        std::mem::take(&mut self.state.lock().pending).into()
    }

    pub(crate) fn breaker_state(&self, now: Instant) -> BreakerState {
        self.state.lock().breaker.state(now)
    }

    /// True when nothing is in memory and nothing would be forgotten with it.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        let state = self.state.lock();
        state.pending.is_empty()
            && state.workers == 0
            && state.hold.is_none_or(|(until, _)| until <= now)
            && state.breaker.state(now) == BreakerState::Closed
            && state.last_outcome.is_none_or(|last| now.duration_since(last) > Duration::from_secs(600))
    }
}

fn start_workers(state: &mut LaneState, width: usize) -> usize {
    let more = state.pending.len().min(width.saturating_sub(state.workers));
    state.workers += more;
    more
}

fn take_rate(state: &mut LaneState, limit: Option<u32>, now: Instant) -> Result<(), Duration> {
    let Some(limit) = limit else {
        state.rate = None;
        return Ok(());
    };
    match &mut state.rate {
        Some((current, rate)) if *current == limit => rate.take(now),
        slot => slot.insert((limit, RateLimit::per_second(limit))).1.take(now),
    }
}
