//! Puts an event before all gates concerned, at once, and answers when every vote is in and recorded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::gate_answer::{GateAnswer, GateDecision};
use callbacks_interfaces::ids::EventRowId;
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::settlement::{self, EventRef, SettleError, Settled};
use callbacks_models::store::Store;
use futures::future::join_all;
use tokio::sync::Semaphore;
use tracing::warn;

use super::ask::{Ask, Asked};
use super::vote::{Reply, Vote, decide};
use crate::delivery::dispatcher::Dispatcher;
use crate::delivery::in_hand::{EventInHand, SaidAbout};
use crate::delivery::recorder::{Tally, tallies};
use crate::intake::acceptor::source_event_id;
use crate::intake::received_event::ReceivedEvent;
use crate::metric_names;
use crate::routing::directory::{Directory, TenantDirectory};
use crate::routing::event_document::EventDocument;
use crate::routing::target::Target;

/// Most gates one event is put before. More would make every such event wait for the slowest of many.
const GATES_MAX: usize = 32;
/// Events that may be before their gates at once, in this process.
const AT_ONCE: usize = 1024;
/// Tries to record the votes before the producer is told to ask again.
const RECORD_TRIES: u32 = 3;

/// Why an event could not be put before its gates. The producer may ask again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// The votes could not be recorded, or the service is stopping.
    #[error("the gates' votes cannot be recorded right now")]
    Unavailable,
    /// Too many events are before their gates.
    #[error("too many events are before their gates")]
    Overloaded,
    /// More gates are concerned than are asked about one event.
    #[error("{concerned} gates are concerned; at most {GATES_MAX} can be asked about one event")]
    TooMany {
        /// How many are.
        concerned: usize,
    },
}

/// Asks the gates.
pub(crate) struct Gatekeeper {
    dispatcher: Arc<Dispatcher>,
    store: Arc<Store>,
    at_once: Arc<Semaphore>,
}

/// A gate that is concerned; `Err` says why it cannot tell whether it is.
type Concerned = (Arc<Target>, Result<(), String>);

impl Gatekeeper {
    pub(crate) fn new(dispatcher: Arc<Dispatcher>, store: Arc<Store>) -> Self {
        Self { dispatcher, store, at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Asks every gate concerned, each within its own timeout and all within `patience`.
    ///
    /// # Errors
    /// See [`GateError`].
    pub(crate) async fn ask(
        &self,
        tenant: &TenantId,
        event: ReceivedEvent,
        patience: Duration,
    ) -> Result<GateAnswer, GateError> {
        if self.dispatcher.draining.is_cancelled() {
            return Err(GateError::Unavailable);
        }
        let place = Arc::clone(&self.at_once).try_acquire_owned().map_err(|_| GateError::Overloaded)?;
        let memory = self.dispatcher.memory.try_take(event.payload.len()).ok_or(GateError::Overloaded)?;
        let directory = self.dispatcher.directory.load_full();
        let gates =
            directory.tenant(tenant).map(|part| concerned(part, &event.document())).unwrap_or_default();
        if gates.len() > GATES_MAX {
            return Err(GateError::TooMany { concerned: gates.len() });
        }
        let inquiry = Inquiry {
            dispatcher: Arc::clone(&self.dispatcher),
            store: Arc::clone(&self.store),
            event: in_hand(&self.dispatcher, tenant, event),
            directory,
            until: Instant::now() + patience,
        };
        // In a task of its own: what was asked is recorded even if the producer goes away meanwhile.
        let answered = self.dispatcher.workers.spawn(async move {
            let answer = inquiry.run(&gates).await;
            drop((place, memory));
            answer
        });
        answered.await.unwrap_or(Err(GateError::Unavailable))
    }
}

/// The gates an event is put before, in the order of their creation.
fn concerned(tenant: &TenantDirectory, event: &EventDocument<'_>) -> Vec<Concerned> {
    let wanting = tenant.wanting(event.event_type()).filter(|target| target.guards_events());
    let mut gates: Vec<Concerned> = wanting
        .filter_map(|target| {
            match target.filter.as_ref().map(|filter| match filter {
                Ok(filter) => {
                    filter.evaluate(event).map_err(|failure| format!("could not be evaluated: {failure}"))
                }
                Err(reason) => Err(format!("does not compile: {reason}")),
            }) {
                Some(Ok(false)) => None,
                None | Some(Ok(true)) => Some((Arc::clone(target), Ok(()))),
                Some(Err(reason)) => Some((Arc::clone(target), Err(format!("filterExpression {reason}")))),
            }
        })
        .collect();
    gates.sort_unstable_by_key(|(target, _)| target.id);
    gates
}

/// The event as deliveries carry it. It is not stored: it has not happened.
fn in_hand(dispatcher: &Dispatcher, tenant: &TenantId, event: ReceivedEvent) -> EventInHand {
    let reference = EventRef {
        row_id: EventRowId::from(dispatcher.entropy.uuid_v7()),
        accepted_at: dispatcher.clock.now(),
        tenant: tenant.clone(),
        source_event_id: event.id.as_deref().map(|id| source_event_id(tenant, &event.source, id)),
        event_id: event.id,
        event_type: event.event_type,
    };
    let said = SaidAbout {
        source: event.source,
        occurred_at: event.occurred_at,
        content_type: event.content_type,
        headers: event.headers.and_then(|headers| serde_json::to_string(&headers).ok()),
    };
    EventInHand::new(reference, said, event.payload)
}

struct Inquiry {
    dispatcher: Arc<Dispatcher>,
    store: Arc<Store>,
    directory: Arc<Directory>,
    event: EventInHand,
    until: Instant,
}

impl Inquiry {
    async fn run(&self, gates: &[Concerned]) -> Result<GateAnswer, GateError> {
        let started = Instant::now();
        let asked = join_all(gates.iter().map(|gate| self.ask(gate))).await;
        let mut votes: Vec<Vote> = Vec::with_capacity(asked.len());
        let mut outcomes: Vec<(Settled, Tally)> = Vec::with_capacity(asked.len());
        for Asked { vote, settled, tally } in asked {
            count(&vote);
            votes.push(vote);
            outcomes.push((settled, tally));
        }
        if !outcomes.is_empty() {
            self.record(outcomes).await?;
        }
        let answer = decide(self.event.public_id.clone(), &votes);
        let decision = match answer.decision {
            GateDecision::Proceed => "proceed",
            GateDecision::Cancelled => "cancelled",
        };
        metrics::histogram!(metric_names::GATE_SECONDS, "decision" => decision)
            .record(started.elapsed().as_secs_f64());
        Ok(answer)
    }

    async fn ask(&self, (target, readable): &Concerned) -> Asked {
        let ask = Ask {
            dispatcher: &self.dispatcher,
            directory: &self.directory,
            target,
            event: &self.event,
            until: self.until,
        };
        match readable {
            Ok(()) => ask.run().await,
            Err(reason) => ask.unasked(ExecutionStatus::Skipped, reason.clone()),
        }
    }

    /// Writes one row an ask, and what they add to the counters.
    async fn record(&self, outcomes: Vec<(Settled, Tally)>) -> Result<(), GateError> {
        let (configurations, domains) = tallies(outcomes.iter().map(|(settled, tally)| (settled, *tally)));
        let rows: Vec<Settled> = outcomes.into_iter().map(|(settled, _)| settled).collect();
        for tried in 1..=RECORD_TRIES {
            let registration = self.dispatcher.lease.current();
            match settlement::settle(&self.store, registration.worker, &rows, &[], &configurations, &domains)
                .await
            {
                Ok(settlement) => {
                    for (configuration, tenant, failures) in settlement.over_threshold {
                        self.dispatcher.status.failed_too_often(configuration, tenant, failures);
                    }
                    return Ok(());
                }
                Err(SettleError::Fenced) => {
                    if let Err(error) = self.dispatcher.lease.replace(registration).await {
                        warn!(%error, "this worker was fenced off and could not register anew");
                    }
                }
                Err(SettleError::Store(error)) => {
                    metrics::counter!(metric_names::RECORD_FAILURES).increment(1);
                    warn!(%error, tried, "the votes of {} gates could not be recorded. Check the database", rows.len());
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(GateError::Unavailable)
    }
}

fn count(vote: &Vote) {
    let reply = match vote.reply {
        Reply::Proceed => "proceed",
        Reply::Cancel(_) => "cancel",
        Reply::Nothing(_) => "none",
        Reply::DryRun => "dry_run",
    };
    metrics::counter!(metric_names::GATES_ASKED, "reply" => reply).increment(1);
}
