//! RabbitMQ (AMQP 0-9-1): a queue read by a consumer with bounded prefetch, acknowledged after the commit.
//!
//! A message without any id of its own cannot be recognised when it is delivered again, since a queue has no offsets:
//! producers should set `message-id`. (Stream queues have offsets, and they are used.)

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbacks_core::sources::event_source::{
    Appetite, EventSource, SourceBatch, SourceError, SourcePlan, Standing,
};
use callbacks_core::sources::message::{Arrival, Place, Said, SourceMessage};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Consumer};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::connection::{Properties, broker_url, failed};
use crate::registry::Opening;
use crate::watermark::Watermark;

/// Messages the broker sends ahead of their acknowledgement, unless `consumerProperties.prefetch` says otherwise.
const PREFETCH: u16 = 1000;
/// Seconds after which a silent connection counts as lost.
const HEARTBEAT_SECONDS: u16 = 10;
const CONNECT_TIMEOUT_MS: u64 = 5000;
/// How often the queue is asked for its length.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// Connects to a plan's broker and begins to consume.
pub(crate) async fn open(opening: Opening, plan: SourcePlan) -> Result<Box<dyn EventSource>, SourceError> {
    let url =
        broker_url(&plan.subscription, &opening.settings, opening.settings.amqp_url.as_ref(), "RabbitMQ")?;
    let mut uri: AMQPUri =
        url.parse().map_err(|_| SourceError("the broker's url is no AMQP URL".to_owned()))?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
    uri.query.connection_timeout.get_or_insert(CONNECT_TIMEOUT_MS);
    let name = format!("callbacks-{}-{}", plan.replica.simple(), plan.consumer);
    let properties = ConnectionProperties::default().with_connection_name(name.as_str().into());
    let connection = Connection::connect_uri(uri, properties).await.map_err(failed)?;
    let channel = connection.create_channel().await.map_err(failed)?;
    let consumer_properties = Properties::of(plan.subscription.consumer_properties.as_ref());
    let prefetch =
        consumer_properties.get(&["prefetch", "prefetch.count"]).and_then(|text| text.parse().ok());
    channel
        .basic_qos(prefetch.unwrap_or(PREFETCH).max(1), BasicQosOptions::default())
        .await
        .map_err(failed)?;
    let queue = plan.subscription.topic_or_queue.as_str();
    let consumer = channel
        .basic_consume(
            queue.into(),
            name.as_str().into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .map_err(failed)?;
    let opened = opening.clock.now().unix_timestamp_nanos();
    Ok(Box::new(RabbitSource {
        connection,
        channel,
        consumer,
        session: format!("{name}-{opened}"),
        queue: Arc::from(queue),
        buffer: Vec::new(),
        receipts: Watermark::default(),
        standing: Standing { connected: true, partitions: vec![queue.to_owned()], ..Standing::default() },
        measured: None,
    }))
}

struct RabbitSource {
    connection: Connection,
    channel: Channel,
    consumer: Consumer,
    /// Names this connection, so that places on it are not mistaken for those of another.
    session: String,
    queue: Arc<str>,
    buffer: Vec<Delivery>,
    /// By batch, its last delivery tag. Tags count up in the order of delivery, so acknowledging one acknowledges all before.
    receipts: Watermark<u64>,
    standing: Standing,
    measured: Option<Instant>,
}

impl RabbitSource {
    async fn take(&mut self, appetite: Appetite) -> Result<SourceBatch, SourceError> {
        if self.buffer.is_empty() {
            let first = self.consumer.next().await;
            self.buffer.push(delivered(first)?);
        }
        let mut octets: usize = self.buffer.iter().map(|one| one.data.len()).sum();
        while self.buffer.len() < appetite.messages && octets < appetite.octets {
            let Some(next) = self.consumer.next().now_or_never() else { break };
            let next = delivered(next)?;
            octets += next.data.len();
            self.buffer.push(next);
        }
        let batch = std::mem::take(&mut self.buffer);
        let last = batch.last().map_or(0, |one| one.delivery_tag);
        let number = self.receipts.begin(last);
        let arrivals = batch.into_iter().map(|one| Arrival::Message(Box::new(self.message(one)))).collect();
        Ok(SourceBatch { number, arrivals })
    }

    fn message(&self, delivery: Delivery) -> SourceMessage {
        let properties = &delivery.properties;
        let text = |text: &Option<ShortString>| text.as_ref().map(|text| text.as_str().to_owned());
        let mut headers = Vec::new();
        let mut offset = None;
        for (name, value) in properties.headers().iter().flat_map(|table| table.inner()) {
            if name.as_str() == "x-stream-offset" {
                offset = plain(value);
            }
            headers.extend(plain(value).map(|value| (name.as_str().to_owned(), Bytes::from(value))));
        }
        let encoding = properties.content_encoding().as_ref();
        headers.extend(
            encoding.map(|text| ("content-encoding".to_owned(), Bytes::from(text.as_str().to_owned()))),
        );
        let seconds = properties.timestamp().and_then(|seconds| i64::try_from(seconds).ok());
        let said = Said {
            id: text(properties.message_id()),
            event_type: text(properties.kind()),
            content_type: text(properties.content_type()),
            time: seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok()),
        };
        let lasting = offset.is_some();
        let position = offset
            .or_else(|| said.id.clone())
            .unwrap_or_else(|| format!("{}-{}", self.session, delivery.delivery_tag));
        let place = Place { topic: Arc::clone(&self.queue), partition: Arc::from(""), position, lasting };
        SourceMessage { place, said, key: None, headers, payload: Some(Bytes::from(delivery.data)) }
    }

    async fn acknowledge(&mut self, number: u64) -> Result<(), SourceError> {
        let Some(last) = self.receipts.settle(number).pop() else { return Ok(()) };
        self.channel.basic_ack(last, BasicAckOptions { multiple: true }).await.map_err(failed)
    }

    async fn measure(&mut self) -> Standing {
        if self.measured.is_none_or(|at| at.elapsed() >= MEASURE_EVERY) {
            self.measured = Some(Instant::now());
            // On a channel of its own: what the broker does not like there must not end the consumer.
            self.standing.lag = self.queue_length().await;
        }
        self.standing.connected = self.connection.status().connected();
        self.standing.clone()
    }

    async fn queue_length(&self) -> Option<i64> {
        let channel = self.connection.create_channel().await.ok()?;
        let asked = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = channel
            .queue_declare(ShortString::from(&*self.queue), asked, FieldTable::default())
            .await
            .ok()?;
        let waiting = i64::from(queue.message_count());
        // An answer is all that was wanted.
        let _closed = channel.close(200, "measured".into()).await;
        Some(waiting)
    }
}

impl EventSource for RabbitSource {
    fn pull(&mut self, appetite: Appetite) -> BoxFuture<'_, Result<SourceBatch, SourceError>> {
        Box::pin(self.take(appetite))
    }

    fn settle(&mut self, number: u64) -> BoxFuture<'_, Result<(), SourceError>> {
        Box::pin(self.acknowledge(number))
    }

    fn standing(&mut self) -> BoxFuture<'_, Standing> {
        Box::pin(self.measure())
    }

    /// What was delivered and not acknowledged goes back to the queue.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let _closed_already = self.connection.close(200, "bye".into()).await;
        })
    }
}

/// A delivery, or why there is none: the connection, the channel or the consumer ended, and all are opened anew.
fn delivered(next: Option<lapin::Result<Delivery>>) -> Result<Delivery, SourceError> {
    match next {
        Some(Ok(delivery)) => Ok(delivery),
        Some(Err(error)) => Err(failed(error)),
        None => Err(SourceError("the broker cancelled the consumer; was the queue deleted?".to_owned())),
    }
}

/// A header's value as text; `None` for tables, arrays and nothing.
fn plain(value: &AMQPValue) -> Option<String> {
    Some(match value {
        AMQPValue::LongString(text) => return std::str::from_utf8(text.as_bytes()).ok().map(str::to_owned),
        AMQPValue::ShortString(text) => text.as_str().to_owned(),
        AMQPValue::Boolean(value) => value.to_string(),
        AMQPValue::ShortShortInt(value) => value.to_string(),
        AMQPValue::ShortShortUInt(value) => value.to_string(),
        AMQPValue::ShortInt(value) => value.to_string(),
        AMQPValue::ShortUInt(value) => value.to_string(),
        AMQPValue::LongInt(value) => value.to_string(),
        AMQPValue::LongUInt(value) => value.to_string(),
        AMQPValue::LongLongInt(value) => value.to_string(),
        AMQPValue::Timestamp(value) => value.to_string(),
        AMQPValue::Float(value) => value.to_string(),
        AMQPValue::Double(value) => value.to_string(),
        _ => return None,
    })
}
