//! A broker in memory: delivers what a test sends, one message a batch, and remembers what was acknowledged.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callbacks_core::sources::event_source::{
    Appetite, EventSource, OpenSource, SourceBatch, SourceError, Standing,
};
use callbacks_core::sources::message::{Arrival, Place, Said, SourceMessage};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use sqlx::PgPool;

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Topics by name, shared by everybody who reads them.
pub(crate) struct ScriptedBroker {
    pool: PgPool,
    waiting: Mutex<HashMap<String, VecDeque<SourceMessage>>>,
    /// By topic: for each acknowledgement, how many rows its messages had in the database at that moment.
    acknowledged: Mutex<HashMap<String, Vec<i64>>>,
}

impl ScriptedBroker {
    pub(crate) fn new(pool: PgPool) -> Arc<Self> {
        Arc::new(Self { pool, waiting: Mutex::default(), acknowledged: Mutex::default() })
    }

    /// Opens whatever a subscription names.
    pub(crate) fn opener(self: &Arc<Self>) -> OpenSource {
        let broker = Arc::clone(self);
        Arc::new(move |plan| {
            let topic = plan.subscription.topic_or_queue.clone();
            let source = ScriptedSource { broker: Arc::clone(&broker), topic, number: 0 };
            Box::pin(async move { Ok(Box::new(source) as Box<dyn EventSource>) })
        })
    }

    /// Delivers a message and waits for its acknowledgement. Answers with how long that took and with how many events and
    /// quarantined messages of the topic were stored by then.
    pub(crate) async fn deliver(&self, message: SourceMessage) -> (Duration, i64) {
        let topic = message.place.topic.to_string();
        let count = |broker: &Self| broker.acknowledged.lock().get(&topic).map_or(0, Vec::len);
        let (before, begun) = (count(self), Instant::now());
        self.waiting.lock().entry(topic.clone()).or_default().push_back(message);
        while count(self) == before {
            assert!(begun.elapsed() < Duration::from_secs(30), "{topic}: never acknowledged");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        (begun.elapsed(), self.acknowledged.lock()[&topic][before])
    }
}

/// A message at a place of a topic.
pub(crate) fn message(topic: &str, position: u64, payload: Option<Bytes>) -> SourceMessage {
    let place = Place {
        topic: Arc::from(topic),
        partition: Arc::from("0"),
        position: position.to_string(),
        lasting: true,
    };
    SourceMessage { place, said: Said::default(), key: None, headers: Vec::new(), payload }
}

struct ScriptedSource {
    broker: Arc<ScriptedBroker>,
    topic: String,
    number: u64,
}

impl EventSource for ScriptedSource {
    fn pull(&mut self, _: Appetite) -> BoxFuture<'_, Result<SourceBatch, SourceError>> {
        Box::pin(async {
            loop {
                let next = self.broker.waiting.lock().get_mut(&self.topic).and_then(VecDeque::pop_front);
                if let Some(message) = next {
                    self.number += 1;
                    let arrivals = vec![Arrival::Message(Box::new(message))];
                    return Ok(SourceBatch { number: self.number, arrivals });
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
    }

    fn settle(&mut self, _: u64) -> BoxFuture<'_, Result<(), SourceError>> {
        Box::pin(async {
            let sql = "SELECT (SELECT count(*) FROM events WHERE source = $1)
                            + (SELECT count(*) FROM quarantined_messages WHERE topic = $1)";
            let stored = sqlx::query_scalar(sql).bind(&self.topic).fetch_one(&self.broker.pool).await;
            let stored: i64 = stored.map_err(|error| SourceError::new(&error))?;
            self.broker.acknowledged.lock().entry(self.topic.clone()).or_default().push(stored);
            Ok(())
        })
    }

    fn standing(&mut self) -> BoxFuture<'_, Standing> {
        Box::pin(async { Standing { connected: true, ..Standing::default() } })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}
