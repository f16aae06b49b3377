//! Clients that mean harm: thousands that never finish a request, and floods over HTTP/2. What they cost the others is
//! measured by the load beside them, and by whoever comes anew.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Who besieges the service.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Siege {
    /// So many connections that send a line of a head every other second, and begin anew when they are closed.
    SlowHeads(usize),
    /// So many connections of each kind of flood.
    Http2Floods(usize),
}

/// Pause between two lines of a head that never ends.
const LINE_EVERY: Duration = Duration::from_secs(2);
/// How long the besiegers take to arrive, as one machine cannot make all connections at once.
const ARRIVAL: Duration = Duration::from_secs(3);
/// Pause between two who come anew.
const NEWCOMER_EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);
const PROBE: &[u8] = b"GET /actuator/health/liveness HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// A siege under way. Those who come anew have a thread of their own, so that they do not wait for the besiegers.
pub(crate) struct RunningSiege {
    besiegers: JoinHandle<Result<()>>,
    newcomers: JoinHandle<Result<Vec<Duration>>>,
    stopped: Arc<AtomicBool>,
}

impl RunningSiege {
    pub(crate) fn start(address: SocketAddr, siege: Siege) -> Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        let besiegers = on_a_thread("siege", async move {
            besiege(address, siege);
            // Whoever is still at it then ends with the runtime.
            while !seen.load(Relaxed) {
                sleep(NEWCOMER_EVERY).await;
            }
        })?;
        let newcomers = on_a_thread("newcomers", newcomers(address, Arc::clone(&stopped)))?;
        Ok(Self { besiegers, newcomers, stopped })
    }

    /// Ends it and tells in words how long those had to wait who came anew.
    pub(crate) fn stop(self) -> Result<String> {
        self.stopped.store(true, Relaxed);
        self.besiegers.join().map_err(|_panic| anyhow!("the besiegers panicked"))??;
        let mut waits = self.newcomers.join().map_err(|_panic| anyhow!("the newcomers panicked"))??;
        waits.sort_unstable();
        let at = |share: f64| waits.get((waits.len() as f64 * share) as usize).copied().unwrap_or_default();
        let (middle, late) = (at(0.5).as_secs_f64() * 1e3, at(0.99).as_secs_f64() * 1e3);
        let refused = waits.iter().filter(|wait| **wait >= PATIENCE).count();
        Ok(format!(
            "{} came anew meanwhile and were answered after {middle:.1}/{late:.1} ms (p50/p99), {refused} of them never",
            waits.len()
        ))
    }
}

fn on_a_thread<T: Send + 'static>(
    name: &str,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<JoinHandle<Result<T>>> {
    Ok(std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work))
    })?)
}

fn besiege(address: SocketAddr, siege: Siege) {
    match siege {
        Siege::SlowHeads(count) => {
            for number in 0..count {
                let after = ARRIVAL.mul_f64(number as f64 / count as f64);
                tokio::spawn(async move {
                    sleep(after).await;
                    loop {
                        if slow_head(address).await.is_err() {
                            sleep(Duration::from_millis(50)).await;
                        }
                    }
                });
            }
        }
        Siege::Http2Floods(count) => {
            for number in 0..count * FLOODS {
                tokio::spawn(async move {
                    loop {
                        if flood(address, number % FLOODS).await.is_err() {
                            sleep(Duration::from_millis(5)).await;
                        }
                    }
                });
            }
        }
    }
}

async fn slow_head(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"POST /api/v1/events HTTP/1.1\r\nhost: a\r\n").await?;
    let mut answer = [0; 64];
    loop {
        match timeout(LINE_EVERY, stream.read(&mut answer)).await {
            Ok(Ok(0) | Err(_)) => return Ok(()),
            Ok(Ok(_)) => {}
            Err(_elapsed) => stream.write_all(b"x: y\r\n").await?,
        }
    }
}

/// Rapid reset, PING, SETTINGS, CONTINUATION without end, empty DATA.
const FLOODS: usize = 5;

async fn flood(address: SocketAddr, kind: usize) -> Result<()> {
    let (mut reader, mut writer) = TcpStream::connect(address).await?.into_split();
    tokio::spawn(async move {
        let mut answers = vec![0; 16 << 10];
        while matches!(reader.read(&mut answers).await, Ok(1..)) {}
    });
    writer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    // `GET` or `POST` of `/`, host `a`, from HPACK's static table.
    let head = |method: u8, flags, stream| frame(1, flags, stream, &[method, 0x86, 0x84, 0x41, 1, b'a']);
    match kind {
        3 => writer.write_all(&frame(1, 0, 1, &[0x82])).await?,
        4 => writer.write_all(&head(0x83, 4, 1)).await?,
        _ => {}
    }
    for burst in (0_u32..1 << 20).step_by(100) {
        let frames: Vec<u8> = (burst..burst + 100)
            .flat_map(|number| match kind {
                0 => [head(0x82, 5, number * 2 + 1), frame(3, 0, number * 2 + 1, &8_u32.to_be_bytes())]
                    .concat(),
                1 => frame(6, 0, 0, &[0; 8]),
                2 => frame(4, 0, 0, &[0, 4, 0, 0, 0, 1]),
                3 => frame(9, 0, 1, &[0, 1, b'x', 1, b'y']),
                _ => frame(0, 0, 1, &[]),
            })
            .collect();
        writer.write_all(&frames).await?;
    }
    Ok(())
}

/// An HTTP/2 frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    [&[0, 0, payload.len() as u8, kind, flags], stream.to_be_bytes().as_slice(), payload].concat()
}

/// How long each of those waited for an answer who came one after the other, each over a connection of its own.
async fn newcomers(address: SocketAddr, stopped: Arc<AtomicBool>) -> Vec<Duration> {
    sleep(ARRIVAL).await;
    let mut waits = Vec::new();
    while !stopped.load(Relaxed) {
        let start = Instant::now();
        let answered = timeout(PATIENCE, async {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(PROBE).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            anyhow::ensure!(crate::wire_head::status(&answer) == 200);
            Ok(())
        });
        waits.push(if matches!(answered.await, Ok(Ok(()))) { start.elapsed() } else { PATIENCE });
        sleep(NEWCOMER_EVERY).await;
    }
    waits
}
