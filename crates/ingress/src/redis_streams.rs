//! Redis Streams: a consumer group, each entry acknowledged after the commit, and entries of dead consumers taken over.
//!
//! An entry is a list of fields. The first of `payload`, `data`, `value`, `body` and `message` that is there is the value,
//! the others are headers; an entry with none of them is a JSON object of its fields.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbacks_core::sources::event_source::{Appetite, EventSource, SourceBatch, SourceError, SourcePlan, Standing};
use callbacks_core::sources::message::{Arrival, Place, Said, SourceMessage};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamInfoConsumersReply, StreamInfoGroupsReply, StreamReadReply};
use redis::{AsyncConnectionConfig, Client, RedisError, Value, cmd};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::connection::{Properties, broker_url, without_credentials};
use crate::registry::Opening;
use crate::watermark::Watermark;

const PAYLOAD_FIELDS: [&str; 5] = ["payload", "data", "value", "body", "message"];
/// An entry nobody acknowledged for this long belongs to a consumer that died, unless `consumerProperties` has another
/// `claim.min.idle.ms`.
const DEAD_AFTER_MS: u64 = 30_000;
const CLAIM_EVERY: Duration = Duration::from_secs(5);
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
    let dead_after_ms = properties.get(&["claim.min.idle.ms"]).and_then(|text| text.parse().ok()).unwrap_or(DEAD_AFTER_MS);
    let reader = Reader { connection: connect(&client).await?, names: names.clone(), block, dead_after_ms, sender };
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
    async fn make_group(&self, connection: &mut MultiplexedConnection, start: &str) -> Result<(), SourceError> {
        let made: Result<(), RedisError> =
            cmd("XGROUP").arg("CREATE").arg(&self.stream).arg(&self.group).arg(start).arg("MKSTREAM").query_async(connection).await;
        match made {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(failed(error)),
            _ => Ok(()),
        }
    }
}

type Entries = Result<Vec<StreamId>, SourceError>;

/// Reads new entries, and those of the dead, one batch ahead of the source.
struct Reader {
    connection: MultiplexedConnection,
    names: Names,
    block: Duration,
    dead_after_ms: u64,
    sender: mpsc::Sender<Entries>,
}

/// Most entries of one read.
const READ_SIZE: usize = 500;

impl Reader {
    async fn run(mut self) {
        let (mut claimed, mut cursor) = (None::<Instant>, "0-0".to_owned());
        // First what this consumer was given before its connection broke.
        let mut own = Some("0".to_owned());
        loop {
            let claim = claimed.is_none_or(|at| at.elapsed() >= CLAIM_EVERY);
            let entries = if let Some(after) = own.take() {
                let found = self.read(&after).await;
                own = found.as_ref().ok().and_then(|entries| entries.last()).map(|entry| entry.id.clone());
                found
            } else if claim {
                let found = self.claim(&mut cursor).await;
                // On with the next part at once, until the end of the list.
                if cursor == "0-0" {
                    claimed = Some(Instant::now());
                }
                found
            } else {
                self.read(">").await
            };
            let ended = entries.is_err();
            if entries.as_ref().is_ok_and(Vec::is_empty) {
                continue;
            }
            if self.sender.send(entries).await.is_err() || ended {
                return;
            }
        }
    }

    /// Entries nobody was given yet (`>`), or those of this consumer after an id.
    async fn read(&mut self, after: &str) -> Entries {
        let Names { stream, group, consumer } = &self.names;
        let block = self.block.min(RESPONSE_TIMEOUT / 2).as_millis() as u64;
        let reply: Option<StreamReadReply> = cmd("XREADGROUP")
            .arg("GROUP").arg(group).arg(consumer)
            .arg("COUNT").arg(READ_SIZE)
            .arg("BLOCK").arg(block)
            .arg("STREAMS").arg(stream).arg(after)
            .query_async(&mut self.connection)
            .await
            .map_err(failed)?;
        Ok(reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect())
    }

    async fn claim(&mut self, cursor: &mut String) -> Entries {
        let Names { stream, group, consumer } = &self.names;
        let reply: StreamAutoClaimReply = cmd("XAUTOCLAIM")
            .arg(stream).arg(group).arg(consumer).arg(self.dead_after_ms).arg(&*cursor)
            .arg("COUNT").arg(READ_SIZE)
            .query_async(&mut self.connection)
            .await
            .map_err(failed)?;
        cursor.clone_from(&reply.next_stream_id);
        Ok(reply.claimed)
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
            arrivals.push(Arrival::Message(message(entry, &self.topic)));
        }
        Ok(SourceBatch { number: self.receipts.begin(ids), arrivals })
    }

    async fn acknowledge(&mut self, number: u64) -> Result<(), SourceError> {
        let ids: Vec<String> = self.receipts.settle(number).into_iter().flatten().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let Names { stream, group, .. } = &self.names;
        let _acknowledged: i64 = cmd("XACK").arg(stream).arg(group).arg(&ids).query_async(&mut self.connection).await.map_err(failed)?;
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
        let groups: StreamInfoGroupsReply = cmd("XINFO").arg("GROUPS").arg(&self.names.stream).query_async(&mut self.connection).await.ok()?;
        let group = groups.groups.into_iter().find(|group| group.name == self.names.group)?;
        i64::try_from(group.lag.unwrap_or_default() + group.pending).ok()
    }

    /// Only those that hold nothing: the entries of a deleted consumer could never be claimed.
    async fn forget_the_dead(&mut self) {
        let Names { stream, group, consumer } = &self.names;
        let asked: Result<StreamInfoConsumersReply, _> = cmd("XINFO").arg("CONSUMERS").arg(stream).arg(group).query_async(&mut self.connection).await;
        for known in asked.map(|reply| reply.consumers).unwrap_or_default() {
            if known.name != *consumer && known.name.starts_with("callbacks-") && known.pending == 0 && known.idle > FORGOTTEN_AFTER_MS {
                let _forgotten: Result<i64, _> =
                    cmd("XGROUP").arg("DELCONSUMER").arg(stream).arg(group).arg(&known.name).query_async(&mut self.connection).await;
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

fn size(entry: &StreamId) -> usize {
    entry.map.values().filter_map(octets).map(|value| value.len()).sum()
}

fn octets(value: &Value) -> Option<Bytes> {
    match value {
        Value::BulkString(octets) => Some(Bytes::copy_from_slice(octets)),
        Value::SimpleString(text) => Some(Bytes::copy_from_slice(text.as_bytes())),
        Value::VerbatimString { text, .. } => Some(Bytes::copy_from_slice(text.as_bytes())),
        Value::Int(number) => Some(Bytes::from(number.to_string())),
        _ => None,
    }
}

fn message(entry: StreamId, topic: &Arc<str>) -> SourceMessage {
    let mut fields: BTreeMap<String, Bytes> = entry.map.iter().filter_map(|(name, value)| Some((name.clone(), octets(value)?))).collect();
    let named = PAYLOAD_FIELDS.iter().find_map(|name| fields.remove(*name));
    let payload = named.unwrap_or_else(|| object(&fields));
    let time = entry.id.split_once('-').and_then(|(millis, _)| millis.parse::<i128>().ok());
    let time = time.and_then(|millis| OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000).ok());
    SourceMessage {
        place: Place { topic: Arc::clone(topic), partition: Arc::from(""), position: entry.id, lasting: true },
        said: Said { time, ..Said::default() },
        key: None,
        headers: fields.into_iter().collect(),
        payload: Some(payload),
    }
}

/// Fields as a JSON object of texts.
fn object(fields: &BTreeMap<String, Bytes>) -> Bytes {
    let texts: BTreeMap<&str, std::borrow::Cow<'_, str>> =
        fields.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value))).collect();
    serde_json::to_vec(&texts).map(Bytes::from).unwrap_or_default()
}

fn failed(error: RedisError) -> SourceError {
    SourceError(without_credentials(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fields: &[(&str, &str)]) -> StreamId {
        let map = fields.iter().map(|(name, value)| ((*name).to_owned(), Value::BulkString(value.as_bytes().to_vec()))).collect();
        StreamId { id: "1700000000000-3".to_owned(), map, ..StreamId::default() }
    }

    #[test]
    fn one_field_is_the_value_and_the_others_are_headers() {
        let made = message(entry(&[("data", "{\"a\": 1}"), ("type", "order.created")]), &Arc::from("orders"));
        assert_eq!(made.payload.as_deref(), Some(&b"{\"a\": 1}"[..]));
        assert_eq!(made.headers, [("type".to_owned(), Bytes::from("order.created"))]);
        assert_eq!((made.place.position.as_str(), made.said.time.is_some()), ("1700000000000-3", true));
    }

    #[test]
    fn fields_alone_are_an_object() {
        let made = message(entry(&[("type", "t"), ("amount", "5")]), &Arc::from("orders"));
        assert_eq!(made.payload.as_deref(), Some(&br#"{"amount":"5","type":"t"}"#[..]));
    }
}
