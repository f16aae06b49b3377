//! The producer: keep-alive connections on one thread, each sending prebuilt requests and reading the answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::event_bytes::RequestTemplate;
use crate::ledger::Ledger;
use crate::pace::{Pace, Pacer};
use crate::wire_head::{Head, status};

const BUFFER_BYTES: usize = 256 * 1024;
/// Pause after a refusal, so that a closed loop does not become a flood of refused requests.
const AFTER_REFUSAL: Duration = Duration::from_millis(5);

/// What to send.
#[derive(Clone)]
pub(crate) struct Load {
    /// Connections, each with at most one request under way.
    pub(crate) connections: usize,
    /// Whether answers pace the requests or a clock does.
    pub(crate) pace: Pace,
    /// One request a topic; event `n` is of topic `n % topics` (a batch is of one topic).
    pub(crate) templates: Vec<RequestTemplate>,
}

/// A load under way on its own thread.
pub(crate) struct RunningLoad {
    thread: JoinHandle<Result<()>>,
    gate: Arc<Gate>,
}

struct Gate {
    stopped: AtomicBool,
    refused: AtomicU64,
    pacer: Pacer,
    ledger: Arc<Ledger>,
}

impl RunningLoad {
    /// Starts sending to `address`, until stopped or until the ledger is full.
    pub(crate) fn start(address: SocketAddr, load: Load, ledger: Arc<Ledger>) -> Result<Self> {
        let pacer = Pacer::start(load.pace)?;
        let gate =
            Arc::new(Gate { stopped: AtomicBool::new(false), refused: AtomicU64::new(0), pacer, ledger });
        let shared = Arc::clone(&gate);
        let thread = std::thread::Builder::new().name("producer".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(send_all(address, load, shared))
        })?;
        Ok(Self { thread, gate })
    }

    /// Whether every connection has ended (the ledger is full, or something failed).
    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Requests answered with anything but 202.
    pub(crate) fn refused(&self) -> u64 {
        self.gate.refused.load(Relaxed)
    }

    /// Lets the requests under way finish and returns how many were refused.
    pub(crate) fn stop(self) -> Result<u64> {
        self.gate.stopped.store(true, Relaxed);
        self.gate.pacer.stop();
        self.thread.join().map_err(|_panic| anyhow!("the producer panicked"))??;
        Ok(self.gate.refused.load(Relaxed))
    }
}

async fn send_all(address: SocketAddr, load: Load, gate: Arc<Gate>) -> Result<()> {
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..load.connections {
        connections.spawn(send(address, load.templates.clone(), Arc::clone(&gate)));
    }
    while let Some(ended) = connections.join_next().await {
        if let Err(error) = ended? {
            gate.stopped.store(true, Relaxed);
            gate.pacer.stop();
            return Err(error);
        }
    }
    Ok(())
}

async fn send(address: SocketAddr, mut templates: Vec<RequestTemplate>, gate: Arc<Gate>) -> Result<()> {
    let mut stream = TcpStream::connect(address).await.context("connecting to the service")?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let (batch, topics) = (templates[0].events(), templates.len());
    while !gate.stopped.load(Relaxed) && gate.pacer.permit().await {
        let Some(first) = gate.ledger.reserve(batch) else {
            return Ok(());
        };
        let due = gate.ledger.at(gate.pacer.due_at(first / batch));
        for sequence in first..first + batch {
            gate.ledger.note_sent(sequence, due);
        }
        stream.write_all(templates[first % topics].numbered(first)).await?;
        if answer(&mut stream, &mut buffer).await? == 202 {
            gate.ledger.note_accepted(first, batch);
        } else {
            gate.refused.fetch_add(1, Relaxed);
            tokio::time::sleep(AFTER_REFUSAL).await;
        }
    }
    Ok(())
}

/// Reads one whole answer and returns its status.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<u16> {
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await? {
            0 => bail!("the service closed a connection in mid-answer"),
            read => filled += read,
        }
        if let Some(head) = Head::parse(&buffer[..filled])?
            && filled >= head.total()
        {
            return Ok(status(buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service that answers every request with `status`.
    fn stub(status_line: &'static str) -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("has an address");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("accepts");
                std::thread::spawn(move || answer_all(stream, status_line));
            }
        });
        address
    }

    fn answer_all(mut stream: std::net::TcpStream, status_line: &str) {
        use std::io::{Read as _, Write as _};
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut filled = 0;
        while let Ok(read @ 1..) = stream.read(&mut buffer[filled..]) {
            filled += read;
            let head = Head::parse(&buffer[..filled]).expect("parses");
            if head.is_some_and(|head| head.total() == filled) {
                filled = 0;
                let answer = format!("HTTP/1.1 {status_line}\r\ncontent-length: 2\r\n\r\n{{}}");
                stream.write_all(answer.as_bytes()).expect("writes");
            }
        }
    }

    fn load(pace: Pace, template: RequestTemplate) -> Load {
        Load { connections: 4, pace, templates: vec![template] }
    }

    #[test]
    fn a_closed_loop_of_batches_fills_the_ledger() {
        let ledger = Arc::new(Ledger::new(1_000, 1));
        let load = load(Pace::Closed, RequestTemplate::batch("bench.test", 10, None));
        let running = RunningLoad::start(stub("202 Accepted"), load, Arc::clone(&ledger)).expect("starts");
        running.thread.join().expect("does not panic").expect("no request fails");
        assert_eq!(ledger.accepted_count(), 1_000);
    }

    #[test]
    fn an_open_loop_keeps_its_rate_and_stops_when_told() {
        let ledger = Arc::new(Ledger::new(10_000, 1));
        let load = load(Pace::Open(1_000.0), RequestTemplate::single("bench.test", None));
        let running = RunningLoad::start(stub("202 Accepted"), load, Arc::clone(&ledger)).expect("starts");
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(running.stop().expect("stops"), 0);
        let accepted = ledger.accepted_count();
        assert!((250..=750).contains(&accepted), "{accepted} in half a second at 1,000/s");
    }

    #[test]
    fn a_refusal_is_counted_and_not_taken_for_acceptance() {
        let ledger = Arc::new(Ledger::new(10_000, 1));
        let load = load(Pace::Closed, RequestTemplate::single("bench.test", None));
        let address = stub("503 Service Unavailable");
        let running = RunningLoad::start(address, load, Arc::clone(&ledger)).expect("starts");
        std::thread::sleep(Duration::from_millis(100));
        assert!(running.stop().expect("stops") > 0);
        assert_eq!(ledger.accepted_count(), 0);
    }
}
