//! Takes an event in: routes it on the current snapshot, takes room for its deliveries, and waits for the commit that
//! makes it durable. The only writer of events.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_interfaces::callback_configuration::{CallbackStatus, PausedDeliveries};
use callbacks_interfaces::event::EventAccepted;
use callbacks_interfaces::ids::{ConfigurationId, EventRowId};
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::acceptance::{NewEvent, SkippedTarget};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use uuid::Uuid;

use super::error::IntakeError;
use super::received_event::ReceivedEvent;
use super::settings::IntakeSettings;
use crate::delivery::dispatcher::Dispatcher;
use crate::delivery::in_hand::Room;
use crate::gates::standing::Standing;
use crate::metric_names;
use crate::routing::directory::Directory;
use crate::routing::router::{Routed, route};
use crate::routing::target::Target;

/// How long a request may wait for its commit, from the moment it was queued.
const COMMIT_DEADLINE: Duration = Duration::from_secs(20);

/// Events of one request: stored together or not at all.
pub(crate) struct IntakeRequest {
    pub(crate) events: Vec<RoutedEvent>,
    pub(crate) answer: oneshot::Sender<Result<Vec<EventAccepted>, IntakeError>>,
}

/// An event with what routing decided, and the room its deliveries have taken.
pub(crate) struct RoutedEvent {
    pub(crate) event: NewEvent,
    pub(crate) in_hand: Vec<(ConfigurationId, Room)>,
}

/// Who an event is for.
#[derive(Debug, Clone, Copy)]
pub enum Audience {
    /// Every configuration that matches.
    Matching,
    /// This configuration alone, whatever it subscribes to (test deliveries).
    Only(ConfigurationId),
}

/// The way in.
pub struct Acceptor {
    directory: Arc<crate::routing::directory::CurrentDirectory>,
    dispatcher: Arc<Dispatcher>,
    requests: mpsc::Sender<IntakeRequest>,
    settings: IntakeSettings,
}

impl Acceptor {
    pub(crate) fn new(
        dispatcher: Arc<Dispatcher>,
        requests: mpsc::Sender<IntakeRequest>,
        settings: IntakeSettings,
    ) -> Self {
        Self { directory: Arc::clone(&dispatcher.directory), dispatcher, requests, settings }
    }

    /// Accepts events of one tenant, all or none; resolves after the commit, with one answer an event in the same order.
    ///
    /// # Errors
    /// See [`IntakeError`]; nothing is stored then.
    pub async fn accept(
        &self,
        tenant: &TenantId,
        events: Vec<ReceivedEvent>,
        audience: Audience,
    ) -> Result<Vec<EventAccepted>, IntakeError> {
        self.accept_within(tenant, events, audience, self.settings.patience).await
    }

    /// Accepts events that wait at their source until they are stored; deliveries wait longer for room in memory then.
    ///
    /// # Errors
    /// See [`IntakeError`]; nothing is stored then.
    pub async fn accept_from_source(
        &self,
        tenant: &TenantId,
        events: Vec<ReceivedEvent>,
    ) -> Result<Vec<EventAccepted>, IntakeError> {
        self.accept_within(tenant, events, Audience::Matching, self.settings.source_patience).await
    }

    async fn accept_within(
        &self,
        tenant: &TenantId,
        events: Vec<ReceivedEvent>,
        audience: Audience,
        patience: Duration,
    ) -> Result<Vec<EventAccepted>, IntakeError> {
        let (events, repeats) = set_repeats_apart(events);
        let directory = self.directory.load_full();
        let mut routed: Vec<_> =
            events.into_iter().map(|event| route_one(&directory, tenant, event, audience)).collect();
        self.take_room(&directory, &mut routed, patience).await;
        let (answer, answered) = oneshot::channel();
        let events = routed.into_iter().map(|(event, in_hand)| RoutedEvent { event, in_hand }).collect();
        match self.requests.try_send(IntakeRequest { events, answer }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                return Err(IntakeError::Overloaded { retry_after: Duration::from_secs(1) });
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(IntakeError::unavailable()),
        }
        let accepted = match tokio::time::timeout(COMMIT_DEADLINE, answered).await {
            Ok(Ok(accepted)) => accepted?,
            Ok(Err(_)) | Err(_) => return Err(IntakeError::unavailable()),
        };
        Ok(put_repeats_back(accepted, &repeats))
    }

    /// Takes room in memory for every delivery; those without room are stored in the queue table with the event.
    async fn take_room(
        &self,
        directory: &Directory,
        routed: &mut [(NewEvent, Vec<(ConfigurationId, Room)>)],
        patience: Duration,
    ) {
        let mut wanted: BTreeMap<ConfigurationId, u32> = BTreeMap::new();
        for (event, _) in routed.iter() {
            for target in &event.targets {
                *wanted.entry(*target).or_default() += 1;
            }
        }
        let mut slots: BTreeMap<ConfigurationId, Result<OwnedSemaphorePermit, Option<&'static str>>> =
            BTreeMap::new();
        for (configuration, count) in wanted {
            if let Some(target) = directory.target(configuration) {
                slots.insert(configuration, self.slots_for(target, count, patience).await);
            }
        }
        for (event, in_hand) in routed.iter_mut() {
            let payload = event.payload.len();
            for target in &event.targets {
                let taken = match slots.get_mut(target) {
                    Some(Ok(permits)) => {
                        permits.split(1).zip(self.dispatcher.memory.try_take(payload)).ok_or(None)
                    }
                    Some(Err(reason)) => Err(*reason),
                    None => Err(None),
                };
                match taken {
                    Ok((slot, memory)) => {
                        in_hand.push((*target, Room { _slot: slot, _memory: memory, _claim: None }));
                    }
                    Err(reason) => event.queued.push((*target, reason)),
                }
            }
        }
    }

    async fn slots_for(
        &self,
        target: &Target,
        count: u32,
        patience: Duration,
    ) -> Result<OwnedSemaphorePermit, Option<&'static str>> {
        match self.dispatcher.rules(target).standing {
            Standing::Open => {}
            Standing::Probing => return Err(Some("paused after failures")),
            Standing::Held { reason, .. } => return Err(Some(reason)),
        }
        let lane = self.dispatcher.lane_of(target);
        lane.reserve(count, patience, Instant::now()).await.ok_or(None)
    }
}

/// Routes one event and writes down what the router decided.
fn route_one(
    directory: &Directory,
    tenant: &TenantId,
    received: ReceivedEvent,
    audience: Audience,
) -> (NewEvent, Vec<(ConfigurationId, Room)>) {
    let routed = match (audience, directory.tenant(tenant)) {
        (_, None) => Routed::default(),
        (Audience::Only(id), Some(_)) => {
            Routed { deliver: directory.target(id).cloned().into_iter().collect(), skipped: Vec::new() }
        }
        (Audience::Matching, Some(part)) => route(part, &received.document()),
    };
    if routed.deliver.is_empty() {
        metrics::counter!(metric_names::EVENTS_UNMATCHED).increment(1);
    }
    let (targets, set_aside) = targets_and_skips(routed);
    let source_event_id = received.id.as_deref().map(|id| source_event_id(tenant, &received.source, id));
    let event = NewEvent {
        row_id: EventRowId::from(Uuid::nil()),
        tenant: tenant.clone(),
        event_id: received.id,
        source: received.source,
        source_event_id,
        event_type: received.event_type,
        content_type: received.content_type,
        occurred_at: received.occurred_at,
        headers: received.headers.and_then(|headers| serde_json::to_string(&headers).ok()),
        payload: received.payload,
        targets,
        queued: Vec::new(),
        skipped: set_aside,
    };
    (event, Vec::new())
}

/// Splits what routing found into deliveries and skips: a paused configuration that does not keep its deliveries skips them.
fn targets_and_skips(routed: Routed) -> (Vec<ConfigurationId>, Vec<SkippedTarget>) {
    let mut skipped: Vec<_> = routed
        .skipped
        .into_iter()
        .map(|(configuration_id, reason)| SkippedTarget { configuration_id, reason })
        .collect();
    let mut targets = Vec::with_capacity(routed.deliver.len());
    for target in routed.deliver {
        if target.status == CallbackStatus::Paused && target.paused_deliveries == PausedDeliveries::Skip {
            skipped.push(SkippedTarget {
                configuration_id: target.id,
                reason: "the configuration is paused and skips deliveries".to_owned(),
            });
        } else {
            targets.push(target.id);
        }
    }
    (targets, skipped)
}

/// The id as a UUID: itself if it is one, else derived from tenant, source and id (UUID version 5), so that receivers that
/// want a UUID can recognise repeats.
pub(crate) fn source_event_id(tenant: &TenantId, source: &str, id: &str) -> Uuid {
    Uuid::try_parse(id).unwrap_or_else(|_| {
        let name = format!("{}\u{1f}{source}\u{1f}{id}", tenant.as_str());
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
    })
}

/// Takes out events whose id and source stood earlier in the same request; answers for each event which one answers it.
fn set_repeats_apart(events: Vec<ReceivedEvent>) -> (Vec<ReceivedEvent>, Vec<usize>) {
    let mut positions = Vec::with_capacity(events.len());
    let mut firsts: Vec<ReceivedEvent> = Vec::with_capacity(events.len());
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    for event in events {
        let next = firsts.len();
        let first = match &event.id {
            Some(id) => *seen.entry((id.clone(), event.source.clone())).or_insert(next),
            None => next,
        };
        positions.push(first);
        if first == next {
            firsts.push(event);
        }
    }
    (firsts, positions)
}

fn put_repeats_back(accepted: Vec<EventAccepted>, positions: &[usize]) -> Vec<EventAccepted> {
    if positions.len() == accepted.len() {
        return accepted;
    }
    let mut answers: Vec<_> = accepted.into_iter().map(|answer| (answer, false)).collect();
    let repeated = |position: &usize| {
        let (answer, given) = answers.get_mut(*position)?;
        let duplicate = answer.duplicate | std::mem::replace(given, true);
        Some(EventAccepted { duplicate, ..answer.clone() })
    };
    positions.iter().filter_map(repeated).collect()
}
