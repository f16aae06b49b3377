//! A producer under load: numbers its events, writes down which were accepted, goes on when the service is away.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::api::Api;
use super::ledger::{Accepted, Ledger};

const PAUSE_BETWEEN_EVENTS: Duration = Duration::from_millis(8);
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(50);

/// A running producer.
pub(crate) struct Producer {
    senders: JoinSet<()>,
    desk: Arc<Desk>,
}

struct Desk {
    replicas: Vec<Api>,
    event_type: String,
    next: AtomicU64,
    stopped: AtomicBool,
    ledger: Mutex<Ledger>,
}

impl Producer {
    /// Starts `senders` concurrent senders that spread events of one type over `replicas`.
    pub(crate) fn start(replicas: Vec<Api>, event_type: &str, senders: usize) -> Self {
        let desk = Arc::new(Desk {
            replicas,
            event_type: event_type.to_owned(),
            next: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            ledger: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for _ in 0..senders {
            tasks.spawn(send(Arc::clone(&desk)));
        }
        Self { senders: tasks, desk }
    }

    /// What has been accepted so far.
    pub(crate) fn ledger(&self) -> Ledger {
        self.desk.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the requests under way and returns everything that was accepted.
    pub(crate) async fn stop(mut self) -> Ledger {
        self.desk.stopped.store(true, Relaxed);
        while let Some(ended) = self.senders.join_next().await {
            ended.expect("a sender does not panic");
        }
        self.ledger()
    }
}

async fn send(desk: Arc<Desk>) {
    while !desk.stopped.load(Relaxed) {
        let number = desk.next.fetch_add(1, Relaxed);
        let replica = usize::try_from(number).expect("numbers are small") % desk.replicas.len();
        let event = json!({"type": desk.event_type, "payload": {"number": number}});
        let answer = desk.replicas[replica].call(Method::POST, "/api/v1/events", Some(&event)).await;
        // Without a 202 nothing was promised: the event may or may not exist, and the ledger does not claim it.
        let accepted = answer.ok().filter(|answer| answer.status.as_u16() == 202);
        let event_id = accepted.and_then(|answer| answer.body["eventId"].as_str().map(str::to_owned));
        let pause = match event_id {
            Some(event_id) => {
                let mut ledger = desk.ledger.lock().unwrap_or_else(PoisonError::into_inner);
                ledger.insert(number, Accepted { event_id, replica });
                PAUSE_BETWEEN_EVENTS
            }
            None => PAUSE_AFTER_REFUSAL,
        };
        tokio::time::sleep(pause).await;
    }
}
