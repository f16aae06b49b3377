//! The transport of production: one request over a pooled or fresh connection, under one absolute deadline.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use callbacks_core::delivery::transport::{
    Destination, FailureKind, Outcome, TokenSource, Transport, TxtFailure, WireRequest, WireResponse,
};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, Version};
use hyper::body::Incoming;
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep_until};

use crate::access_tokens::{AccessToken, AccessTokens};
use crate::connection_pool::{ConnectionPool, Endpoint};
use crate::dialer::Dialer;
use crate::dns::{Directory, NameResolver};
use crate::fault::Fault;
use crate::guarded_connector::GuardedConnector;
use crate::line::{Body, Line};
use crate::proxy_trouble::TroubleLog;
use crate::response_capture::Captured;
use crate::settings::{EgressError, EgressSettings};
use crate::tls::Tls;
use crate::trip::{Progress, Stage, Trip};

/// How long a request waits for another one to find out whether the endpoint speaks HTTP/2.
const PIONEER_PATIENCE: Duration = Duration::from_millis(250);

/// Sends requests over guarded, pooled connections. Dropping it closes them.
pub struct HttpTransport {
    settings: EgressSettings,
    connector: GuardedConnector,
    tls: Tls,
    tokens: Arc<AccessTokens>,
    pool: Arc<ConnectionPool>,
    proxy_troubles: TroubleLog,
    sweeper: JoinHandle<()>,
}

impl Drop for HttpTransport {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

impl HttpTransport {
    /// Opens the way out with the name servers of the settings, or else the system's. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`EgressError`] when the resolver or TLS cannot be set up from these settings.
    pub fn new(settings: EgressSettings) -> Result<Self, EgressError> {
        let resolver = if settings.name_servers.is_empty() {
            NameResolver::system(settings.dns_timeout)?
        } else {
            NameResolver::asking(&settings.name_servers, settings.dns_timeout)?
        };
        Self::with_network(settings, resolver, Dialer::System)
    }

    /// Opens the way out with a given name resolution and dialler. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`EgressError`] when TLS cannot be set up from these settings.
    pub fn with_network(
        settings: EgressSettings,
        resolver: NameResolver,
        dialer: Dialer,
    ) -> Result<Self, EgressError> {
        let tls = Tls::new(settings.extra_ca_pem.as_deref())?;
        let directory = Directory::new(resolver, settings.dns_timeout);
        let connector = GuardedConnector::new(&settings, directory, dialer);
        let pool = Arc::new(ConnectionPool::new(settings.clone()));
        let tokens = Arc::<AccessTokens>::default();
        let sweeper =
            tokio::spawn(sweep(Arc::clone(&pool), Arc::clone(&tokens), settings.pool_idle_timeout / 4));
        Ok(Self { settings, connector, tls, tokens, pool, proxy_troubles: TroubleLog::default(), sweeper })
    }

    /// The endpoint's answer to a request with an access token, where it needs one. A token that was kept and is refused
    /// (401) is replaced once: it may have been revoked.
    async fn authorized_answer(
        &self,
        request: &mut WireRequest,
        progress: &mut Progress,
    ) -> Result<Answer, Fault> {
        let Some(source) = request.destination.token_source.take() else {
            return self.answer(request, &mut progress.trip).await;
        };
        let host = source.credentials.token_url.url().host_str().unwrap_or_default();
        let token = self.token(&request.destination, &source, None, progress.authorizing(host)).await?;
        progress.authorized();
        let repetition = (!token.fresh).then(|| request.clone());
        request.headers.insert(AUTHORIZATION, token.header.clone());
        let answer = self.answer(request, &mut progress.trip).await?;
        let Some(mut repetition) = repetition.filter(|_| answer.status == 401) else { return Ok(answer) };
        drop(answer);
        let trip = progress.authorizing(host);
        let renewed = self.token(&repetition.destination, &source, Some(&token), trip).await?;
        progress.authorized();
        repetition.headers.insert(AUTHORIZATION, renewed.header);
        self.answer(&mut repetition, &mut progress.trip).await
    }

    async fn token(
        &self,
        destination: &Destination,
        source: &TokenSource,
        refused: Option<&AccessToken>,
        trip: &mut Trip,
    ) -> Result<AccessToken, Fault> {
        let fetch = |mut request: WireRequest| async move {
            let mut answer = self.answer(&mut request, trip).await?;
            let mut captured = Captured::default();
            captured.read(&mut answer.line, answer.body, self.settings.max_response_body).await;
            if captured.complete {
                answer.endpoint.keep(answer.line, &self.settings);
            }
            Ok((answer.status, captured.finish().0))
        };
        self.tokens.token(destination, source, refused, fetch).await
    }

    /// Finds a connection, sends the request and waits for the head of the response.
    async fn answer(&self, request: &mut WireRequest, trip: &mut Trip) -> Result<Answer, Fault> {
        let Some(endpoint) = self.pool.endpoint(&request.destination, &self.tls) else {
            return Err(Fault::new(FailureKind::Other, "the URL cannot be put into an HTTP request"));
        };
        let mut kept = endpoint.checkout(&request.destination, &self.settings);
        let mut repeated = false;
        loop {
            let mut line = match kept.take() {
                Some(line) => line,
                None => self.connect(&endpoint, &request.destination, repeated, trip).await?,
            };
            let message = compose(&endpoint, request, &line, repeated);
            trip.sent_now();
            match line.exchange(message, &endpoint.host).await {
                Ok(response) => {
                    trip.first_byte();
                    endpoint.has_answered();
                    return Answer::accept(endpoint, line, response);
                }
                Err(broken) => {
                    endpoint.forget(&line);
                    if repeated || !broken.repeatable {
                        return Err(endpoint.explained(broken.fault));
                    }
                    repeated = true;
                }
            }
        }
    }

    /// A fresh connection, or one that somebody else has just made and shares.
    async fn connect(
        &self,
        endpoint: &Endpoint,
        destination: &Destination,
        alone: bool,
        trip: &mut Trip,
    ) -> Result<Line, Fault> {
        trip.stage = Stage::Connecting;
        let mut _turn = None;
        if !alone && !endpoint.http1_only.load(Ordering::Relaxed) {
            _turn = tokio::time::timeout(PIONEER_PATIENCE, endpoint.pioneer.lock()).await.ok();
            if let Some(line) = endpoint.checkout(destination, &self.settings) {
                return Ok(line);
            }
        }
        let connected = self.connector.connect(destination, &endpoint.target, trip).await;
        let connected = connected.inspect_err(|fault| {
            // Of the kinds a connector reports, only a shortage of our own is none of the endpoint's.
            if fault.kind == FailureKind::Other {
                tracing::warn!("out of file descriptors or ports; closing idle connections to endpoints");
                self.pool.release_idle();
            }
        })?;
        let opened = Line::open(connected, &endpoint.host, &self.settings).await;
        let line = opened.map_err(|fault| endpoint.explained(fault))?;
        match &line {
            Line::Http1(_) => endpoint.http1_only.store(true, Ordering::Relaxed),
            Line::Http2(shared) => endpoint.share(shared),
        }
        Ok(line)
    }
}

impl HttpTransport {
    fn failed(&self, progress: Progress, fault: Fault) -> Outcome {
        if let Some(trouble) = &fault.proxy {
            self.proxy_troubles.note(trouble);
        }
        progress.fail(fault)
    }
}

impl Transport for HttpTransport {
    async fn txt(&self, name: &str) -> Result<Vec<String>, TxtFailure> {
        self.connector.txt(name).await
    }

    async fn send(&self, mut request: WireRequest) -> Outcome {
        let mut progress = Progress::start();
        let timeout = request.timeout;
        let mut deadline = pin!(sleep_until(progress.started + timeout));
        let answered = before(deadline.as_mut(), self.authorized_answer(&mut request, &mut progress)).await;
        match answered {
            Some(Ok(mut answer)) => {
                let mut captured = Captured::default();
                let limit = self.settings.max_response_body;
                let reading = captured.read(&mut answer.line, answer.body, limit);
                let _in_time = before(deadline, reading).await;
                if captured.complete {
                    answer.endpoint.keep(answer.line, &self.settings);
                }
                let (body, truncated) = captured.finish();
                let timings = progress.finish();
                Outcome::Response(WireResponse {
                    status: answer.status,
                    headers: answer.headers,
                    body,
                    truncated,
                    timings,
                })
            }
            Some(Err(fault)) => self.failed(progress, fault),
            None => {
                let host = request.destination.url.url().host_str().unwrap_or_default();
                let fault = progress.timed_out(host, timeout);
                self.failed(progress, fault)
            }
        }
    }
}

/// What a future gives before the deadline; `None` when the deadline comes first.
async fn before<T>(deadline: Pin<&mut Sleep>, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = deadline => None,
    }
}

async fn sweep(pool: Arc<ConnectionPool>, tokens: Arc<AccessTokens>, every: Duration) {
    loop {
        tokio::time::sleep(every.max(Duration::from_millis(10))).await;
        pool.sweep();
        tokens.sweep();
    }
}

/// The head of a response that arrived in time.
struct Answer {
    endpoint: Arc<Endpoint>,
    line: Line,
    status: u16,
    headers: HeaderMap,
    body: Incoming,
}

impl Answer {
    fn accept(endpoint: Arc<Endpoint>, line: Line, response: Response<Incoming>) -> Result<Self, Fault> {
        let (head, body) = response.into_parts();
        // Two contradicting lengths are how one response is made to look like two (RFC 9112 section 6.3).
        if head.headers.contains_key(TRANSFER_ENCODING) && head.headers.contains_key(CONTENT_LENGTH) {
            return Err(Fault::invalid_response(&endpoint.host, "both Content-Length and Transfer-Encoding"));
        }
        Ok(Self { endpoint, line, status: head.status.as_u16(), headers: head.headers, body })
    }
}

/// The request in the form the line needs. Keeps the headers only while they may be needed for a repetition.
fn compose(endpoint: &Endpoint, request: &mut WireRequest, line: &Line, repeated: bool) -> Request<Body> {
    let headers = if !repeated && line.may_fail_unanswered() {
        request.headers.clone()
    } else {
        std::mem::take(&mut request.headers)
    };
    let mut message = Request::new(Body::new(request.body.clone()));
    *message.method_mut() = request.method.clone();
    *message.headers_mut() = headers;
    match line {
        Line::Http1(_) => {
            *message.uri_mut() = endpoint.origin_form.clone();
            message.headers_mut().insert(HOST, endpoint.host_header.clone());
        }
        Line::Http2(_) => {
            *message.version_mut() = Version::HTTP_2;
            *message.uri_mut() = endpoint.absolute.clone();
            message.headers_mut().remove(HOST);
        }
    }
    message
}
