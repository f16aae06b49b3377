//! A real HTTP server on loopback that records what it gets and answers by script.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub use crate::answer::Answer;
use crate::certificates::ServerIdentity;
use crate::owned_tasks::OwnedTasks;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// POST, PUT, ...
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The HTTP version it was sent with.
    pub version: http::Version,
    /// The `Host` header, or the authority of HTTP/2.
    pub host: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// When the last byte of it had arrived.
    pub received_at: Instant,
}

/// The server. It ends, and closes every connection, when dropped.
#[derive(Debug)]
pub struct WebhookReceiver {
    address: SocketAddr,
    scheme: &'static str,
    desk: Arc<Desk>,
    tasks: OwnedTasks,
}

#[derive(Debug)]
struct Desk {
    scripts: Mutex<HashMap<String, VecDeque<Answer>>>,
    default: Mutex<Answer>,
    received: Mutex<Vec<ReceivedRequest>>,
    count: watch::Sender<usize>,
    connections: AtomicU64,
}

impl WebhookReceiver {
    /// Starts on a free port and answers everything with 200.
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts at a given address, for example where another receiver has just gone away.
    ///
    /// # Panics
    /// When the address cannot be bound.
    pub async fn start_at(address: SocketAddr) -> Self {
        Self::serve(address, None).await
    }

    /// Starts on a free port and speaks TLS, with HTTP/2 and HTTP/1.1 as the identity offers them.
    pub async fn start_tls(identity: &ServerIdentity) -> Self {
        Self::start_tls_at(SocketAddr::from(([127, 0, 0, 1], 0)), identity).await
    }

    /// Starts at a given address and speaks TLS.
    ///
    /// # Panics
    /// When the address cannot be bound.
    pub async fn start_tls_at(address: SocketAddr, identity: &ServerIdentity) -> Self {
        let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
        Self::serve(address, Some(acceptor)).await
    }

    async fn serve(address: SocketAddr, tls: Option<TlsAcceptor>) -> Self {
        let listener = bind(address).await;
        let address = listener.local_addr().expect("a bound listener has an address");
        let desk = Arc::new(Desk {
            scripts: Mutex::default(),
            default: Mutex::new(Answer::status(200)),
            received: Mutex::default(),
            count: watch::Sender::new(0),
            connections: AtomicU64::new(0),
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let tasks = OwnedTasks::default();
        // The accepting task shares nothing with the owner but the set, whose last handle the owner must hold.
        let connections = OwnedTasks::default();
        tasks.spawn(accept(listener, tls, Arc::clone(&desk), connections));
        Self { address, scheme, desk, tasks }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `127.0.0.1:port`, as an authorized domain names it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The URL of a path (which starts with `/`), with the address as host.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The URL of a path with a name as host.
    pub fn url_at(&self, name: &str, path: &str) -> String {
        format!("{}://{name}:{}{path}", self.scheme, self.address.port())
    }

    /// Answers requests to `path` (without query) with these, in order; the last one repeats.
    pub fn script(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.desk.scripts.lock().insert(path.to_owned(), answers.into_iter().collect());
    }

    /// What paths without a script are answered with from now on.
    pub fn answer_all(&self, answer: Answer) {
        *self.desk.default.lock() = answer;
    }

    /// Everything received so far, in order of arrival.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.desk.received.lock().clone()
    }

    /// How many requests were received.
    pub fn count(&self) -> usize {
        *self.desk.count.borrow()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.desk.connections.load(Ordering::Relaxed)
    }

    /// Waits until `count` requests were received in all.
    ///
    /// # Panics
    /// When they do not come within `patience`.
    pub async fn wait_for(&self, count: usize, patience: Duration) -> Vec<ReceivedRequest> {
        let mut counted = self.desk.count.subscribe();
        let waited = tokio::time::timeout(patience, counted.wait_for(|received| *received >= count)).await;
        assert!(waited.is_ok(), "expected {count} requests within {patience:?}, got {}", self.count());
        self.requests()
    }

    /// Closes everything at once, as a crash would.
    pub fn stop(&self) {
        self.tasks.abort_all();
    }
}

/// Binds, and tries again for a moment when the address is still being given up by somebody else.
async fn bind(address: SocketAddr) -> TcpListener {
    let mut tries = 0;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => assert!(tries < 50, "{address} cannot be bound: {error}"),
        }
        tries += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, desk: Arc<Desk>, connections: OwnedTasks) {
    while let Ok((stream, _)) = listener.accept().await {
        desk.connections.fetch_add(1, Ordering::Relaxed);
        let _ = stream.set_nodelay(true);
        let (desk, tls) = (Arc::clone(&desk), tls.clone());
        connections.spawn(converse(stream, tls, desk));
    }
}

async fn converse(stream: TcpStream, tls: Option<TlsAcceptor>, desk: Arc<Desk>) {
    match tls {
        None => answer_requests(stream, desk).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer_requests(stream, desk).await;
            }
        }
    }
}

async fn answer_requests(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, desk: Arc<Desk>) {
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { desk.handle(request).await }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    // Clients that go away are part of many tests.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

impl Desk {
    async fn handle(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let Ok(body) = body.collect().await else {
            return Ok(Response::new(Full::default()));
        };
        let host = match head.uri.authority() {
            Some(authority) => authority.to_string(),
            None => head
                .headers
                .get("host")
                .map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned())
                .unwrap_or_default(),
        };
        self.received.lock().push(ReceivedRequest {
            method: head.method,
            path: head.uri.path_and_query().map_or_else(|| path.clone(), ToString::to_string),
            version: head.version,
            host,
            headers: head.headers,
            body: body.to_bytes(),
            received_at: Instant::now(),
        });
        let answer = self.next_answer(&path);
        self.count.send_modify(|count| *count += 1);
        tokio::time::sleep(answer.delay).await;
        if answer.silent {
            std::future::pending::<()>().await;
        }
        let mut response = Response::new(Full::new(answer.body));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }

    fn next_answer(&self, path: &str) -> Answer {
        let mut scripts = self.scripts.lock();
        match scripts.get_mut(path) {
            Some(script) if script.len() > 1 => script.pop_front(),
            Some(script) => script.front().cloned(),
            None => None,
        }
        .unwrap_or_else(|| self.default.lock().clone())
    }
}
