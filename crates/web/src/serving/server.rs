//! Accepts connections, bounds them, serves HTTP/1.1 and HTTP/2 without TLS, and drains on shutdown.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metric_names;
use crate::serving::framing::{Speech, UNCLEAR_LENGTH};
use crate::serving::opening::{Begun, begin};
use crate::serving::router::router;
use crate::serving::seats::{Guest, Seats};
use crate::state::AppState;

/// Pause after a failed accept (out of file descriptors), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What connections may cost.
#[derive(Debug, Clone, Copy)]
pub struct ServerSettings {
    /// Most connections served at once. When more come, those that ask for nothing are closed; when all ask, more wait.
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
    let seats = Seats::new(settings.max_connections);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener) => accepted,
        };
        let Some(stream) = accepted else { continue };
        let seat = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            seat = seats.seat() => seat,
        };
        let Some(seat) = seat else { continue };
        let server = Arc::clone(&server);
        connections.spawn(async move {
            let gauge = metrics::gauge!(metric_names::HTTP_CONNECTIONS);
            gauge.increment(1.0);
            tokio::select! {
                biased;
                () = server.connection(stream, &seat.guest) => {}
                () = seat.guest.must_leave() => {}
            }
            gauge.decrement(1.0);
            drop(seat);
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

async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are small: without this, Nagle and delayed acknowledgements add up to 40 ms to each.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY could not be set");
            }
            Some(stream)
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
    /// Serves one connection. What that needs is put on the heap once the first head is there, not before.
    async fn connection(&self, stream: TcpStream, guest: &Arc<Guest>) {
        let begun = tokio::select! {
            () = self.shutdown.cancelled() => return,
            begun = tokio::time::timeout(
                self.settings.header_read_timeout,
                begin(stream, self.settings.max_head_bytes),
            ) => begun,
        };
        match begun {
            Ok(Ok(Some((Speech::Http2, begun)))) => Box::pin(self.http2(begun, guest)).await,
            Ok(Ok(Some((Speech::Http1, begun)))) => Box::pin(self.http1(begun, guest)).await,
            Ok(Ok(Some((Speech::Unclear, begun)))) => refuse(begun).await,
            Ok(Ok(None) | Err(_)) | Err(_) => {}
        }
    }

    async fn http1(&self, stream: Begun, guest: &Arc<Guest>) {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.settings.header_read_timeout)
            .max_headers(self.settings.max_headers)
            .max_buf_size(self.settings.max_head_bytes)
            .half_close(true);
        let connection = builder.serve_connection(TokioIo::new(stream), self.service(guest));
        let mut connection = pin!(connection);
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

    async fn http2(&self, stream: Begun, guest: &Arc<Guest>) {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.settings.max_h2_streams)
            .max_header_list_size(u32::try_from(self.settings.max_head_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(32)
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10));
        let connection = builder.serve_connection(TokioIo::new(stream), self.service(guest));
        let mut connection = pin!(connection);
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

    /// The routes, for a guest whose requests are known while they run.
    fn service(
        &self,
        guest: &Arc<Guest>,
    ) -> impl Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
    + use<> {
        let (routes, guest) = (TowerToHyperService::new(self.router.clone()), Arc::clone(guest));
        service_fn(move |request| {
            let (running, answer) = (guest.request(), routes.call(request));
            async move {
                let answer = answer.await;
                drop(running);
                answer
            }
        })
    }
}

/// Answers 400 and closes.
async fn refuse(mut stream: Begun) {
    let _client_gone = stream.write_all(UNCLEAR_LENGTH.as_bytes()).await;
    let _client_gone = stream.shutdown().await;
}
