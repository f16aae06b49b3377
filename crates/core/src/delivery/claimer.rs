//! Takes up what is due in the queue table: retries, overflow, ended holds, replays and recovered work. One claim over an
//! explicit list of lanes with free room, so that a dead endpoint's backlog is never even looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_interfaces::ids::ConfigurationId;
use callbacks_models::delivery_queue::{self, ClaimedDelivery};
use callbacks_models::error::StoreError;
use callbacks_models::store::Store;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::dispatcher::Dispatcher;
use super::in_hand::{ClaimedRows, DeliveryInHand, EventInHand, Lease, LeaseRow, Room, SaidAbout};
use super::lane::Quota;
use super::settings::DispatcherSettings;
use crate::metric_names;

/// Lanes named in one claim; more wait for the next, which follows at once.
const LANES_A_CLAIM: usize = 64;

/// The loop over the queue table.
pub(crate) struct Claimer {
    pub(crate) store: Arc<Store>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) settings: DispatcherSettings,
    pub(crate) claimed: Arc<ClaimedRows>,
}

/// When a lane without room is looked at again.
const WHEN_FULL: Duration = Duration::from_millis(20);

/// Room taken for a lane before its deliveries are claimed.
struct Place {
    quota: usize,
    slots: OwnedSemaphorePermit,
}

impl Claimer {
    /// Runs until cancelled. Lanes are ready when the schedule says so; all lanes with due work are looked up once in a
    /// while, since other workers and operators put work into the table too.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let schedule = Arc::clone(&self.dispatcher.schedule);
        let mut next_look = Instant::now();
        let mut ready = BTreeSet::new();
        let mut pause = Duration::ZERO;
        let mut doubtful = false;
        loop {
            let now = Instant::now();
            if schedule.take_look() || now >= next_look {
                next_look = now + self.settings.poll_interval;
                self.look_for_lanes().await;
            }
            ready.append(&mut schedule.due(Instant::now()));
            match self.take_up(&mut ready, doubtful).await {
                Ok(()) => (pause, doubtful) = (Duration::ZERO, false),
                Err(error) => {
                    doubtful = true;
                    pause = (pause * 2).clamp(Duration::from_millis(100), Duration::from_secs(2));
                    warn!(%error, "deliveries could not be claimed; trying again in {} ms. Check the database", pause.as_millis());
                }
            }
            let wake = if ready.is_empty() {
                schedule.next().map_or(next_look, |at| at.min(next_look))
            } else {
                Instant::now() + pause
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(wake.into()) => {}
                () = schedule.changed(), if pause.is_zero() => {}
            }
        }
    }

    /// Schedules every lane with rows in the queue table at the time its first row is due.
    async fn look_for_lanes(&self) {
        match delivery_queue::due_lanes(&self.store).await {
            Ok(lanes) => {
                let now = Instant::now();
                for (configuration, due_in) in lanes {
                    self.dispatcher.schedule.wake_at(configuration, now + due_in);
                }
            }
            Err(error) => {
                warn!(%error, "the queue table could not be searched for due work; trying again in {} ms", self.settings.poll_interval.as_millis());
            }
        }
        self.dispatcher.lanes.prune(Instant::now());
        metrics::gauge!(metric_names::MEMORY_BYTES).set(self.dispatcher.memory.used() as f64);
    }

    /// Resumes the ready lanes and claims for those with room. Lanes that may have more to claim stay in `ready`.
    async fn take_up(&self, ready: &mut BTreeSet<ConfigurationId>, doubtful: bool) -> Result<(), StoreError> {
        if doubtful {
            // The last claim failed, or its answer was lost: rows leased without our knowing would wait for ever.
            let worker = self.dispatcher.lease.current().worker;
            delivery_queue::release_all_but(&self.store, worker, &self.claimed.all()).await?;
        }
        let mut places = BTreeMap::new();
        while let Some(configuration) = ready.pop_first() {
            self.dispatcher.resume(configuration);
            if let Some(place) = self.place_in(configuration, &places) {
                places.insert(configuration, place);
            }
            if places.len() >= LANES_A_CLAIM {
                break;
            }
        }
        if places.is_empty() {
            return Ok(());
        }
        let registration = self.dispatcher.lease.current();
        let quotas: Vec<_> = places.iter().map(|(id, place)| (*id, place.quota as i32)).collect();
        let claimed = match delivery_queue::claim(&self.store, registration.worker, &quotas).await {
            Ok(claimed) => claimed,
            Err(error) => {
                ready.extend(places.into_keys());
                return Err(error);
            }
        };
        self.distribute(claimed, places, registration.epoch, ready);
        Ok(())
    }

    /// Takes room for what a lane may claim now; `None` when it may claim nothing.
    fn place_in(
        &self,
        configuration: ConfigurationId,
        taken: &BTreeMap<ConfigurationId, Place>,
    ) -> Option<Place> {
        let directory = self.dispatcher.directory.load();
        let target = directory.target(configuration)?;
        let lane = self.dispatcher.lane_of(target);
        let already: usize = taken.values().map(|place| place.quota).sum();
        let batch = self.settings.claim_batch.saturating_sub(already);
        let fits = self.dispatcher.memory.fits(lane.average_payload()).max(1);
        match lane.claim_quota(self.dispatcher.rules(target), self.dispatcher.clock.monotonic()) {
            // The worker that met the hold has scheduled its end; the periodic look finds it in any case.
            Quota::Held => None,
            Quota::Full => {
                self.dispatcher.schedule.wake_at(configuration, Instant::now() + WHEN_FULL);
                None
            }
            Quota::Room(room) => {
                let quota = room.min(batch.max(1)).min(fits);
                let slots = lane.reserve_claimed(quota as u32)?;
                Some(Place { quota, slots })
            }
        }
    }

    fn distribute(
        &self,
        claimed: Vec<ClaimedDelivery>,
        mut places: BTreeMap<ConfigurationId, Place>,
        epoch: u64,
        ready: &mut BTreeSet<ConfigurationId>,
    ) {
        let mut by_lane: BTreeMap<ConfigurationId, Vec<ClaimedDelivery>> = BTreeMap::new();
        for delivery in claimed {
            by_lane.entry(delivery.configuration_id).or_default().push(delivery);
        }
        for (configuration, place) in &places {
            let got = by_lane.get(configuration).map_or(0, Vec::len);
            if got >= place.quota {
                ready.insert(*configuration);
            } else if let Some(lane) = self.dispatcher.lanes.get(*configuration) {
                lane.clear_backlog();
            }
        }
        for (configuration, deliveries) in by_lane {
            if let Some(place) = places.get_mut(&configuration) {
                let in_hand = self.in_hand(deliveries, &mut place.slots, epoch);
                self.dispatcher.hand_over(configuration, in_hand);
            }
        }
    }

    fn in_hand(
        &self,
        claimed: Vec<ClaimedDelivery>,
        slots: &mut OwnedSemaphorePermit,
        epoch: u64,
    ) -> Vec<DeliveryInHand> {
        let lease = Lease { held_by: LeaseRow::DeliveryQueue, epoch };
        let mut deliveries = Vec::with_capacity(claimed.len());
        for one in claimed {
            let Some(slot) = slots.split(1) else { break };
            // A missing payload is found out where the attempt would be built, and ends the delivery there.
            let lost = one.payload.is_none();
            let payload = one.payload.unwrap_or_default();
            if let Some(lane) = self.dispatcher.lanes.get(one.configuration_id) {
                lane.saw_payload(payload.len());
            }
            let claim = self.claimed.mark(one.event.row_id, one.configuration_id);
            let room = Room {
                _slot: slot,
                _memory: self.dispatcher.memory.take(payload.len()),
                _claim: Some(claim),
            };
            let said = SaidAbout {
                source: one.source,
                occurred_at: one.occurred_at,
                content_type: one.content_type,
                headers: one.headers,
            };
            let event = Arc::new(EventInHand::new(one.event, said, payload));
            deliveries.push(DeliveryInHand {
                event,
                configuration: one.configuration_id,
                attempt: one.attempt as u16,
                attempts_before: one.attempts_before as u16,
                payload_lost: lost,
                lease,
                room,
            });
        }
        deliveries
    }
}
