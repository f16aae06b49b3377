//! Makes a batch durable: its events through the intake, its poison in quarantine. Does not give up before it is.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use callbacks_interfaces::event_subscription::EventSubscription;
use callbacks_interfaces::ids::EventRowId;
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::error::StoreError;
use callbacks_models::quarantined_messages::{self, NewQuarantined};
use callbacks_models::{events, tenants};
use tracing::{error, warn};

use super::extraction::{Extracted, extract};
use super::message::{Arrival, SourceMessage};
use super::poison::quarantined;
use super::pump::{Feed, PumpSurroundings, tenant_of};
use super::shared_tenant;
use super::tally::Tally;
use crate::event_types::gate::TypeRefusal;
use crate::intake::error::IntakeError;
use crate::intake::received_event::ReceivedEvent;

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What stores one batch.
pub(super) struct Storing {
    pub(super) around: PumpSurroundings,
    pub(super) feed: Feed,
    pub(super) tally: std::sync::Arc<Tally>,
}

/// An event with the message it was made of, for quarantine should the database refuse it.
struct Sorted {
    event: ReceivedEvent,
    message: Option<Box<SourceMessage>>,
}

/// The tenant of a subscription's message: the subscription's, unless it is shared.
fn whose(subscription: &EventSubscription, message: &SourceMessage) -> Result<TenantId, String> {
    if subscription.tenant_id.is_shared() {
        shared_tenant::of(message)
    } else {
        Ok(subscription.tenant_id.clone())
    }
}

impl Storing {
    /// Resolves when everything is stored. Dropping it early is safe: what is stored already is recognised next time.
    pub(super) async fn store(self, arrivals: Vec<Arrival>) {
        let mut wanted: BTreeMap<TenantId, Vec<Sorted>> = BTreeMap::new();
        let mut poison = Vec::new();
        for arrival in arrivals {
            self.sort(arrival, &mut wanted, &mut poison);
        }
        self.set_aside(poison).await;
        for (tenant, events) in wanted {
            self.accept(&tenant, events).await;
        }
    }

    fn sort(
        &self,
        arrival: Arrival,
        wanted: &mut BTreeMap<TenantId, Vec<Sorted>>,
        poison: &mut Vec<NewQuarantined>,
    ) {
        let (message, subscription) = match (arrival, &self.feed) {
            (Arrival::Event(tenant, event), _) => {
                let sorted = Sorted { event: *event, message: None };
                if self.takes(&sorted.event) {
                    wanted.entry(tenant).or_default().push(sorted);
                }
                return;
            }
            (Arrival::Message(message), Feed::Subscription(subscription, _)) => (message, subscription),
            // The own outbox holds events only.
            (Arrival::Message(_), Feed::OwnOutbox) => return,
        };
        let settings = &self.around.settings;
        let sorted = match extract(&message, subscription.id, settings.max_payload) {
            Extracted::Tombstone => Err("the message has no value, and no header names its type".to_owned()),
            Extracted::Poison(reason) => Err(reason),
            Extracted::Event(event) if !self.takes(&event) => return,
            Extracted::Event(event) => self.whose(subscription, &message, *event),
        };
        match sorted {
            Ok((tenant, event)) => {
                wanted.entry(tenant).or_default().push(Sorted { event, message: Some(message) });
            }
            Err(reason) => {
                poison.push(quarantined(&message, subscription, reason, settings.quarantined_payload));
            }
        }
    }

    /// The event with its tenant, unless it was passed on too often.
    fn whose(
        &self,
        subscription: &EventSubscription,
        message: &SourceMessage,
        event: ReceivedEvent,
    ) -> Result<(TenantId, ReceivedEvent), String> {
        self.around.engine.judge_hops(event.headers.as_ref()).map_err(|refusal| refusal.to_string())?;
        Ok((whose(subscription, message)?, event))
    }

    /// Whether the feed takes events of this type, which an empty list of patterns always does. Counts it where not.
    fn takes(&self, event: &ReceivedEvent) -> bool {
        let Feed::Subscription(subscription, patterns) = &self.feed else { return true };
        let takes_all = subscription.event_type_patterns.as_ref().is_none_or(Vec::is_empty);
        let taken = takes_all || patterns.iter().any(|pattern| pattern.matches(event.event_type.as_str()));
        if !taken {
            self.tally.filtered(1, "pattern");
        }
        taken
    }

    /// All events of a tenant at once; if the database refuses what one of them holds, each by itself.
    async fn accept(&self, tenant: &TenantId, sorted: Vec<Sorted>) {
        // Only messages can be quarantined; what is an event already was checked by who published it.
        let messages = sorted.iter().any(|one| one.message.is_some());
        if self.around.engine.directory().is_deleted(tenant) {
            return self.turn_away(tenant, &sorted).await;
        }
        if messages && !self.knows(tenant).await {
            let reason = "the message names a tenant that is not registered and has no configuration; register it, then replay the message";
            return self.set_messages_aside(&sorted, reason).await;
        }
        let sorted = self.as_catalogued(tenant, sorted).await;
        if self.accepted(tenant, &sorted).await {
            return;
        }
        for one in &sorted {
            if self.accepted(tenant, std::slice::from_ref(one)).await {
                continue;
            }
            if matches!(self.feed, Feed::OwnOutbox) {
                error!(%tenant, event_id = ?one.event.id, "an event of the outbox could not be stored and is dropped; report this as a defect");
            }
            self.set_messages_aside([one], "the database refused the event").await;
        }
    }

    /// Takes on nothing for a deleted tenant. What its producers still put into the own outbox cannot be set aside.
    async fn turn_away(&self, tenant: &TenantId, sorted: &[Sorted]) {
        if matches!(self.feed, Feed::OwnOutbox) {
            warn!(%tenant, events = sorted.len(), "{} events of the outbox are dropped: the tenant {tenant} was deleted; stop what publishes them", sorted.len());
        }
        let reason = "the message is for a tenant that was deleted; discard it, or replay it with the tenantId of another";
        self.set_messages_aside(sorted, reason).await;
    }

    /// Whether events of the tenant are taken. Only a message of a shared subscription can name one that nobody knows.
    async fn knows(&self, tenant: &TenantId) -> bool {
        let named =
            matches!(&self.feed, Feed::Subscription(subscription, _) if subscription.tenant_id.is_shared());
        if !named
            || *tenant == TenantId::default_tenant()
            || self.around.engine.directory().tenant(tenant).is_some()
        {
            return true;
        }
        loop {
            match tenants::get(&self.around.store, tenant).await {
                Ok(registered) => return registered.is_some(),
                Err(problem) => {
                    warn!(error = %problem, %tenant, "the database could not say whether {tenant} is registered; trying again before anything is acknowledged");
                }
            }
            tokio::time::sleep(LONGEST_PAUSE).await;
        }
    }

    /// Sets aside what the tenant's catalogue of event types refuses, and answers with the rest. The own outbox's events
    /// were committed by their producer: they can no longer be refused, and have no broker's place to be quarantined by.
    async fn as_catalogued(&self, tenant: &TenantId, sorted: Vec<Sorted>) -> Vec<Sorted> {
        let events = sorted.iter().map(|one| (one.event.event_type.as_str(), one.event.payload.as_ref()));
        let refused: BTreeMap<usize, TypeRefusal> =
            self.around.engine.refused_types(tenant, events).into_iter().collect();
        let Feed::Subscription(subscription, _) = &self.feed else {
            if let Some((_, refusal)) = refused.first_key_value() {
                warn!(%tenant, events = refused.len(), reason = %refusal, "events of the outbox are not as the catalogue of event types says and are accepted all the same; the first because {refusal}");
            }
            return sorted;
        };
        if refused.is_empty() {
            return sorted;
        }
        let keep = self.around.settings.quarantined_payload;
        let (mut kept, mut poison) = (Vec::with_capacity(sorted.len()), Vec::new());
        for (index, one) in sorted.into_iter().enumerate() {
            match (refused.get(&index), &one.message) {
                (Some(refusal), Some(message)) => {
                    poison.push(quarantined(message, subscription, refusal.to_string(), keep));
                }
                _ => kept.push(one),
            }
        }
        self.set_aside(poison).await;
        kept
    }

    /// Whether the events are stored; `false` when the database refuses what they hold.
    async fn accepted(&self, tenant: &TenantId, sorted: &[Sorted]) -> bool {
        loop {
            let events = sorted.iter().map(|one| one.event.clone()).collect();
            let pause = match self.around.engine.accept_received(tenant, events).await {
                Ok(answers) => {
                    let repeats: Vec<_> = sorted
                        .iter()
                        .zip(answers)
                        .filter(|(_, answer)| answer.duplicate)
                        .filter_map(|(one, answer)| Some((one, answer.row_id?)))
                        .collect();
                    self.tally.duplicates(repeats.len());
                    self.set_conflicts_aside(tenant, &repeats).await;
                    return true;
                }
                Err(IntakeError::Refused) => return false,
                // Overload passes as soon as a flush is done.
                Err(IntakeError::Overloaded { .. }) => SHORTEST_PAUSE,
                Err(IntakeError::Unavailable { retry_after }) => {
                    retry_after.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// A repeated id with another value is no redelivery: the first one counts, and the second is kept for people to see.
    async fn set_conflicts_aside(&self, tenant: &TenantId, repeats: &[(&Sorted, EventRowId)]) {
        if repeats.is_empty() {
            return;
        }
        let ids: Vec<EventRowId> = repeats.iter().map(|(_, first)| *first).collect();
        let first: BTreeMap<EventRowId, Bytes> = loop {
            match events::payloads(&self.around.store, tenant, &ids).await {
                Ok(payloads) => break payloads.into_iter().collect(),
                Err(StoreError::Unavailable(problem)) => {
                    warn!(error = %problem, "repeated events could not be compared with the first ones; trying again before anything is acknowledged");
                    tokio::time::sleep(LONGEST_PAUSE).await;
                }
                Err(problem) => {
                    warn!(error = %problem, %tenant, "repeated events could not be compared with the first ones; they count as redelivered");
                    return;
                }
            }
        };
        let differs =
            |one: &Sorted, id: &EventRowId| first.get(id).is_some_and(|first| *first != one.event.payload);
        let others: Vec<&Sorted> =
            repeats.iter().filter(|(one, id)| differs(one, id)).map(|(one, _)| *one).collect();
        self.tally.conflicting(others.len());
        self.set_messages_aside(
            others,
            "an earlier event has this id and another value; the first one counts",
        )
        .await;
    }

    /// Quarantines the messages of these events; those of the own outbox have none.
    async fn set_messages_aside(&self, sorted: impl IntoIterator<Item = &Sorted>, reason: &str) {
        let Feed::Subscription(subscription, _) = &self.feed else { return };
        let keep = self.around.settings.quarantined_payload;
        let messages = sorted.into_iter().filter_map(|one| one.message.as_deref());
        let poison =
            messages.map(|message| quarantined(message, subscription, reason.to_owned(), keep)).collect();
        self.set_aside(poison).await;
    }

    async fn set_aside(&self, poison: Vec<NewQuarantined>) {
        if poison.is_empty() {
            return;
        }
        let mut pause = SHORTEST_PAUSE;
        loop {
            match quarantined_messages::insert(&self.around.store, &poison).await {
                Ok(new) => {
                    self.tally.quarantined(poison.len(), new);
                    if let Some(NewQuarantined { reason, .. }) = poison.first().filter(|_| new > 0) {
                        let tenant = tenant_of(&self.feed);
                        warn!(tenant = ?tenant, messages = new, %reason, "{new} messages are no events and went to quarantine; the first because {reason}");
                    }
                    return;
                }
                Err(problem) => {
                    warn!(error = %problem, "messages could not be quarantined; trying again before anything is acknowledged");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
