//! Redis Streams: a consumer group, each entry acknowledged after the commit, and entries of dead consumers taken over.

mod entry;
mod reader;

use std::sync::Arc;
use std::time::Duration;

use callbacks_core::sources::event_source::{
    Appetite, EventSource, SourceBatch, SourceError, SourcePlan, Standing,
};
use callbacks_core::sources::message::Arrival;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamInfoConsumersReply, StreamInfoGroupsReply};
use redis::{AsyncConnectionConfig, Client, RedisError, cmd};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::entry::{message, size};
use self::reader::{Entries, Reader};
use crate::connection::{Properties, broker_url, failed};
use crate::registry::Opening;
use crate::watermark::Watermark;

/// An entry nobody acknowledged for this long belongs to a consumer that died, unless `consumerProperties` has another
/// `claim.min.idle.ms`.
const DEAD_AFTER_MS: u64 = 30_000;
const MEASURE_EVERY: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// A consumer without entries that said nothing for this long is forgotten: replicas name theirs anew at every start.
const FORGOTTEN_AFTER_MS: usize = 3_600_000;

/// Connects to a plan's server and begins to read.
pub(crate) async fn open(opening: Opening, plan: SourcePlan) -> Result<Box<dyn EventSource>, SourceError> {
    let subscription = &plan.subscription;
    let url = broker_url(subscription, &opening.settings, opening.settings.redis_url.as_ref(), "Redis")?;
    let client = Client::open(url).map_err(|_| SourceError("the broker's url is no Redis URL".to_owned()))?;
    let group = subscription.consumer_group_id.clone().filter(|group| !group.trim().is_empty());
    let names = Names {
        stream: subscription.topic_or_queue.trim().to_owned(),
        group: group.unwrap_or_else(|| opening.settings.consumer_group.clone()),
        consumer: format!("callbacks-{}-{}", plan.replica.simple(), plan.consumer),
    };
    let properties = Properties::of(subscription.consumer_properties.as_ref());
    let start = if properties.get(&["auto.offset.reset"]) == Some("latest") { "$" } else { "0" };
    let mut connection = connect(&client).await?;
    names.make_group(&mut connection, start).await?;
    // Blocking reads hold a connection for themselves. They go on in a task: a read that is dropped would leave its entries
    // with a consumer that never saw them.
    let (sender, entries) = mpsc::channel(1);
    let block = Duration::from_millis(u64::try_from(subscription.polling_interval_ms).unwrap_or(1000));
    let dead_after_ms =
        properties.get(&["claim.min.idle.ms"]).and_then(|text| text.parse().ok()).unwrap_or(DEAD_AFTER_MS);
    let reader =
        Reader { connection: connect(&client).await?, names: names.clone(), block, dead_after_ms, sender };
    Ok(Box::new(RedisSource {
        connection,
        standing: Standing { connected: true, partitions: vec![names.stream.clone()], ..Standing::default() },
        topic: Arc::from(names.stream.as_str()),
        names,
        entries,
        reading: tokio::spawn(reader.run()),
        buffer: Vec::new(),
        receipts: Watermark::default(),
        measured: None,
    }))
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, SourceError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    client.get_multiplexed_async_connection_with_config(&config).await.map_err(failed)
}

#[derive(Clone)]
struct Names {
    stream: String,
    group: String,
    consumer: String,
}

impl Names {
    /// Makes the group, and the stream with it; a group that is there already stays as it is.
    async fn make_group(
        &self,
        connection: &mut MultiplexedConnection,
        start: &str,
    ) -> Result<(), SourceError> {
        let made: Result<(), RedisError> = cmd("XGROUP")
            .arg("CREATE")
            .arg(&self.stream)
            .arg(&self.group)
            .arg(start)
            .arg("MKSTREAM")
            .query_async(connection)
            .await;
        match made {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(failed(error)),
            _ => Ok(()),
        }
    }
}

struct RedisSource {
    connection: MultiplexedConnection,
    names: Names,
    topic: Arc<str>,
    entries: mpsc::Receiver<Entries>,
    reading: JoinHandle<()>,
    buffer: Vec<StreamId>,
    receipts: Watermark<Vec<String>>,
    standing: Standing,
    measured: Option<Instant>,
}

impl RedisSource {
    async fn take(&mut self, appetite: Appetite) -> Result<SourceBatch, SourceError> {
        while self.buffer.is_empty() {
            let next = self.entries.recv().await;
            self.buffer.extend(next.ok_or_else(|| SourceError("the reader ended".to_owned()))??);
        }
        if self.buffer.len() < appetite.messages
            && let Some(Some(Ok(more))) = self.entries.recv().now_or_never()
        {
            self.buffer.extend(more);
        }
        let (mut octets, mut ids, mut arrivals) = (0, Vec::new(), Vec::new());
        let most = self.buffer.len().min(appetite.messages);
        let within = self.buffer.iter().take(most).take_while(|entry| {
            let fits = octets < appetite.octets;
            octets += size(entry);
            fits
        });
        let many = within.count().max(1);
        for entry in self.buffer.drain(..many) {
            ids.push(entry.id.clone());
            arrivals.push(Arrival::Message(Box::new(message(entry, &self.topic))));
        }
        Ok(SourceBatch { number: self.receipts.begin(ids), arrivals })
    }

    async fn acknowledge(&mut self, number: u64) -> Result<(), SourceError> {
        let ids: Vec<String> = self.receipts.settle(number).into_iter().flatten().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let Names { stream, group, .. } = &self.names;
        let _acknowledged: i64 = cmd("XACK")
            .arg(stream)
            .arg(group)
            .arg(&ids)
            .query_async(&mut self.connection)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn measure(&mut self) -> Standing {
        if self.measured.is_none_or(|at| at.elapsed() >= MEASURE_EVERY) {
            self.measured = Some(Instant::now());
            self.standing.lag = self.lag().await;
            self.standing.connected = self.standing.lag.is_some();
            self.forget_the_dead().await;
        }
        self.standing.clone()
    }

    async fn lag(&mut self) -> Option<i64> {
        let groups: StreamInfoGroupsReply = cmd("XINFO")
            .arg("GROUPS")
            .arg(&self.names.stream)
            .query_async(&mut self.connection)
            .await
            .ok()?;
        let group = groups.groups.into_iter().find(|group| group.name == self.names.group)?;
        i64::try_from(group.lag.unwrap_or_default() + group.pending).ok()
    }

    /// Only those that hold nothing: the entries of a deleted consumer could never be claimed.
    async fn forget_the_dead(&mut self) {
        let Names { stream, group, consumer } = &self.names;
        let asked: Result<StreamInfoConsumersReply, _> =
            cmd("XINFO").arg("CONSUMERS").arg(stream).arg(group).query_async(&mut self.connection).await;
        for known in asked.map(|reply| reply.consumers).unwrap_or_default() {
            if known.name != *consumer
                && known.name.starts_with("callbacks-")
                && known.pending == 0
                && known.idle > FORGOTTEN_AFTER_MS
            {
                let _forgotten: Result<i64, _> = cmd("XGROUP")
                    .arg("DELCONSUMER")
                    .arg(stream)
                    .arg(group)
                    .arg(&known.name)
                    .query_async(&mut self.connection)
                    .await;
            }
        }
    }
}

impl EventSource for RedisSource {
    fn pull(&mut self, appetite: Appetite) -> BoxFuture<'_, Result<SourceBatch, SourceError>> {
        Box::pin(self.take(appetite))
    }

    fn settle(&mut self, number: u64) -> BoxFuture<'_, Result<(), SourceError>> {
        Box::pin(self.acknowledge(number))
    }

    fn standing(&mut self) -> BoxFuture<'_, Standing> {
        Box::pin(self.measure())
    }

    /// What was read and not acknowledged is taken over by another consumer.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.reading.abort();
        })
    }
}

impl Drop for RedisSource {
    fn drop(&mut self) {
        self.reading.abort();
    }
}
