//! A topic of a Kafka broker, and the producers that fill it. The broker's processor time is taken from the service too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext};

use crate::event_bytes::{SEQUENCE_MARK, SEQUENCE_WIDTH, payload};
use crate::ledger::Ledger;

/// Partitions of a topic.
const PARTITIONS: i32 = 4;
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause when the producer's queue is full, and between two looks at an open loop's clock.
const BREATH: Duration = Duration::from_millis(1);

/// A topic made for one scenario.
#[derive(Clone)]
pub(crate) struct Topic {
    pub(crate) name: String,
    servers: String,
    event_type: String,
}

/// Notes what the broker has acknowledged.
struct Noting(Arc<Ledger>);

impl ClientContext for Noting {}

impl ProducerContext for Noting {
    /// The record's number in the ledger.
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, sequence: Box<usize>) {
        if result.is_ok() {
            self.0.note_accepted(*sequence, 1);
        }
    }
}

impl Topic {
    /// Makes one, for events of this type.
    pub(crate) async fn create(servers: &str, event_type: &str) -> Result<Self> {
        let name = format!("bench-{}", uuid::Uuid::now_v7().simple());
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", servers).create()?;
        let topic = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(1));
        let made = admin.create_topics(&[topic], &AdminOptions::new()).await?;
        ensure!(made.iter().all(Result::is_ok), "making a topic: {made:?}");
        Ok(Self { name, servers: servers.to_owned(), event_type: event_type.to_owned() })
    }

    /// Sends so many records as fast as the broker takes them.
    pub(crate) fn fill(&self, records: usize, ledger: &Arc<Ledger>) -> Result<()> {
        let mut sender = Sender::open(self, ledger)?;
        for _ in 0..records {
            let now = ledger.now();
            sender.send(now)?;
        }
        sender.close()
    }

    /// Sends so many records a second, on a thread of its own, until stopped.
    pub(crate) fn flow(&self, rate: f64, ledger: &Arc<Ledger>) -> Result<Flow> {
        let mut sender = Sender::open(self, ledger)?;
        let stopped = Arc::new(AtomicBool::new(false));
        let (stop, clock) = (Arc::clone(&stopped), Arc::clone(ledger));
        let thread = std::thread::Builder::new().name("kafka-producer".to_owned()).spawn(move || {
            let start = Instant::now();
            let mut sent = 0_u64;
            while !stop.load(Relaxed) {
                let due = (start.elapsed().as_secs_f64() * rate) as u64;
                while sent < due {
                    sender.send(clock.at(start + Duration::from_secs_f64(sent as f64 / rate)))?;
                    sent += 1;
                }
                std::thread::sleep(BREATH);
            }
            sender.close()
        })?;
        Ok(Flow { thread, stopped })
    }
}

/// A flow of records under way.
pub(crate) struct Flow {
    thread: JoinHandle<Result<()>>,
    stopped: Arc<AtomicBool>,
}

impl Flow {
    /// Ends it when everything sent is acknowledged.
    pub(crate) fn stop(self) -> Result<()> {
        self.stopped.store(true, Relaxed);
        self.thread.join().map_err(|_panic| anyhow!("the producer panicked"))?
    }
}

struct Sender {
    producer: ThreadedProducer<Noting>,
    topic: Topic,
    value: Vec<u8>,
    ledger: Arc<Ledger>,
}

impl Sender {
    fn open(topic: &Topic, ledger: &Arc<Ledger>) -> Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &topic.servers)
            .set("linger.ms", "2")
            .set("message.timeout.ms", "60000")
            .create_with_context(Noting(Arc::clone(ledger)))?;
        let (topic, ledger) = (topic.clone(), Arc::clone(ledger));
        Ok(Self { producer, topic, value: payload().into_bytes(), ledger })
    }

    fn send(&mut self, due: u64) -> Result<()> {
        let sequence = self.ledger.reserve(1).context("the ledger is full")?;
        self.ledger.note_sent(sequence, due);
        let digits = format!("{sequence:0SEQUENCE_WIDTH$}");
        let mark = SEQUENCE_MARK.len();
        self.value[mark..mark + SEQUENCE_WIDTH].copy_from_slice(digits.as_bytes());
        let headers = || {
            let header = Header { key: "eventType", value: Some(self.topic.event_type.as_str()) };
            OwnedHeaders::new().insert(header)
        };
        let mut record = BaseRecord::with_opaque_to(&self.topic.name, Box::new(sequence))
            .payload(self.value.as_slice())
            .key(digits.as_str())
            .headers(headers());
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    std::thread::sleep(BREATH);
                    record = again;
                }
                Err((error, _)) => return Err(error).context("sending a record"),
            }
        }
    }

    fn close(self) -> Result<()> {
        self.producer.flush(PATIENCE).context("the broker did not acknowledge everything")
    }
}
