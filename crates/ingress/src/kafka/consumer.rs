//! One member of a consumer group.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbacks_core::sources::event_source::{
    Appetite, EventSource, SourceBatch, SourceError, SourcePlan, Standing,
};
use callbacks_core::sources::message::{Arrival, Place, Said, SourceMessage};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use time::OffsetDateTime;
use tracing::{debug, warn};

use super::group_context::{Assigned, GroupContext, is_away};
use super::{properties, topics};
use crate::registry::Opening;
use crate::watermark::Watermark;

/// A consumer that reached no broker for this long is made anew: its addresses may have changed.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(90);
/// How often a silent consumer looks whether it should be given up.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Pause after an error. Short: while no broker can be reached librdkafka queues some twenty errors a second, and what comes
/// when the brokers are back stands behind all of them.
const AFTER_ERROR: Duration = Duration::from_millis(5);
/// How long the intake may be behind before partitions are paused. Pausing throws away what was fetched, so it is only for
/// when the group would otherwise think that this member is dead (max.poll.interval.ms, five minutes).
const PAUSE_AFTER: Duration = Duration::from_secs(30);

/// Opens a consumer of a plan. It connects by itself; while it cannot, its standing says so.
pub(crate) async fn open(opening: Opening, plan: SourcePlan) -> Result<Box<dyn EventSource>, SourceError> {
    let subscribed = topics::subscription(&plan.subscription.topic_or_queue).map_err(SourceError)?;
    let client_id = format!("callbacks-{}-{}", plan.replica.simple(), plan.consumer);
    let by_pattern = topics::has_pattern(&subscribed);
    let told = properties::consumer_properties(&plan.subscription, &opening.settings, client_id, by_pattern)?;
    let mut config = ClientConfig::new();
    for (name, value) in told {
        config.set(name, value);
    }
    let consumer: StreamConsumer<GroupContext> =
        config.create_with_context(GroupContext::new(opening.clock)).map_err(refused)?;
    let names: Vec<&str> = subscribed.iter().map(String::as_str).collect();
    consumer.subscribe(&names).map_err(refused)?;
    Ok(Box::new(KafkaSource {
        consumer,
        buffer: Vec::new(),
        receipts: Watermark::default(),
        paused: false,
        newest: None,
    }))
}

/// The next offset to store of a partition, if it is still the same assignment.
struct Receipt {
    partition: i32,
    assigned: Assigned,
    offset: i64,
}

struct KafkaSource {
    consumer: StreamConsumer<GroupContext>,
    /// Received and not yet part of a batch.
    buffer: Vec<(Receipt, SourceMessage)>,
    /// By batch, the last offset of each of its partitions.
    receipts: Watermark<Vec<Receipt>>,
    paused: bool,
    /// The broker's time of the newest message read.
    newest: Option<OffsetDateTime>,
}

impl KafkaSource {
    async fn take(&mut self, appetite: Appetite) -> Result<SourceBatch, SourceError> {
        self.resume();
        loop {
            while self.buffer.is_empty() {
                self.receive().await?;
            }
            let mut octets: usize = self.buffer.iter().map(|(_, message)| message.size()).sum();
            while self.buffer.len() < appetite.messages && octets < appetite.octets {
                // What librdkafka has fetched already comes at once.
                let Some(Ok(message)) = self.consumer.recv().now_or_never() else { break };
                let kept = owned(&self.consumer, &message);
                drop(message);
                octets += kept.as_ref().map_or(0, |(_, message)| message.size());
                self.buffer.extend(kept);
            }
            if let Some(batch) = self.seal(appetite.messages) {
                return Ok(batch);
            }
        }
    }

    /// Waits for one message, or for an error that is worth giving up for.
    async fn receive(&mut self) -> Result<(), SourceError> {
        let received = tokio::time::timeout(LOOK_EVERY, self.consumer.recv()).await;
        let failed = match received {
            // A message keeps the consumer alive, so it is copied and dropped before anything is awaited.
            Ok(Ok(message)) => {
                let kept = owned(&self.consumer, &message);
                drop(message);
                self.buffer.extend(kept);
                return Ok(());
            }
            Ok(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(SourceError::new(&error)),
            // Brokers that come and go are reported as messages; librdkafka connects again by itself.
            Ok(Err(error)) => {
                self.consumer.context().note(error.to_string(), is_away(&error));
                true
            }
            Err(_) => false,
        };
        if self.consumer.context().lost_for().is_some_and(|lost| lost >= GIVEN_UP_AFTER) {
            return Err(SourceError(format!(
                "no Kafka broker could be reached for {} s",
                GIVEN_UP_AFTER.as_secs()
            )));
        }
        if failed {
            tokio::time::sleep(AFTER_ERROR).await;
        }
        Ok(())
    }

    /// Makes a batch of what is buffered, without what belongs to others by now; `None` when nothing is left.
    fn seal(&mut self, most: usize) -> Option<SourceBatch> {
        let many = self.buffer.len().min(most);
        let context = self.consumer.context();
        let mut last: HashMap<(Arc<str>, i32), Receipt> = HashMap::new();
        let mut arrivals = Vec::with_capacity(many);
        for (receipt, message) in self.buffer.drain(..many) {
            let now = context.assigned(&receipt.assigned.topic, receipt.partition);
            if now.is_some_and(|now| now.epoch == receipt.assigned.epoch) {
                self.newest = self.newest.max(message.said.time);
                arrivals.push(Arrival::Message(Box::new(message)));
                last.insert((Arc::clone(&receipt.assigned.topic), receipt.partition), receipt);
            }
        }
        if arrivals.is_empty() {
            return None;
        }
        let number = self.receipts.begin(last.into_values().collect());
        Some(SourceBatch { number, arrivals })
    }

    fn store(&self, receipts: impl Iterator<Item = Receipt>) {
        let context = self.consumer.context();
        for receipt in receipts {
            let topic = &receipt.assigned.topic;
            let now = context.assigned(topic, receipt.partition);
            if now.is_none_or(|now| now.epoch != receipt.assigned.epoch) {
                debug!(%topic, receipt.partition, "a partition moved on before its events were stored; its next owner recognises them");
                continue;
            }
            // librdkafka itself adds one. It refuses partitions it has just given away, which is as good as the check above.
            if let Err(error) = self.consumer.store_offset(topic, receipt.partition, receipt.offset) {
                debug!(%topic, receipt.partition, %error, "an offset was not stored");
            }
        }
    }

    /// Lets partitions flow again.
    fn resume(&mut self) {
        if std::mem::take(&mut self.paused)
            && let Ok(assignment) = self.consumer.assignment()
            && let Err(error) = self.consumer.resume(&assignment)
        {
            warn!(%error, "Kafka partitions could not be resumed");
        }
    }

    /// Stays in the group without reading on: polls, with everything paused. Whatever comes all the same is kept.
    async fn stay(&mut self) {
        tokio::time::sleep(PAUSE_AFTER).await;
        loop {
            self.paused = true;
            // Again after every message: an assignment made meanwhile is not paused. The list is dropped at once.
            if let Ok(assignment) = self.consumer.assignment()
                && let Err(error) = self.consumer.pause(&assignment)
            {
                debug!(%error, "Kafka partitions could not be paused");
            }
            if self.receive().await.is_err() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    fn stands(&self) -> Standing {
        let context = self.consumer.context();
        let mut standing = context.standing();
        standing.lag_seconds = match (standing.lag, self.newest) {
            (Some(0), _) => Some(0.0),
            (Some(_), Some(newest)) => Some((context.clock().now() - newest).as_seconds_f64().max(0.0)),
            _ => None,
        };
        standing
    }
}

impl EventSource for KafkaSource {
    fn pull(&mut self, appetite: Appetite) -> BoxFuture<'_, Result<SourceBatch, SourceError>> {
        Box::pin(self.take(appetite))
    }

    fn settle(&mut self, number: u64) -> BoxFuture<'_, Result<(), SourceError>> {
        let released = self.receipts.settle(number);
        self.store(released.into_iter().flatten());
        Box::pin(std::future::ready(Ok(())))
    }

    fn hold(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.stay())
    }

    fn standing(&mut self) -> BoxFuture<'_, Standing> {
        Box::pin(std::future::ready(self.stands()))
    }

    /// Dropping a consumer leaves the group and waits for librdkafka's threads, so it may block; and it would hang for ever
    /// if a message or a list got from it were still alive. Here none is.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Self { consumer, buffer, .. } = *self;
            drop(buffer);
            let dropped = tokio::task::spawn_blocking(move || drop(consumer)).await;
            if dropped.is_err() {
                warn!("a Kafka consumer could not be closed");
            }
        })
    }
}

/// A copy of a message that outlives the consumer; `None` when its partition is somebody else's by now.
fn owned(
    consumer: &StreamConsumer<GroupContext>,
    message: &BorrowedMessage<'_>,
) -> Option<(Receipt, SourceMessage)> {
    let assigned = consumer.context().assigned(message.topic(), message.partition())?;
    let millis = message.timestamp().to_millis().filter(|millis| *millis >= 0);
    let time = millis
        .and_then(|millis| OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok());
    let headers = message.headers().map(|headers| {
        headers
            .iter()
            .map(|header| (header.key.to_owned(), Bytes::copy_from_slice(header.value.unwrap_or_default())))
            .collect()
    });
    let place = Place {
        topic: Arc::clone(&assigned.topic),
        partition: Arc::clone(&assigned.partition),
        position: message.offset().to_string(),
        lasting: true,
    };
    let copy = SourceMessage {
        place,
        said: Said { time, ..Said::default() },
        key: message.key().map(Bytes::copy_from_slice),
        headers: headers.unwrap_or_default(),
        payload: message.payload().map(Bytes::copy_from_slice),
    };
    Some((Receipt { partition: message.partition(), assigned, offset: message.offset() }, copy))
}

/// librdkafka quotes the value it does not like, which may be a password.
fn refused(error: KafkaError) -> SourceError {
    match error {
        KafkaError::ClientConfig(_, _, name, _) => {
            SourceError(format!("Kafka refuses the value of the property {name}"))
        }
        other => SourceError::new(&other),
    }
}
