//! HTTP over one connection: HTTP/1.1 with the exchange driven by the caller's own task, HTTP/2 shared by many.
//!
//! An HTTP/1 connection has no task of its own. Whoever sends a request polls the connection along with it, which saves two
//! hand-overs between tasks per request, and dropping the request closes the socket: nothing can outlive its deadline.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::fault::{Fault, cause};
use crate::guarded_connector::{Connected, Peer};
use crate::settings::EgressSettings;
use crate::socket::{Received, Socket};

/// The body of every request: complete from the start.
pub(crate) type Body = Full<Bytes>;

/// Bytes an HTTP/1 connection buffers at most in either direction, unless a response head may be larger.
const HTTP1_BUFFER: usize = 64 * 1024;

/// How often an HTTP/2 connection with open requests is pinged, and how long it may take to answer before it counts as dead.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// A connection that can carry a request now.
pub(crate) enum Line {
    Http1(Http1Line),
    Http2(Http2Line),
}

/// Why an exchange brought no answer.
pub(crate) struct Broken {
    pub(crate) fault: Fault,
    /// True when the request can safely be sent once more on a fresh connection: it never left, the server said it did not
    /// process it, or a kept-alive connection was closed without a single byte of answer (RFC 9110 section 9.2.2; deliveries
    /// carry an id by which a receiver recognises a repeat).
    pub(crate) repeatable: bool,
}

impl Line {
    /// Speaks HTTP over a fresh connection.
    pub(crate) async fn open(
        connected: Connected,
        host: &str,
        settings: &EgressSettings,
    ) -> Result<Self, Fault> {
        let opened = if connected.http2 {
            Http2Line::open(connected, settings).await.map(Line::Http2)
        } else {
            Http1Line::open(connected, settings).await.map(Line::Http1)
        };
        opened.map_err(|error| Fault::exchanging(host, &error))
    }

    /// Sends one request and waits for the head of its response.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Body>,
        host: &str,
    ) -> Result<Response<Incoming>, Broken> {
        match self {
            Line::Http1(line) => line.exchange(request, host).await,
            Line::Http2(line) => line.exchange(request, host).await,
        }
    }

    /// Lets the connection make progress while a response body is read from it.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Line::Http1(line) = self {
            line.drive(cx);
        }
    }

    /// True when a request on this line may have to be repeated on another.
    pub(crate) fn may_fail_unanswered(&self) -> bool {
        match self {
            Line::Http1(line) => line.reused,
            Line::Http2(_) => true,
        }
    }
}

/// One HTTP/1.1 connection, used by one request at a time.
pub(crate) struct Http1Line {
    sender: http1::SendRequest<Body>,
    connection: Box<http1::Connection<TokioIo<Socket>, Body>>,
    open: bool,
    reused: bool,
    received: Received,
    max_head: u64,
    pub(crate) peer: Peer,
    pub(crate) born: Instant,
    pub(crate) idle_since: Instant,
}

impl Http1Line {
    async fn open(connected: Connected, settings: &EgressSettings) -> hyper::Result<Self> {
        let received = connected.socket.received();
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HTTP1_BUFFER.max(settings.max_response_head))
            .max_header_size(settings.max_response_head)
            .handshake(TokioIo::new(connected.socket))
            .await?;
        let now = Instant::now();
        Ok(Self {
            sender,
            connection: Box::new(connection),
            open: true,
            reused: false,
            received,
            max_head: settings.max_response_head as u64,
            peer: connected.peer,
            born: now,
            idle_since: now,
        })
    }

    /// Polls the connection once, for a bounded part of what its peer has sent.
    fn drive(&mut self, cx: &mut Context<'_>) {
        self.received.permit(self.max_head);
        if self.open && Pin::new(&mut self.connection).poll(cx).is_ready() {
            self.open = false;
        }
    }

    /// True when the connection is open and waits for a request; notices a close or stray bytes that came in meanwhile.
    pub(crate) fn is_ready(&mut self) -> bool {
        // Nobody is to be woken by an idle connection, and the waker of the request before must be let go.
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.open && self.sender.is_ready()
    }

    /// Takes the line out of the pool for another request.
    pub(crate) fn reuse(mut self) -> Self {
        self.reused = true;
        self
    }

    async fn exchange(&mut self, request: Request<Body>, host: &str) -> Result<Response<Incoming>, Broken> {
        let before = self.received.bytes();
        let mut answer = pin!(self.sender.try_send_request(request));
        poll_fn(|cx| {
            self.drive(cx);
            if let Poll::Ready(answered) = answer.as_mut().poll(cx) {
                return Poll::Ready(answered.map_err(|mut failed| {
                    let unsent = failed.take_message().is_some();
                    let silent = self.reused && self.received.bytes() == before && !failed.error().is_parse();
                    Broken { fault: Fault::exchanging(host, failed.error()), repeatable: unsent || silent }
                }));
            }
            // Informational heads are skipped by the parser without an end; together they share the head's limit.
            if self.received.bytes() - before > self.max_head {
                let fault = Fault::invalid_response(host, "response head is too large");
                return Poll::Ready(Err(Broken { fault, repeatable: false }));
            }
            Poll::Pending
        })
        .await
    }
}

/// One HTTP/2 connection; clones share it, and the last one to go closes it.
#[derive(Clone)]
pub(crate) struct Http2Line {
    sender: http2::SendRequest<Body>,
    task: Arc<TaskGuard>,
    pub(crate) peer: Peer,
    pub(crate) born: Instant,
}

/// Ends the connection's task when nobody uses the connection any more.
struct TaskGuard(AbortHandle);

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Http2Line {
    async fn open(connected: Connected, settings: &EgressSettings) -> hyper::Result<Self> {
        let head_limit = u32::try_from(settings.max_response_head).unwrap_or(u32::MAX);
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_INTERVAL)
            .max_header_list_size(head_limit)
            .initial_stream_window_size(u32::try_from(settings.max_response_body).unwrap_or(u32::MAX >> 1))
            .handshake(TokioIo::new(connected.socket))
            .await?;
        let task = tokio::spawn(async move {
            // Whatever ends the connection is told to each of its requests.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            task: Arc::new(TaskGuard(task.abort_handle())),
            peer: connected.peer,
            born: Instant::now(),
        })
    }

    /// True until either side has closed the connection.
    pub(crate) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// True when `other` is the same connection.
    pub(crate) fn is_same(&self, other: &Http2Line) -> bool {
        Arc::ptr_eq(&self.task, &other.task)
    }

    /// True while somebody besides the pool holds the connection.
    pub(crate) fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.task) > 1
    }

    async fn exchange(&mut self, request: Request<Body>, host: &str) -> Result<Response<Incoming>, Broken> {
        let broken = |error: &hyper::Error, unsent: bool| Broken {
            fault: Fault::exchanging(host, error),
            repeatable: unsent || was_not_processed(error),
        };
        self.sender.ready().await.map_err(|error| broken(&error, true))?;
        let answer = self.sender.try_send_request(request).await;
        answer.map_err(|mut failed| {
            let unsent = failed.take_message().is_some();
            broken(failed.error(), unsent)
        })
    }
}

/// True when the server stated that it did not act on the request (RFC 9113 sections 6.8 and 8.7).
fn was_not_processed(error: &hyper::Error) -> bool {
    cause::<h2::Error>(error).is_some_and(|error| {
        let refused = error.reason() == Some(h2::Reason::REFUSED_STREAM);
        let leaving = error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR);
        refused || leaving
    })
}
