//! Accepts connections, bounds them, serves HTTP/1.1 and HTTP/2 without TLS, and drains on shutdown.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metric_names;
use crate::serving::framing;
use crate::serving::router::router;
use crate::state::AppState;

/// The first bytes of an HTTP/2 connection with prior knowledge (RFC 9113, 3.4) that no HTTP/1 request starts with.
const H2_PREFACE: &[u8] = b"PRI * HTTP/2";
/// Pause after a failed accept (out of file descriptors), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often a connection that sent a few ambiguous bytes is looked at again.
const PEEK_PAUSE: Duration = Duration::from_millis(5);

/// Bytes of a connection's first request that are looked at for an unclear length.
const HEAD_LOOKED_AT: usize = 4096;

/// What connections may cost.
#[derive(Debug, Clone, Copy)]
pub struct ServerSettings {
    /// Most connections open at once; more wait in the listener's backlog.
    pub max_connections: usize,
    /// Longest time from the first byte of a connection, or the end of the previous request, to a complete head.
    pub header_read_timeout: Duration,
    /// Longest time shutdown waits for requests that are running.
    pub drain_timeout: Duration,
    /// Most header lines of a request; more is a 431.
    pub max_headers: usize,
    /// Largest head of a request in bytes; more is a 431.
    pub max_head_bytes: usize,
    /// Most concurrent streams of one HTTP/2 connection.
    pub max_h2_streams: u32,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            header_read_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(20),
            max_headers: 100,
            max_head_bytes: 32 << 10,
            max_h2_streams: 256,
        }
    }
}

/// Serves until `shutdown` is cancelled, then drains: readiness turns false, no connection is accepted, running
/// requests finish. Returns when every connection has closed or the drain time is over.
///
/// # Errors
/// When the listener's address cannot be read.
pub async fn serve(listener: TcpListener, state: AppState, shutdown: CancellationToken) -> io::Result<()> {
    serve_with(listener, state, shutdown, ServerSettings::default()).await
}

/// [`serve`] with settings of the caller's choice.
///
/// # Errors
/// When the listener's address cannot be read.
pub async fn serve_with(
    listener: TcpListener,
    state: AppState,
    shutdown: CancellationToken,
    settings: ServerSettings,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!(%address, "serving HTTP");
    let server = Arc::new(Server { router: router(state.clone()), settings, shutdown: shutdown.clone() });
    let connections = TaskTracker::new();
    let permits = Arc::new(Semaphore::new(settings.max_connections));
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, permit)) = accepted else { continue };
        let server = Arc::clone(&server);
        connections.spawn(async move {
            let gauge = metrics::gauge!(metric_names::HTTP_CONNECTIONS);
            gauge.increment(1.0);
            server.connection(stream).await;
            gauge.decrement(1.0);
            drop(permit);
        });
    }
    state.begin_draining();
    drop(listener);
    drain(&connections, &state.background, settings.drain_timeout).await;
    Ok(())
}

async fn drain(connections: &TaskTracker, background: &TaskTracker, limit: Duration) {
    connections.close();
    background.close();
    let all = async {
        connections.wait().await;
        background.wait().await;
    };
    if tokio::time::timeout(limit, all).await.is_err() {
        tracing::warn!(open = connections.len(), "connections were still open when the drain time was over");
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are small: without this, Nagle and delayed acknowledgements add up to 40 ms to each.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY could not be set");
            }
            Some((stream, permit))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

struct Server {
    router: Router,
    settings: ServerSettings,
    shutdown: CancellationToken,
}

impl Server {
    async fn connection(&self, stream: TcpStream) {
        let chosen = tokio::select! {
            () = self.shutdown.cancelled() => return,
            chosen = tokio::time::timeout(self.settings.header_read_timeout, speaks_h2(&stream)) => chosen,
        };
        match chosen {
            Ok(Ok(true)) => self.http2(stream).await,
            Ok(Ok(false)) if is_unclear(&stream).await => refuse(stream).await,
            Ok(Ok(false)) => self.http1(stream).await,
            Ok(Err(_)) | Err(_) => {}
        }
    }

    async fn http1(&self, stream: TcpStream) {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.settings.header_read_timeout)
            .max_headers(self.settings.max_headers)
            .max_buf_size(self.settings.max_head_bytes)
            .half_close(true);
        let service = TowerToHyperService::new(self.router.clone());
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "an HTTP/1.1 connection ended with an error");
        }
    }

    async fn http2(&self, stream: TcpStream) {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.settings.max_h2_streams)
            .max_header_list_size(u32::try_from(self.settings.max_head_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(32)
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10));
        let service = TowerToHyperService::new(self.router.clone());
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "an HTTP/2 connection ended with an error");
        }
    }
}

/// Whether a connection begins with a request of unclear length (RFC 9112, 6.3), by which a proxy and a server are made to
/// see different requests. Of later requests hyper believes the chunks and closes the connection after them.
async fn is_unclear(stream: &TcpStream) -> bool {
    let mut seen = vec![0; HEAD_LOOKED_AT];
    let length = stream.peek(&mut seen).await.unwrap_or(0);
    seen.truncate(length);
    framing::has_unclear_length(&seen)
}

/// Answers 400 and closes.
async fn refuse(mut stream: TcpStream) {
    let _client_gone = stream.write_all(framing::UNCLEAR_LENGTH.as_bytes()).await;
    let _client_gone = stream.shutdown().await;
}

/// Whether the client starts with the HTTP/2 preface. Reads nothing away.
async fn speaks_h2(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; H2_PREFACE.len()];
    loop {
        let seen = stream.peek(&mut first).await?;
        if seen == 0 || first.get(..seen).is_none_or(|first| !H2_PREFACE.starts_with(first)) {
            return Ok(false);
        }
        if seen == H2_PREFACE.len() {
            return Ok(true);
        }
        tokio::time::sleep(PEEK_PAUSE).await;
    }
}
