//! The places for connections: a bounded number, and who gives one up when all are taken.
//!
//! Whoever holds connections open without asking for anything must not keep others out. So while somebody waits for a place,
//! those leave that have had no request for the longest, first of all those that never had one. Who has a request under
//! way stays, and so does everybody who has only just come.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::metric_names;

/// Nobody is sent away who has waited for less: a request may be on its way.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often who waits at the door looks for somebody to send away.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// One in so many leaves at a time, so that looking for them costs little for each.
const SHARE: usize = 256;
/// Least time between two warnings.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// All places.
pub(super) struct Seats {
    most: usize,
    free: Arc<Semaphore>,
    opened: Instant,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    guests: HashMap<u64, Arc<Guest>>,
    warned: Option<Instant>,
}

/// A connection's place, free again when dropped.
pub(super) struct Seat {
    pub(super) guest: Arc<Guest>,
    number: u64,
    seats: Arc<Seats>,
    _permit: OwnedSemaphorePermit,
}

/// What is known of one connection.
pub(super) struct Guest {
    opened: Instant,
    /// Requests under way.
    running: AtomicU32,
    /// Since when there are none, in milliseconds.
    idle_since: AtomicU64,
    served: AtomicBool,
    leave: Notify,
}

impl Seats {
    pub(super) fn new(most: usize) -> Arc<Self> {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        let (free, opened) = (Arc::new(Semaphore::new(most)), Instant::now());
        Arc::new(Self { most, free, opened, taken: Mutex::default() })
    }

    /// A place, as soon as there is one; `None` never happens, as places are not closed.
    pub(super) async fn seat(self: &Arc<Self>) -> Option<Seat> {
        let permit = loop {
            let one = Arc::clone(&self.free).acquire_owned();
            match Arc::clone(&self.free).try_acquire_owned() {
                Ok(permit) => break permit,
                Err(_) => self.make_room(),
            }
            if let Ok(acquired) = tokio::time::timeout(LOOK_AGAIN, one).await {
                break acquired.ok()?;
            }
        };
        let guest = Arc::new(Guest::new(self.opened));
        let number = {
            let mut taken = self.taken();
            taken.next += 1;
            let number = taken.next;
            taken.guests.insert(number, Arc::clone(&guest));
            number
        };
        Some(Seat { guest, number, seats: Arc::clone(self), _permit: permit })
    }

    /// Asks some of those who wait to leave.
    fn make_room(&self) {
        let mut taken = self.taken();
        let now = milliseconds(self.opened);
        let waiting = taken.guests.iter().filter_map(|(number, guest)| Some((guest.waiting()?, *number)));
        let leaving = leaving(waiting.collect(), now, self.most.div_ceil(SHARE));
        for number in &leaving {
            if let Some(guest) = taken.guests.get(number) {
                guest.leave.notify_one();
            }
        }
        if !leaving.is_empty() && taken.warned.is_none_or(|at| at.elapsed() > WARN_EVERY) {
            taken.warned = Some(Instant::now());
            tracing::warn!(
                connections = self.most,
                "every place for a connection is taken; those that ask for nothing are closed. If this goes on, see who \
                 opens so many, and let a proxy in front limit them"
            );
        }
        metrics::counter!(metric_names::HTTP_CONNECTIONS_SENT_AWAY_TOTAL).increment(leaving.len() as u64);
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().guests.remove(&self.number);
    }
}

/// How somebody waits: those who were served are greater, so they leave later, as do those who wait for less long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    served: bool,
    since: u64,
}

/// Who leaves, `most` at most. Pure.
fn leaving(mut waiting: Vec<(Waiting, u64)>, now: u64, most: usize) -> Vec<u64> {
    let patience = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
    waiting.retain(|(waiting, _)| now.saturating_sub(waiting.since) >= patience);
    if most < waiting.len() {
        waiting.select_nth_unstable(most);
        waiting.truncate(most);
    }
    waiting.into_iter().map(|(_, number)| number).collect()
}

impl Guest {
    fn new(opened: Instant) -> Self {
        Self {
            opened,
            running: AtomicU32::new(0),
            idle_since: AtomicU64::new(milliseconds(opened)),
            served: AtomicBool::new(false),
            leave: Notify::new(),
        }
    }

    /// A request is under way until what is returned is dropped.
    pub(super) fn request(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Relaxed);
        Running(Arc::clone(self))
    }

    /// Returns when there is no request and the place is needed.
    pub(super) async fn must_leave(&self) {
        loop {
            self.leave.notified().await;
            if self.waiting().is_some() {
                return;
            }
        }
    }

    fn waiting(&self) -> Option<Waiting> {
        let idle = self.running.load(Relaxed) == 0;
        idle.then(|| Waiting { served: self.served.load(Relaxed), since: self.idle_since.load(Relaxed) })
    }
}

/// A request under way.
pub(super) struct Running(Arc<Guest>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.served.store(true, Relaxed);
        self.0.idle_since.store(milliseconds(self.0.opened), Relaxed);
        self.0.running.fetch_sub(1, Relaxed);
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn waiting(served: bool, since: u64) -> Waiting {
        Waiting { served, since }
    }

    #[test]
    fn who_never_asked_leaves_first_then_who_waits_longest() {
        let all = vec![
            (waiting(true, 0), 1),
            (waiting(false, 4000), 2),
            (waiting(false, 3000), 3),
            (waiting(false, 9500), 4),
            (waiting(true, 2000), 5),
        ];
        assert_eq!(leaving(all.clone(), 10_000, 1), [3]);
        let mut most = leaving(all.clone(), 10_000, 3);
        most.sort_unstable();
        assert_eq!(most, [1, 2, 3]);
        assert_eq!(leaving(all, 10_000, 9).len(), 4, "the fourth has only just come");
    }

    proptest! {
        #[test]
        fn nobody_who_stays_would_have_left_before_one_who_leaves(
            all in proptest::collection::vec((any::<bool>(), 0_u64..20_000), 0..50),
            most in 1_usize..60,
        ) {
            let all: Vec<(Waiting, u64)> =
                all.into_iter().zip(0..).map(|((served, since), number)| (waiting(served, since), number)).collect();
            let gone = leaving(all.clone(), 15_000, most);
            let may_leave = |one: &Waiting| one.since <= 14_000;
            prop_assert_eq!(gone.len(), most.min(all.iter().filter(|(one, _)| may_leave(one)).count()));
            let last = all.iter().filter(|(_, number)| gone.contains(number)).map(|(one, _)| *one).max();
            for (one, number) in &all {
                prop_assert!(gone.contains(number) || !may_leave(one) || Some(*one) >= last);
            }
        }
    }

    #[tokio::test]
    async fn a_request_keeps_its_connection() {
        let guest = Arc::new(Guest::new(Instant::now()));
        let running = guest.request();
        guest.leave.notify_one();
        let asked = tokio::time::timeout(Duration::from_millis(50), guest.must_leave()).await;
        assert!(asked.is_err(), "it stays");
        drop(running);
        guest.leave.notify_one();
        guest.must_leave().await;
        assert!(guest.waiting().expect("idle").served);
    }
}
