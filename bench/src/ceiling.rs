//! The HTTP ceiling: what this machine could deliver if delivering were nothing but HTTP.
//!
//! hyper's plain HTTP/1.1 client, 64 keep-alive connections on one thread, posts the same payload to the same
//! receiver: no routing, no signature, no database. A delivery rate divided by this one compares across machines.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

use anyhow::{Result, anyhow, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::event_bytes::{SEQUENCE_MARK, SEQUENCE_WIDTH, payload};
use crate::ledger::Ledger;

/// Connections of the ceiling client.
pub(crate) const CONNECTIONS: usize = 64;

/// The ceiling client under way on its own thread.
pub(crate) struct CeilingLoad {
    thread: JoinHandle<Result<()>>,
    stopped: Arc<AtomicBool>,
}

impl CeilingLoad {
    /// Starts posting to `path` at the receiver, until stopped or until the ledger is full.
    pub(crate) fn start(receiver: SocketAddr, path: String, ledger: Arc<Ledger>) -> Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        let thread = std::thread::Builder::new().name("ceiling".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let post =
                    |_| tokio::spawn(post(receiver, path.clone(), Arc::clone(&ledger), Arc::clone(&seen)));
                for connection in (0..CONNECTIONS).map(post).collect::<Vec<_>>() {
                    connection.await??;
                }
                Ok(())
            })
        })?;
        Ok(Self { thread, stopped })
    }

    /// Lets the requests under way finish.
    pub(crate) fn stop(self) -> Result<()> {
        self.stopped.store(true, Relaxed);
        self.thread.join().map_err(|_panic| anyhow!("the ceiling client panicked"))?
    }
}

async fn post(
    receiver: SocketAddr,
    path: String,
    ledger: Arc<Ledger>,
    stopped: Arc<AtomicBool>,
) -> Result<()> {
    let stream = TcpStream::connect(receiver).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let template = payload();
    while !stopped.load(Relaxed) {
        let Some(sequence) = ledger.reserve(1) else {
            return Ok(());
        };
        ledger.note_sent(sequence, ledger.now());
        sender.ready().await?;
        let response = sender.send_request(request(&path, &template, sequence)?).await?;
        ensure!(response.status().is_success(), "the receiver answered {}", response.status());
        response.into_body().collect().await?;
        ledger.note_accepted(sequence, 1);
    }
    Ok(())
}

/// A request that looks like a webhook: the same payload, as many headers.
fn request(path: &str, template: &str, sequence: usize) -> Result<http::Request<Full<Bytes>>> {
    let mut body = template.to_owned();
    let digits = SEQUENCE_MARK.len()..SEQUENCE_MARK.len() + SEQUENCE_WIDTH;
    body.replace_range(digits, &format!("{sequence:0SEQUENCE_WIDTH$}"));
    let request = http::Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("x-event-type", "bench.order.created")
        .header("x-event-id", "0194f7a0-0000-7000-8000-000000000000")
        .header("x-timestamp", "2025-01-01T12:00:00.000Z")
        .header("x-firefly-signature", "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=")
        .body(Full::new(Bytes::from(body)))?;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::Receiver;

    #[test]
    fn every_post_of_the_ceiling_is_received_once() {
        let receiver = Receiver::start().expect("binds");
        let ledger = Arc::new(Ledger::new(1_000, 1));
        let path = format!("/hook/{}/0", receiver.open(&ledger));
        let load = CeilingLoad::start(receiver.address(), path, Arc::clone(&ledger)).expect("starts");
        load.thread.join().expect("does not panic").expect("no post fails");
        assert_eq!(
            (ledger.delivered_count(), ledger.accepted_count(), ledger.duplicates()),
            (1_000, 1_000, 0)
        );
        assert_eq!(ledger.missing(|_| 1), 0);
    }
}
