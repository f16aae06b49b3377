//! How far a request has come; survives its cancellation by the deadline, and words it.

use std::sync::Arc;
use std::time::Duration;

use callbacks_core::delivery::transport::{FailureKind, Outcome, PhaseTimings, WireFailure};
use tokio::time::Instant;

use crate::fault::Fault;
use crate::proxy::Proxy;
use crate::proxy_trouble::Ailment;
use crate::proxy_tunnel::{no_tunnel, unusable};

/// One exchange with one server.
pub(crate) struct Trip {
    sent: Instant,
    pub(crate) stage: Stage,
    pub(crate) timings: PhaseTimings,
}

/// Whom a trip waits for.
#[derive(Clone)]
pub(crate) enum Stage {
    Connecting,
    /// Our own proxy, to accept a connection.
    DiallingProxy(Arc<Proxy>),
    /// Our own proxy, to say that it is through.
    AwaitingTunnel(Arc<Proxy>),
    Waiting,
}

impl Trip {
    fn start(at: Instant) -> Self {
        Self { sent: at, stage: Stage::Connecting, timings: PhaseTimings::default() }
    }

    pub(crate) fn sent_now(&mut self) {
        self.sent = Instant::now();
        self.stage = Stage::Waiting;
    }

    pub(crate) fn first_byte(&mut self) {
        self.timings.first_byte = Some(self.sent.elapsed());
    }
}

impl Stage {
    /// Our proxy's silence, if that is what ended the trip.
    pub(crate) fn proxy_silent(&self) -> Option<Fault> {
        match self {
            Stage::Connecting | Stage::Waiting => None,
            Stage::DiallingProxy(proxy) => {
                Some(unusable(proxy, Ailment::Unreachable, "it did not accept a connection in time"))
            }
            Stage::AwaitingTunnel(proxy) => Some(no_tunnel(proxy, "it did not answer CONNECT in time")),
        }
    }

    fn timed_out(&self, host: &str, timeout: Duration) -> Fault {
        if let Some(fault) = self.proxy_silent() {
            return fault;
        }
        let seconds = timeout.as_secs_f64();
        let message = match self {
            Stage::Waiting => {
                format!(
                    "{host} did not answer within {seconds} s. Answer first and work afterwards, or raise the timeout"
                )
            }
            _ => format!("no connection to {host} within {seconds} s"),
        };
        Fault::new(FailureKind::Timeout, message)
    }
}

/// A whole request: the trip to the endpoint, perhaps after one to an authorization server.
pub(crate) struct Progress {
    pub(crate) started: Instant,
    pub(crate) trip: Trip,
    authorizing: Option<(String, Trip)>,
}

impl Progress {
    pub(crate) fn start() -> Self {
        let started = Instant::now();
        Self { started, trip: Trip::start(started), authorizing: None }
    }

    /// Begins the trip to an authorization server.
    pub(crate) fn authorizing(&mut self, server: &str) -> &mut Trip {
        let begun = (server.to_owned(), Trip::start(Instant::now()));
        &mut self.authorizing.insert(begun).1
    }

    /// There is a token.
    pub(crate) fn authorized(&mut self) {
        self.authorizing = None;
    }

    pub(crate) fn timed_out(&self, host: &str, timeout: Duration) -> Fault {
        match &self.authorizing {
            Some((server, trip)) => {
                trip.stage.proxy_silent().unwrap_or_else(|| no_token_in_time(server, timeout))
            }
            None => self.trip.stage.timed_out(host, timeout),
        }
    }

    pub(crate) fn finish(mut self) -> PhaseTimings {
        self.trip.timings.total = self.started.elapsed();
        self.trip.timings
    }

    pub(crate) fn fail(self, fault: Fault) -> Outcome {
        Outcome::Failure(WireFailure { kind: fault.kind, message: fault.message, timings: self.finish() })
    }
}

fn no_token_in_time(server: &str, timeout: Duration) -> Fault {
    let seconds = timeout.as_secs_f64();
    let message = format!(
        "no access token from {server} within {seconds} s, so the endpoint was not called. Check that it answers, or raise the timeout"
    );
    Fault::new(FailureKind::Credentials, message)
}
