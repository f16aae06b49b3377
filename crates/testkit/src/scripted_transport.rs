//! A transport that answers by script and remembers what it was asked to send.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use callbacks_core::delivery::transport::{
    FailureKind, Outcome, PhaseTimings, Transport, TxtFailure, WireFailure, WireRequest, WireResponse,
};
use parking_lot::Mutex;
use tokio::sync::watch;

/// One scripted reaction to one request.
#[derive(Debug, Clone)]
pub enum Step {
    /// This outcome, at once.
    Now(Outcome),
    /// This outcome after a while; when the request's own timeout is shorter, a timeout at that.
    After(Duration, Outcome),
    /// Nothing until the request's timeout.
    Silence,
    /// Nothing, ever; for tests that abort a delivery in flight.
    Hang,
}

impl Step {
    /// An empty answer with this status.
    pub fn status(status: u16) -> Self {
        Step::Now(response(status))
    }

    /// A failure without a status line.
    pub fn failure(kind: FailureKind) -> Self {
        Step::Now(failure(kind))
    }
}

/// An empty answer with this status.
pub fn response(status: u16) -> Outcome {
    Outcome::Response(WireResponse {
        status,
        headers: http::HeaderMap::new(),
        body: Bytes::new(),
        truncated: false,
        timings: PhaseTimings::default(),
    })
}

/// A failure without a status line.
pub fn failure(kind: FailureKind) -> Outcome {
    let message = format!("scripted {}", kind.as_str());
    Outcome::Failure(WireFailure { kind, message, timings: PhaseTimings::default() })
}

/// Answers every URL by its own script, or else by the default step (status 200). The last step of a script repeats.
#[derive(Debug)]
pub struct ScriptedTransport {
    default: Step,
    scripts: Mutex<HashMap<String, VecDeque<Step>>>,
    records: Mutex<HashMap<String, Vec<String>>>,
    sent: Mutex<Vec<WireRequest>>,
    count: watch::Sender<usize>,
}

impl Default for ScriptedTransport {
    fn default() -> Self {
        Self::answering(Step::status(200))
    }
}

impl ScriptedTransport {
    /// Answers everything that has no script with `default`.
    pub fn answering(default: Step) -> Self {
        Self {
            default,
            scripts: Mutex::default(),
            records: Mutex::default(),
            sent: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }

    /// Sets the script of one URL, replacing what was left of the old one.
    pub fn script(&self, url: &str, steps: impl IntoIterator<Item = Step>) {
        self.scripts.lock().insert(url.to_owned(), steps.into_iter().collect());
    }

    /// Publishes TXT records under a name.
    pub fn publish(&self, name: &str, records: &[&str]) {
        let records = records.iter().map(|record| (*record).to_owned()).collect();
        self.records.lock().insert(name.to_owned(), records);
    }

    /// Everything sent so far, in order.
    pub fn sent(&self) -> Vec<WireRequest> {
        self.sent.lock().clone()
    }

    /// Waits until `count` requests were sent in all.
    ///
    /// # Panics
    /// After 10 s without them.
    pub async fn wait_for(&self, count: usize) -> Vec<WireRequest> {
        let mut counted = self.count.subscribe();
        let waited =
            tokio::time::timeout(Duration::from_secs(10), counted.wait_for(|sent| *sent >= count)).await;
        assert!(waited.is_ok(), "expected {count} requests, saw {}", self.sent.lock().len());
        self.sent()
    }

    fn next_step(&self, url: &str) -> Step {
        let mut scripts = self.scripts.lock();
        match scripts.get_mut(url) {
            Some(script) if script.len() > 1 => script.pop_front(),
            Some(script) => script.front().cloned(),
            None => None,
        }
        .unwrap_or_else(|| self.default.clone())
    }
}

impl Transport for ScriptedTransport {
    async fn send(&self, request: WireRequest) -> Outcome {
        let timeout = request.timeout;
        let step = self.next_step(request.destination.url.as_str());
        self.sent.lock().push(request);
        self.count.send_modify(|count| *count += 1);
        match step {
            Step::Now(outcome) => outcome,
            Step::After(delay, outcome) if delay < timeout => {
                tokio::time::sleep(delay).await;
                outcome
            }
            Step::After(..) | Step::Silence => {
                tokio::time::sleep(timeout).await;
                failure(FailureKind::Timeout)
            }
            Step::Hang => std::future::pending().await,
        }
    }

    async fn txt(&self, name: &str) -> Result<Vec<String>, TxtFailure> {
        self.records.lock().get(name).cloned().ok_or(TxtFailure::NoRecord)
    }
}
