//! Runs the lanes: starts workers for what waits in memory, claims what is due in the queue table, and sends what a
//! worker ends with to the recorder. The decisions are the lane's and the gates'; this is the loop around them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_interfaces::domain_policy::DomainPolicy;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantId;
use futures::future::BoxFuture;
use http::HeaderValue;
use time::SignedDuration;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

use super::attempt::{self, Lesson, Started, Unbuildable};
use super::domain_budgets::DomainBudgets;
use super::in_hand::DeliveryInHand;
use super::lane::{Hold, Lane, LaneRules, OpenBreaker, Step};
use super::lanes::Lanes;
use super::memory_gauge::MemoryGauge;
use super::recorder::Finished;
use super::schedule::Schedule;
use super::status_changes::StatusChanges;
use super::transport::{Destination, Outcome, TokenSource, Transport, TxtFailure, WireRequest};
use super::verdict::Verdict;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::gates::address_policy::AddressPolicy;
use crate::gates::domain_authorization::{DomainEntry, allow_list_permits, permit};
use crate::gates::standing::Standing;
use crate::maintenance::worker_lease::WorkerLease;
use crate::metric_names;
use crate::routing::directory::{CurrentDirectory, Directory};
use crate::routing::target::Target;
use crate::wire::headers::redacted;
use crate::wire::preset::open_breaker_burns_attempts;

/// A [`Transport`] behind a pointer, so that only the outermost layer knows which one it is.
pub(crate) trait AnyTransport: Send + Sync + 'static {
    fn send_boxed(&self, request: WireRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>>;
    fn txt_boxed<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, TxtFailure>>;
}

impl<T: Transport> AnyTransport for T {
    fn send_boxed(&self, request: WireRequest) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(self.send(request))
    }

    fn txt_boxed<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, TxtFailure>> {
        Box::pin(self.txt(name))
    }
}

/// Everything a worker needs.
pub(crate) struct Dispatcher {
    pub(crate) lanes: Lanes,
    pub(crate) directory: Arc<CurrentDirectory>,
    pub(crate) transport: Arc<dyn AnyTransport>,
    pub(crate) addresses: AddressPolicy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) outcomes: mpsc::Sender<Finished>,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) status: Arc<StatusChanges>,
    pub(crate) lease: Arc<WorkerLease>,
    pub(crate) memory: Arc<MemoryGauge>,
    /// Who asks endpoints for their consent.
    pub(crate) request_origin: HeaderValue,
    pub(crate) budgets: DomainBudgets,
    /// Nothing is sent, whatever the configurations say.
    pub(crate) dry_run: bool,
    pub(crate) on_the_wire: Semaphore,
    pub(crate) workers: TaskTracker,
    /// Cancelled when no new attempt may start.
    pub(crate) draining: CancellationToken,
    /// Cancelled when attempts under way must end too.
    pub(crate) aborting: CancellationToken,
}

/// What one look at a lane's configuration allows.
struct Permission<'a> {
    target: &'a Arc<Target>,
    domain: Result<PermittedDomains<'a>, String>,
    call: Call,
}

/// The authorized domains a delivery needs.
#[derive(Clone, Copy)]
pub(crate) struct PermittedDomains<'a> {
    /// Of the URL; `None` where its tenant needs none.
    pub(crate) url: Option<&'a DomainEntry>,
    /// Of the token endpoint, where there is one.
    pub(crate) token_url: Option<&'a DomainEntry>,
}

/// Whether the endpoint may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Allowed,
    /// Not now, and the attempt counts as failed.
    BreakerOpen,
}

impl Dispatcher {
    /// The lane of a configuration.
    pub(crate) fn lane_of(&self, target: &Target) -> Arc<Lane> {
        self.lanes.lane(target.id, &target.circuit_breaker)
    }

    /// What the lane's configuration says right now.
    pub(crate) fn rules<'a>(&self, target: &'a Target) -> LaneRules<'a> {
        LaneRules {
            standing: target.standing(self.clock.now()),
            max_in_flight: target.max_in_flight,
            max_per_second: target.max_per_second,
            breaker: &target.circuit_breaker,
            open_breaker: if open_breaker_burns_attempts(target.profile) {
                OpenBreaker::Burns
            } else {
                OpenBreaker::Postpones
            },
        }
    }

    /// Hands deliveries to a lane and starts workers for them.
    pub(crate) fn hand_over(
        self: &Arc<Self>,
        configuration: ConfigurationId,
        deliveries: Vec<DeliveryInHand>,
    ) {
        let directory = self.directory.load();
        let Some(target) = directory.target(configuration) else {
            return self.turn_away(deliveries, !directory.is_defective(configuration));
        };
        let lane = self.lane_of(target);
        let workers = lane.push(deliveries, self.rules(target));
        self.start(&lane, workers);
    }

    /// Ends deliveries of a configuration that was deleted in between; those of one that cannot be read wait.
    fn turn_away(self: &Arc<Self>, deliveries: Vec<DeliveryInHand>, deleted: bool) {
        let end = |delivery| {
            if deleted {
                attempt::drop_deleted(delivery)
            } else {
                attempt::postpone(delivery, "configuration cannot be read")
            }
        };
        self.send_all(deliveries.into_iter().map(end).collect());
    }

    /// Looks at a lane again after a hold.
    pub(crate) fn resume(self: &Arc<Self>, configuration: ConfigurationId) {
        let directory = self.directory.load();
        if let (Some(target), Some(lane)) = (directory.target(configuration), self.lanes.get(configuration)) {
            let workers = lane.resume(self.rules(target));
            self.start(&lane, workers);
        }
    }

    /// Looks at every lane again: configurations have changed.
    pub(crate) fn resume_all(&self) {
        for lane in self.lanes.all() {
            self.schedule.wake(lane.id);
        }
        self.schedule.look_now();
    }

    fn start(self: &Arc<Self>, lane: &Arc<Lane>, workers: usize) {
        for _ in 0..workers {
            self.workers.spawn(Arc::clone(self).work(Arc::clone(lane)));
        }
    }

    /// A worker: one delivery after the other, until the lane has nothing for it.
    async fn work(self: Arc<Self>, lane: Arc<Lane>) {
        loop {
            let Ok(_wire) = self.on_the_wire.acquire().await else { return };
            let directory = self.directory.load_full();
            let finished = match self.next(&lane, &directory) {
                Ok((delivery, permission)) => self.run(&lane, &directory, delivery, &permission).await,
                Err(None) => return,
                Err(Some(hold)) => return self.wait(&lane, hold).await,
            };
            drop(_wire);
            if self.outcomes.send(finished).await.is_err() {
                return;
            }
        }
    }

    /// The lane's next delivery with what is permitted for it; otherwise the worker leaves, perhaps with a hold to act on.
    fn next<'a>(
        &self,
        lane: &Lane,
        directory: &'a Directory,
    ) -> Result<(DeliveryInHand, Permission<'a>), Option<Hold>> {
        let Some(target) = directory.target(lane.id) else {
            return Err(Some(lane.leave(!directory.is_defective(lane.id))));
        };
        let rules = if self.draining.is_cancelled() {
            LaneRules {
                standing: Standing::Held { wait: None, reason: "shutting down" },
                ..self.rules(target)
            }
        } else {
            self.rules(target)
        };
        let domain = self.permitted_domain(directory, target);
        let now = self.clock.monotonic();
        let step = match &domain {
            Ok(entry) => lane.next(rules, now, || self.budget(entry.url, now)),
            Err(_) => lane.next_refused(rules),
        };
        match step {
            Step::Run(delivery) => Ok((delivery, Permission { target, domain, call: Call::Allowed })),
            Step::Burn(delivery) => Ok((delivery, Permission { target, domain, call: Call::BreakerOpen })),
            Step::Leave => Err(None),
            Step::Wait(hold) => Err(Some(hold)),
        }
    }

    /// The domains that let the configuration's requests out; none where its tenant needs none.
    pub(crate) fn permitted_domain<'a>(
        &self,
        directory: &'a Directory,
        target: &Target,
    ) -> Result<PermittedDomains<'a>, String> {
        if target.allowed_domains.as_ref().is_some_and(|list| !allow_list_permits(&target.url, list)) {
            return Err(
                "Domain not authorized: the host is not in the configuration's allowedDomains".to_owned()
            );
        }
        let (policy, domains) = directory
            .tenant(&target.tenant)
            .map_or((DomainPolicy::default(), &[][..]), |tenant| (tenant.domain_policy, &tenant.domains));
        let now = self.clock.now();
        let url = permit(&target.url, policy, domains, now).map_err(|refusal| refusal.to_string())?;
        // Where the tokens come from is as much the tenant's choice as where the deliveries go.
        let token_url = target.identity.token_credentials.as_ref().map(|credentials| {
            permit(&credentials.token_url, policy, domains, now)
                .map_err(|refusal| format!("Token endpoint: {refusal}"))
        });
        Ok(PermittedDomains { url, token_url: token_url.transpose()?.flatten() })
    }

    /// Takes one call off the domain's budget, if there is a domain.
    pub(crate) fn budget(&self, domain: Option<&DomainEntry>, now: Instant) -> Result<(), Duration> {
        domain.map_or(Ok(()), |domain| self.budgets.take(domain, now, self.lease.workers()))
    }

    /// What may be dialled for a tenant: what the service allows, and what operators opened for it.
    pub(crate) fn addresses_of(&self, directory: &Directory, tenant: &TenantId) -> AddressPolicy {
        let opened = directory.tenant(tenant).and_then(|tenant| tenant.allowed_networks.clone());
        self.addresses.opening(opened)
    }

    /// Whether the configuration's requests are recorded instead of sent.
    pub(crate) fn is_dry(&self, target: &Target) -> bool {
        self.dry_run || target.dry_run
    }

    /// Where a configuration's requests go.
    pub(crate) fn destination(
        &self,
        directory: &Directory,
        target: &Target,
        domains: &PermittedDomains<'_>,
    ) -> Destination {
        Destination {
            tenant: target.tenant.clone(),
            configuration: target.id,
            url: Arc::clone(&target.url),
            addresses: self.addresses_of(directory, &target.tenant),
            allowed_ips: domains.url.and_then(|domain| domain.allowed_ips.clone()),
            tls: target.identity.tls.clone(),
            token_source: target.identity.token_credentials.as_ref().map(|credentials| TokenSource {
                credentials: Arc::clone(credentials),
                allowed_ips: domains.token_url.and_then(|domain| domain.allowed_ips.clone()),
            }),
        }
    }

    /// Makes one attempt, or records why it must not be made.
    async fn run(
        &self,
        lane: &Lane,
        directory: &Directory,
        delivery: DeliveryInHand,
        permission: &Permission<'_>,
    ) -> Finished {
        let target = permission.target;
        let at = self.clock.now();
        let domains = match &permission.domain {
            Ok(domains) => domains,
            Err(reason) => {
                metrics::counter!(metric_names::REFUSED, "reason" => "domain").increment(1);
                return attempt::refuse(target, delivery, at, reason.clone());
            }
        };
        if permission.call == Call::BreakerOpen {
            metrics::counter!(metric_names::ATTEMPTS, "outcome" => "breaker_open").increment(1);
            return attempt::burn(target, delivery, at, self.entropy.unit_f64());
        }
        if delivery.payload_lost {
            lane.not_called();
            let reason = "the event's payload is no longer stored: retention.events_days is shorter than its retries took";
            return attempt::refuse(target, delivery, at, reason.to_owned());
        }
        let destination = self.destination(directory, target, domains);
        let request = match attempt::build(target, &delivery.event, delivery.attempt, destination, at) {
            Ok(request) => request,
            Err(Unbuildable::Refused(reason)) => {
                lane.not_called();
                metrics::counter!(metric_names::REFUSED, "reason" => "payload").increment(1);
                return attempt::refuse(target, delivery, at, reason);
            }
            Err(Unbuildable::OurFault(reason)) => {
                lane.not_called();
                error!(configuration = %target.id, tenant = %target.tenant, event = %delivery.event.public_id, %reason,
                    "delivery of event {} to configuration {} could not be built and waits a minute: {reason}", delivery.event.public_id, target.id);
                return attempt::our_fault(delivery);
            }
        };
        let started = Started {
            at,
            request_headers: redacted(&request.headers),
            domain: domains.url.map(|domain| domain.id),
            jitter: self.entropy.unit_f64(),
        };
        if self.is_dry(target) {
            lane.not_called();
            metrics::counter!(metric_names::ATTEMPTS, "outcome" => "dry_run").increment(1);
            return attempt::dry_run(target, delivery, started);
        }
        tokio::select! {
            outcome = self.transport.send_boxed(request) => self.conclude(lane, target, delivery, started, &outcome),
            () = self.aborting.cancelled() => attempt::postpone(delivery, "interrupted by a shutdown"),
        }
    }

    fn conclude(
        &self,
        lane: &Lane,
        target: &Arc<Target>,
        delivery: DeliveryInHand,
        started: Started,
        outcome: &Outcome,
    ) -> Finished {
        let now = self.clock.monotonic();
        let since_accepted = (delivery.attempt == 1)
            .then(|| -> SignedDuration { started.at - delivery.event.reference.accepted_at });
        let attempted = attempt::conclude(target, delivery, started, outcome);
        self.learn(lane, target, &attempted.lesson, now);
        observe(&attempted.lesson, since_accepted);
        attempted.finished
    }

    /// Draws the conclusions from a call: for the breaker, for holds, for the configuration's status.
    pub(crate) fn learn(&self, lane: &Lane, target: &Arc<Target>, lesson: &Lesson, now: Instant) {
        if lane.record(lesson.result, lesson.took, now) {
            metrics::counter!(metric_names::BREAKERS_OPENED).increment(1);
        }
        if let Some(wait) = lesson.asked_wait {
            lane.hold(now + wait, "endpoint asked to wait (Retry-After)");
            self.status.hold(target, wait);
        }
        if matches!(lesson.verdict, Verdict::Wait { .. }) {
            lane.hold(now + attempt::PROXY_WAIT, attempt::PROXY_AWAY);
        }
        self.note_status(target, lesson, lane, now);
    }

    /// Asks for the status changes that follow from a call.
    fn note_status(&self, target: &Arc<Target>, lesson: &Lesson, lane: &Lane, now: Instant) {
        let directory = self.directory.load();
        // It may have been paused while this call was under way; any success ends that.
        let target = directory.target(target.id).unwrap_or(target);
        let probing = target.standing(self.clock.now()) == Standing::Probing;
        match &lesson.verdict {
            Verdict::Gone => self.status.gone(target),
            Verdict::Delivered if target.paused_by_engine() => self.status.probe_succeeded(target),
            Verdict::Retry { .. } | Verdict::Permanent { .. } if probing => {
                // Until the new probe time has come back from the database, nobody may probe again.
                lane.hold(now + std::time::Duration::from_secs(5), "paused after failures");
                if lesson.charged {
                    self.status.probe_failed(target);
                }
            }
            _ => {}
        }
    }

    /// Acts on a hold: what must not stay in memory goes to the queue table, and the lane is looked at again in time.
    async fn wait(&self, lane: &Lane, hold: Hold) {
        if let Some(until) = hold.until {
            self.schedule.wake_at(lane.id, until);
        }
        if !hold.stranded.is_empty() {
            metrics::counter!(metric_names::POSTPONED, "reason" => hold.reason)
                .increment(hold.stranded.len() as u64);
        }
        let deleted = hold.deleted;
        for delivery in hold.stranded {
            let finished = if deleted {
                attempt::drop_deleted(delivery)
            } else {
                attempt::postpone(delivery, hold.reason)
            };
            if self.outcomes.send(finished).await.is_err() {
                return;
            }
        }
    }

    /// Sends outcomes to the recorder from a place that cannot wait.
    pub(crate) fn send_all(self: &Arc<Self>, finished: Vec<Finished>) {
        let outcomes = self.outcomes.clone();
        self.workers.spawn(async move {
            for one in finished {
                if outcomes.send(one).await.is_err() {
                    return;
                }
            }
        });
    }
}

fn observe(lesson: &Lesson, since_accepted: Option<SignedDuration>) {
    let outcome = match lesson.verdict {
        Verdict::Delivered => "success",
        Verdict::Retry { .. } => "retry",
        Verdict::Permanent { .. } => "permanent",
        Verdict::Gone => "gone",
        Verdict::Wait { .. } => {
            metrics::counter!(metric_names::POSTPONED, "reason" => attempt::PROXY_AWAY).increment(1);
            return;
        }
    };
    metrics::counter!(metric_names::ATTEMPTS, "outcome" => outcome).increment(1);
    metrics::histogram!(metric_names::ATTEMPT_SECONDS).record(lesson.took.as_secs_f64());
    if let Some(waited) = since_accepted {
        metrics::histogram!(metric_names::PROCESSING_SECONDS)
            .record(waited.as_seconds_f64() + lesson.took.as_secs_f64());
    }
}
