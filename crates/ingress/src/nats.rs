//! NATS JetStream: a durable pull consumer, each message acknowledged after the commit.
//!
//! A message that is not acknowledged within `ACK_WAIT` comes again, without a limit, and is recognised by its sequence.
//! JetStream itself loses what it acknowledged to a producer when it is killed, unless it runs with `sync_interval: always`.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::{self, Stream};
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy};
use async_nats::jetstream::message::Acker;
use async_nats::jetstream::stream::Stream as JetStream;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions};
use bytes::Bytes;
use callbacks_core::sources::event_source::{
    Appetite, EventSource, SourceBatch, SourceError, SourcePlan, Standing,
};
use callbacks_core::sources::message::{Arrival, Place, Said, SourceMessage};
use callbacks_interfaces::event_subscription::EventSubscription;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;

use crate::connection::{Properties, broker_url, failed};
use crate::registry::Opening;
use crate::watermark::Watermark;

/// After this long without an acknowledgement a message is delivered again, unless `consumerProperties` of a new consumer
/// has another `ack.wait.ms`.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// Messages delivered and not acknowledged, over all replicas.
const MAX_ACK_PENDING: i64 = 20_000;
/// How long one request for messages stands, and how soon a dead connection is noticed.
const REQUEST_LIFE: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// Most messages asked for at a time.
const REQUEST_SIZE: usize = 500;

/// Connects to a plan's server and begins to pull.
pub(crate) async fn open(opening: Opening, plan: SourcePlan) -> Result<Box<dyn EventSource>, SourceError> {
    let subscription = &plan.subscription;
    let url = broker_url(subscription, &opening.settings, opening.settings.nats_url.as_ref(), "NATS")?;
    let servers: Vec<async_nats::ServerAddr> = url
        .split(',')
        .map(|one| one.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| SourceError("the broker's url is no NATS URL".to_owned()))?;
    let name = format!("callbacks-{}-{}", plan.replica.simple(), plan.consumer);
    let client = options(subscription)?.name(name).connect(servers).await.map_err(failed)?;
    let context = jetstream::new(client.clone());
    let (stream, filter) = stream_of(&context, subscription).await?;
    let consumer = consumer_of(&stream, &opening, subscription, filter).await?;
    let messages = consumer
        .stream()
        .max_messages_per_batch(REQUEST_SIZE)
        .expires(REQUEST_LIFE)
        .heartbeat(HEARTBEAT)
        .messages()
        .await
        .map_err(failed)?;
    let stream_name = consumer.cached_info().stream_name.clone();
    Ok(Box::new(NatsSource {
        client,
        consumer,
        messages,
        standing: Standing { connected: true, partitions: vec![stream_name.clone()], ..Standing::default() },
        stream: Arc::from(stream_name),
        buffer: Vec::new(),
        receipts: Watermark::default(),
        measured: None,
    }))
}

fn options(subscription: &EventSubscription) -> Result<ConnectOptions, SourceError> {
    let own = Properties::of(subscription.connection_config.as_ref());
    // A lost connection ends the source, which is opened anew; nothing is gained by two who try.
    let mut options = ConnectOptions::new().connection_timeout(CONNECT_TIMEOUT).max_reconnects(1);
    if let (Some(user), Some(password)) = (own.get(&["username", "user"]), own.get(&["password"])) {
        options = options.user_and_password(user.to_owned(), password.to_owned());
    }
    if let Some(token) = own.get(&["token"]) {
        options = options.token(token.to_owned());
    }
    match own.get(&["credentials", "creds"]) {
        Some(credentials) => options
            .credentials(credentials)
            .map_err(|_| SourceError("connectionConfig.credentials is no NATS credentials file".to_owned())),
        None => Ok(options),
    }
}

/// The stream and, where only a part of it is wanted, the subject. `topicOrQueue` is a stream's name or a subject.
async fn stream_of(
    context: &Context,
    subscription: &EventSubscription,
) -> Result<(JetStream, Option<String>), SourceError> {
    let topic = subscription.topic_or_queue.trim();
    let named = Properties::of(subscription.consumer_properties.as_ref());
    if let Some(stream) = named.get(&["stream"]) {
        let stream = context.get_stream(stream).await.map_err(failed)?;
        return Ok((stream, Some(topic.to_owned())));
    }
    if !topic.contains(['.', '*', '>'])
        && let Ok(stream) = context.get_stream(topic).await
    {
        return Ok((stream, None));
    }
    let missing = |error: String| {
        SourceError(format!("no stream is named {topic} or has the subject {topic}: {error}"))
    };
    let name = context.stream_by_subject(topic).await.map_err(|error| missing(error.to_string()))?;
    let stream = context.get_stream(&name).await.map_err(failed)?;
    Ok((stream, Some(topic.to_owned())))
}

/// The durable consumer: the one of that name, or a new one. A subject is part of the name, so that one group may read
/// several subjects of a stream.
async fn consumer_of(
    stream: &JetStream,
    opening: &Opening,
    subscription: &EventSubscription,
    filter: Option<String>,
) -> Result<Consumer<pull::Config>, SourceError> {
    let group = subscription.consumer_group_id.as_deref().filter(|group| !group.trim().is_empty());
    let group = group.unwrap_or(&opening.settings.consumer_group);
    let durable = consumer_name(group, filter.as_deref());
    let properties = Properties::of(subscription.consumer_properties.as_ref());
    let deliver_policy = match properties.get(&["auto.offset.reset", "deliver.policy"]) {
        Some("latest" | "new") => DeliverPolicy::New,
        _ => DeliverPolicy::All,
    };
    let ack_wait = properties
        .get(&["ack.wait.ms"])
        .and_then(|text| text.parse().ok())
        .map_or(ACK_WAIT, Duration::from_millis);
    let config = pull::Config {
        durable_name: Some(durable.clone()),
        filter_subject: filter.unwrap_or_default(),
        deliver_policy,
        ack_policy: AckPolicy::Explicit,
        ack_wait,
        max_ack_pending: MAX_ACK_PENDING,
        ..pull::Config::default()
    };
    stream.get_or_create_consumer(&durable, config).await.map_err(failed)
}

/// Names of consumers have no dots, wildcards or blanks.
fn consumer_name(group: &str, filter: Option<&str>) -> String {
    let fit = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' })
            .collect()
    };
    match filter {
        None => fit(group),
        Some(subject) => {
            // Subjects that look alike once made fit are told apart.
            let exact = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, subject.as_bytes());
            let short: String = exact.simple().to_string().chars().take(8).collect();
            format!("{}-{}-{short}", fit(group), fit(subject))
        }
    }
}

struct NatsSource {
    client: Client,
    consumer: Consumer<pull::Config>,
    messages: Stream,
    stream: Arc<str>,
    buffer: Vec<jetstream::Message>,
    receipts: Watermark<Vec<Acker>>,
    standing: Standing,
    measured: Option<Instant>,
}

impl NatsSource {
    async fn take(&mut self, appetite: Appetite) -> Result<SourceBatch, SourceError> {
        if self.buffer.is_empty() {
            let first = self.messages.next().await;
            self.buffer.push(delivered(first)?);
        }
        let mut octets: usize = self.buffer.iter().map(|one| one.payload.len()).sum();
        while self.buffer.len() < appetite.messages && octets < appetite.octets {
            let Some(next) = self.messages.next().now_or_never() else { break };
            let next = delivered(next)?;
            octets += next.payload.len();
            self.buffer.push(next);
        }
        let (mut arrivals, mut ackers) =
            (Vec::with_capacity(self.buffer.len()), Vec::with_capacity(self.buffer.len()));
        for message in self.buffer.drain(..) {
            arrivals.push(Arrival::Message(Box::new(copied(&message, &self.stream)?)));
            ackers.push(message.split().1);
        }
        Ok(SourceBatch { number: self.receipts.begin(ackers), arrivals })
    }

    async fn acknowledge(&mut self, number: u64) -> Result<(), SourceError> {
        let ackers: Vec<Acker> = self.receipts.settle(number).into_iter().flatten().collect();
        if ackers.is_empty() {
            return Ok(());
        }
        for acker in &ackers {
            acker.ack().await.map_err(failed)?;
        }
        self.client.flush().await.map_err(failed)
    }

    async fn measure(&mut self) -> Standing {
        if self.measured.is_none_or(|at| at.elapsed() >= MEASURE_EVERY) {
            self.measured = Some(Instant::now());
            self.standing.lag = match self.consumer.get_info().await {
                Ok(info) => i64::try_from(info.num_pending + info.num_ack_pending as u64).ok(),
                Err(_) => None,
            };
        }
        self.standing.connected = self.client.connection_state() == async_nats::connection::State::Connected;
        self.standing.clone()
    }
}

impl EventSource for NatsSource {
    fn pull(&mut self, appetite: Appetite) -> BoxFuture<'_, Result<SourceBatch, SourceError>> {
        Box::pin(self.take(appetite))
    }

    fn settle(&mut self, number: u64) -> BoxFuture<'_, Result<(), SourceError>> {
        Box::pin(self.acknowledge(number))
    }

    fn standing(&mut self) -> BoxFuture<'_, Standing> {
        Box::pin(self.measure())
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // Acknowledgements are written before the connection ends.
            let _flushed = self.client.flush().await;
            let _drained = self.client.drain().await;
        })
    }
}

fn delivered<E: std::fmt::Display>(
    next: Option<Result<jetstream::Message, E>>,
) -> Result<jetstream::Message, SourceError> {
    match next {
        Some(Ok(message)) => Ok(message),
        Some(Err(error)) => Err(failed(error)),
        None => Err(SourceError("the server ended the consumer".to_owned())),
    }
}

fn copied(message: &jetstream::Message, stream: &Arc<str>) -> Result<SourceMessage, SourceError> {
    let info = message.info().map_err(failed)?;
    let headers: Vec<(String, Bytes)> = message
        .headers
        .iter()
        .flat_map(async_nats::HeaderMap::iter)
        .flat_map(|(name, values)| {
            values
                .iter()
                .map(move |value| (name.to_string(), Bytes::copy_from_slice(value.as_str().as_bytes())))
        })
        .collect();
    let id = message.headers.as_ref().and_then(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID));
    Ok(SourceMessage {
        place: Place {
            topic: Arc::clone(stream),
            partition: Arc::from(""),
            position: info.stream_sequence.to_string(),
            lasting: true,
        },
        said: Said { id: id.map(|id| id.as_str().to_owned()), time: Some(info.published), ..Said::default() },
        key: None,
        headers,
        payload: Some(message.payload.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_consumers_are_fit_and_stay_apart() {
        assert_eq!(consumer_name("callbacks-mgmt-consumer", None), "callbacks-mgmt-consumer");
        let (star, dot) =
            (consumer_name("my group", Some("orders.*")), consumer_name("my group", Some("orders._")));
        assert!(star.starts_with("my_group-orders__-"), "{star}");
        assert_ne!(star, dot);
    }
}
