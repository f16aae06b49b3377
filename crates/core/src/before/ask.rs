//! One gate is asked: through the doors of every delivery, once, and never beyond its time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_models::settlement::{NewExecution, Next, Settled};
use tracing::error;

use super::vote::{Reply, Vote, reply};
use crate::delivery::attempt::{self, Started, Unbuildable};
use crate::delivery::dispatcher::Dispatcher;
use crate::delivery::in_hand::EventInHand;
use crate::delivery::lane::{Lane, NotNow};
use crate::delivery::recorder::Tally;
use crate::delivery::transport::{Outcome, WireRequest};
use crate::gates::domain_authorization::DomainEntry;
use crate::routing::directory::Directory;
use crate::routing::target::Target;
use crate::wire::headers::redacted;

/// A hold longer than this is not waited for.
const SHORT_HOLD: Duration = Duration::from_secs(1);
/// With less time left than this nobody could answer: the gate is not blamed for it.
const LEAST_TIME: Duration = Duration::from_millis(20);
/// How often a gate that is busy is looked at, should nobody say that it is free again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A gate's vote with what is recorded of it.
pub(super) struct Asked {
    pub(super) vote: Vote,
    pub(super) settled: Settled,
    pub(super) tally: Tally,
}

/// Everything one ask needs.
pub(super) struct Ask<'a> {
    pub(super) dispatcher: &'a Dispatcher,
    pub(super) directory: &'a Directory,
    pub(super) target: &'a Arc<Target>,
    pub(super) event: &'a EventInHand,
    /// The end of the whole inquiry.
    pub(super) until: Instant,
}

/// The right to call, given back when dropped.
struct Turn<'a>(&'a Lane);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.end_ask();
    }
}

impl Ask<'_> {
    /// Asks.
    pub(super) async fn run(self) -> Asked {
        let until = self.until.min(Instant::now() + self.target.timeout);
        let domains = match self.dispatcher.permitted_domain(self.directory, self.target) {
            Ok(domains) => domains,
            Err(reason) => return self.unasked(ExecutionStatus::FailedPermanent, reason),
        };
        let lane = self.dispatcher.lane_of(self.target);
        let turn = match self.turn(&lane, domains.url, until).await {
            Ok(turn) => turn,
            Err(reason) => return self.unasked(ExecutionStatus::Skipped, reason),
        };
        let wire = tokio::time::timeout_at(until.into(), self.dispatcher.on_the_wire.acquire()).await;
        let Ok(Ok(_wire)) = wire else {
            lane.not_called();
            return self.unasked(ExecutionStatus::Skipped, "all connections were busy".to_owned());
        };
        let destination = self.dispatcher.destination(self.directory, self.target, &domains);
        let at = self.dispatcher.clock.now();
        let request = match attempt::build(self.target, self.event, 1, destination, at) {
            Ok(request) => request,
            Err(problem) => {
                lane.not_called();
                return self.unbuildable(problem);
            }
        };
        let timeout = until.saturating_duration_since(Instant::now());
        let started = Started {
            at,
            request_headers: redacted(&request.headers),
            domain: domains.url.map(|domain| domain.id),
            jitter: 0.0,
        };
        if self.dispatcher.is_dry(self.target) {
            lane.not_called();
            let execution = attempt::dry_execution(self.target, started);
            return self.asked(self.vote(Reply::DryRun), execution, Tally::None);
        }
        let asked = self.send(&lane, WireRequest { timeout, ..request }, started).await;
        drop(turn);
        asked
    }

    /// Waits for a turn, at most until its time is over.
    async fn turn<'l>(
        &self,
        lane: &'l Lane,
        domain: Option<&DomainEntry>,
        until: Instant,
    ) -> Result<Turn<'l>, String> {
        loop {
            let now = self.dispatcher.clock.monotonic();
            let rules = self.dispatcher.rules(self.target);
            let budget = || self.dispatcher.budget(domain, now);
            let left = until.saturating_duration_since(Instant::now());
            if left < LEAST_TIME {
                return Err("its time was over before it could be asked".to_owned());
            }
            match lane.begin_ask(rules, now, budget) {
                Ok(()) => return Ok(Turn(lane)),
                Err(NotNow::Busy) => {
                    let _ = tokio::time::timeout(left.min(LOOK_AGAIN), lane.ask_ended()).await;
                }
                Err(NotNow::Held(Some(wait), _)) if wait <= SHORT_HOLD && wait < left => {
                    tokio::time::sleep(wait).await;
                }
                Err(NotNow::Held(_, reason)) => return Err(reason.to_owned()),
            }
        }
    }

    async fn send(&self, lane: &Lane, request: WireRequest, started: Started) -> Asked {
        let outcome: Outcome = tokio::select! {
            outcome = self.dispatcher.transport.send_boxed(request) => outcome,
            () = self.dispatcher.aborting.cancelled() => {
                lane.not_called();
                return self.unasked(ExecutionStatus::Skipped, "interrupted by a shutdown".to_owned());
            }
        };
        let lesson = attempt::lesson(self.target, &outcome, started.at);
        self.dispatcher.learn(lane, self.target, &lesson, self.dispatcher.clock.monotonic());
        let vote = self.vote(reply(self.target.profile, &outcome));
        let domain = started.domain;
        let (status, tally) = match vote.reply {
            Reply::Proceed | Reply::Cancel(_) => (ExecutionStatus::Success, Tally::Success { domain }),
            // The gate was not reached, and that may be our own proxy's doing.
            Reply::Nothing(_) if !lesson.charged => (ExecutionStatus::Skipped, Tally::None),
            Reply::Nothing(_) | Reply::DryRun => {
                (ExecutionStatus::FailedPermanent, Tally::Failure { domain, last: true })
            }
        };
        let execution = NewExecution {
            attempt: 1,
            max_attempts: 1,
            ..attempt::execution(self.target, started, &outcome, status, vote.remark())
        };
        self.asked(vote, execution, tally)
    }

    fn unbuildable(&self, problem: Unbuildable) -> Asked {
        match problem {
            Unbuildable::Refused(reason) => self.unasked(ExecutionStatus::FailedPermanent, reason),
            Unbuildable::OurFault(reason) => {
                let (configuration, tenant) = (self.target.id, &self.target.tenant);
                error!(%configuration, %tenant, %reason, "gate {configuration} cannot be asked: {reason}");
                self.unasked(ExecutionStatus::Skipped, "the request could not be signed".to_owned())
            }
        }
    }

    /// The outcome of a gate that no request was sent to.
    pub(super) fn unasked(&self, status: ExecutionStatus, reason: String) -> Asked {
        let vote = self.vote(Reply::Nothing(reason));
        let at = self.dispatcher.clock.now();
        let error_message = vote.remark();
        let blank = attempt::blank_execution(self.target, at);
        self.asked(vote, NewExecution { status, max_attempts: 1, error_message, ..blank }, Tally::None)
    }

    fn vote(&self, reply: Reply) -> Vote {
        let Target { id, name, on_error, .. } = self.target.as_ref();
        Vote { configuration: *id, name: name.clone(), on_error: *on_error, reply }
    }

    fn asked(&self, vote: Vote, execution: NewExecution, tally: Tally) -> Asked {
        let settled = Settled {
            event: self.event.reference.clone(),
            configuration_id: self.target.id,
            from_queue: false,
            execution: Some(execution),
            next: Next::Done,
        };
        Asked { vote, settled, tally }
    }
}
