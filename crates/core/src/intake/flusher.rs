//! Stores what has gathered: group commit without a timer. While one transaction commits, the next one gathers.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use callbacks_interfaces::event::EventAccepted;
use callbacks_interfaces::ids::{ConfigurationId, EventRowId};
use callbacks_models::acceptance::{self, AcceptError, Acceptance, AcceptedBatch, NewEvent};
use callbacks_models::error::StoreError;
use callbacks_models::recovery;
use callbacks_models::settlement::EventRef;
use callbacks_models::store::Store;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::acceptor::{IntakeRequest, RoutedEvent};
use super::error::IntakeError;
use crate::delivery::dispatcher::Dispatcher;
use crate::delivery::in_hand::{DeliveryInHand, EventInHand, Lease, LeaseRow, Room, SaidAbout};
use crate::delivery::open_batches::OpenBatches;
use crate::maintenance::worker_lease::Registration;
use crate::metric_names;

/// Requests worth a transaction of their own.
const SMALLEST_SHARE: usize = 64;

/// Pause before a flush that lost its registration tries again.
const AFTER_FENCE: Duration = Duration::from_millis(200);

/// One of the tasks that store events.
pub(crate) struct Flusher {
    pub(crate) store: Arc<Store>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) batches: Arc<OpenBatches>,
    pub(crate) requests: Arc<Mutex<mpsc::Receiver<IntakeRequest>>>,
    pub(crate) batch: usize,
    /// How many there are: each leaves the others their share of what waits, so that several transactions run at once.
    pub(crate) flushers: usize,
    /// Cancelled when no more events are taken.
    pub(crate) closing: CancellationToken,
}

impl Flusher {
    /// Runs until the channel is closed and empty.
    pub(crate) async fn run(self) {
        let mut set_back = Vec::new();
        loop {
            let mut gathered = std::mem::take(&mut set_back);
            if !self.gather(&mut gathered).await && gathered.is_empty() {
                return;
            }
            let (flush, later) = without_repeated_ids(gathered);
            set_back = later;
            self.flush(flush).await;
        }
    }

    /// Takes what waits, up to a batch of events; waits only when there is nothing at all.
    async fn gather(&self, gathered: &mut Vec<IntakeRequest>) -> bool {
        let mut requests = if gathered.is_empty() {
            self.requests.lock().await
        } else {
            // Another flusher may be waiting in there for an event that is long in coming; what was set back does not.
            match self.requests.try_lock() {
                Ok(requests) => requests,
                Err(_) => return true,
            }
        };
        if gathered.is_empty() {
            let first = tokio::select! {
                biased;
                request = requests.recv() => request,
                () = self.closing.cancelled() => {
                    requests.close();
                    requests.recv().await
                }
            };
            match first {
                Some(request) => gathered.push(request),
                None => return false,
            }
        }
        let share = requests.len().div_ceil(self.flushers).max(SMALLEST_SHARE);
        let mut events: usize = gathered.iter().map(|request| request.events.len()).sum();
        while events < self.batch
            && gathered.len() < share
            && let Ok(request) = requests.try_recv()
        {
            events += request.events.len();
            gathered.push(request);
        }
        true
    }

    /// Stores the requests in one transaction; if the database refuses what is in it, each by itself, so that one
    /// producer's bad event cannot turn away another's good one.
    async fn flush(&self, requests: Vec<IntakeRequest>) {
        match self.store_all(requests).await {
            Ok(()) => {}
            Err(requests) if requests.len() == 1 => {
                for request in requests {
                    metrics::counter!(metric_names::INTAKE_FAILURES, "reason" => "refused").increment(1);
                    let _ = request.answer.send(Err(IntakeError::Refused));
                }
            }
            Err(requests) => {
                for request in requests {
                    Box::pin(self.flush(vec![request])).await;
                }
            }
        }
    }

    /// Gives the requests back when the database refused them for what they hold.
    async fn store_all(&self, requests: Vec<IntakeRequest>) -> Result<(), Vec<IntakeRequest>> {
        let (mut events, mut parts) = (Vec::new(), Vec::with_capacity(requests.len()));
        for request in requests {
            let count = request.events.len();
            let mut rooms = Vec::with_capacity(count);
            for RoutedEvent { mut event, in_hand } in request.events {
                event.row_id = EventRowId::from(self.dispatcher.entropy.uuid_v7());
                events.push(event);
                rooms.push(in_hand);
            }
            parts.push((rooms, request.answer));
        }
        loop {
            let registration = self.dispatcher.lease.current();
            match acceptance::accept(&self.store, registration.worker, &events).await {
                Ok(accepted) => {
                    self.accepted(events, parts, accepted, registration);
                    return Ok(());
                }
                Err(AcceptError::Fenced) => self.fenced(registration).await,
                Err(AcceptError::Store(StoreError::Unavailable(cause))) => {
                    warn!(error = %cause, events = events.len(), "{} events could not be stored and were turned away with 503; check the database", events.len());
                    metrics::counter!(metric_names::INTAKE_FAILURES, "reason" => "unavailable").increment(1);
                    for (_, answer) in parts {
                        let _ = answer.send(Err(IntakeError::unavailable()));
                    }
                    self.doubtful(registration, &events);
                    return Ok(());
                }
                Err(AcceptError::Store(problem)) => {
                    error!(error = %problem, events = events.len(), "the database refused a flush of {} events: {problem}", events.len());
                    return Err(put_together(events, parts));
                }
            }
        }
    }

    async fn fenced(&self, registration: Registration) {
        metrics::counter!(metric_names::INTAKE_FAILURES, "reason" => "fenced").increment(1);
        if let Err(problem) = self.dispatcher.lease.replace(registration).await {
            warn!(error = %problem, "this worker was fenced off and could not register anew; trying again");
        }
        tokio::time::sleep(AFTER_FENCE).await;
    }

    /// A flush whose answer was lost may have been committed all the same. Its deliveries then wait under this worker's
    /// lease with nobody to send them, so they are moved to the queue table as soon as the database answers.
    fn doubtful(&self, registration: Registration, events: &[NewEvent]) {
        let Some(first) = events.first().map(|event| event.row_id) else { return };
        let (store, schedule) = (Arc::clone(&self.store), Arc::clone(&self.dispatcher.schedule));
        let lease = Arc::clone(&self.dispatcher.lease);
        self.dispatcher.workers.spawn(async move {
            let mut pause = Duration::from_millis(500);
            while lease.holds(registration.epoch) {
                tokio::time::sleep(pause).await;
                match recovery::recover_unconfirmed_batch(&store, registration.worker, first).await {
                    Ok(configurations) => {
                        return configurations
                            .into_iter()
                            .for_each(|configuration| schedule.wake(configuration));
                    }
                    Err(_) => pause = (pause * 2).min(Duration::from_secs(5)),
                }
            }
        });
    }

    /// After the commit: answer, then hand the deliveries to their lanes.
    fn accepted(
        &self,
        events: Vec<NewEvent>,
        parts: Vec<Part>,
        accepted: AcceptedBatch,
        registration: Registration,
    ) {
        metrics::histogram!(metric_names::INTAKE_BATCH_SIZE).record(events.len() as f64);
        let mut lanes: BTreeMap<ConfigurationId, Vec<DeliveryInHand>> = BTreeMap::new();
        let mut in_memory = 0;
        let mut stored = events.into_iter().zip(accepted.events);
        for (rooms, answer) in parts {
            let mut answers = Vec::with_capacity(rooms.len());
            for (in_hand, (event, acceptance)) in rooms.into_iter().zip(&mut stored) {
                answers.push(answer_for(&event, acceptance));
                if acceptance == Acceptance::Stored {
                    self.announce_queued(&event);
                    in_memory += in_hand.len();
                    spread(
                        &mut lanes,
                        event,
                        in_hand,
                        &accepted.accepted_at,
                        accepted.batch_id,
                        registration.epoch,
                    );
                }
            }
            let _ = answer.send(Ok(answers));
        }
        if let Some(batch) = accepted.batch_id {
            self.batches.open(batch, in_memory);
        }
        for (configuration, deliveries) in lanes {
            self.dispatcher.hand_over(configuration, deliveries);
        }
    }

    fn announce_queued(&self, event: &NewEvent) {
        for (configuration, _) in &event.queued {
            if let Some(lane) = self.dispatcher.lanes.get(*configuration) {
                lane.mark_backlog();
            }
            self.dispatcher.schedule.wake(*configuration);
        }
    }
}

type Answer = tokio::sync::oneshot::Sender<Result<Vec<EventAccepted>, IntakeError>>;
type Part = (Vec<Vec<(ConfigurationId, Room)>>, Answer);

fn put_together(events: Vec<NewEvent>, parts: Vec<Part>) -> Vec<IntakeRequest> {
    let mut events = events.into_iter();
    parts
        .into_iter()
        .map(|(rooms, answer)| {
            let events = rooms
                .into_iter()
                .zip(&mut events)
                .map(|(in_hand, event)| RoutedEvent { event, in_hand })
                .collect();
            IntakeRequest { events, answer }
        })
        .collect()
}

fn answer_for(event: &NewEvent, acceptance: Acceptance) -> EventAccepted {
    let (duplicate, matched, row_id) = match acceptance {
        Acceptance::Stored => (false, event.targets.len() as u32, event.row_id),
        Acceptance::Duplicate { matched, row_id } => {
            (true, u32::try_from(matched).unwrap_or_default(), row_id)
        }
    };
    let result = if duplicate { "duplicate" } else { "stored" };
    metrics::counter!(metric_names::EVENTS_ACCEPTED, "result" => result).increment(1);
    EventAccepted {
        event_id: event.event_id.clone().unwrap_or_else(|| event.row_id.to_string()),
        duplicate,
        matched,
        row_id: Some(row_id),
    }
}

/// Makes the event's deliveries, one for every lane that has room for it.
fn spread(
    lanes: &mut BTreeMap<ConfigurationId, Vec<DeliveryInHand>>,
    event: NewEvent,
    in_hand: Vec<(ConfigurationId, Room)>,
    accepted_at: &time::OffsetDateTime,
    batch: Option<i64>,
    epoch: u64,
) {
    let Some(batch) = batch else { return };
    let reference = EventRef {
        row_id: event.row_id,
        accepted_at: *accepted_at,
        tenant: event.tenant,
        event_id: event.event_id,
        source_event_id: event.source_event_id,
        event_type: event.event_type,
    };
    let said = SaidAbout {
        source: event.source,
        occurred_at: event.occurred_at,
        content_type: event.content_type,
        headers: event.headers,
    };
    let shared = Arc::new(EventInHand::new(reference, said, event.payload));
    let lease = Lease { held_by: LeaseRow::IntakeBatch(batch), epoch };
    for (configuration, room) in in_hand {
        let event = Arc::clone(&shared);
        let delivery = DeliveryInHand {
            event,
            configuration,
            attempt: 1,
            attempts_before: 0,
            payload_lost: false,
            lease,
            room,
        };
        lanes.entry(configuration).or_default().push(delivery);
    }
}

/// One statement must not see the same producer's id twice: requests that repeat one wait for the next flush.
fn without_repeated_ids(requests: Vec<IntakeRequest>) -> (Vec<IntakeRequest>, Vec<IntakeRequest>) {
    let mut seen = HashSet::new();
    requests.into_iter().partition(|request| {
        let keys: Vec<_> = request
            .events
            .iter()
            .filter_map(|one| {
                one.event.event_id.clone().map(|id| (one.event.tenant.clone(), id, one.event.source.clone()))
            })
            .collect();
        if keys.iter().any(|key| seen.contains(key)) {
            return false;
        }
        seen.extend(keys);
        true
    })
}
