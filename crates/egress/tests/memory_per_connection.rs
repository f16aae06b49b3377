//! What a connection to a hostile endpoint costs in memory, whatever the endpoint does. A binary of its own: it measures its own
//! process, the endpoints' side included.

mod support;

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callbacks_core::delivery::transport::{Outcome, Transport};
use callbacks_egress::{EgressSettings, HttpTransport};
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_testkit::certificates::{CertificateAuthority, ServerIdentity};
use callbacks_testkit::hostile_endpoint::{self as raw, HostileEndpoint, NeverAccepts};
use callbacks_testkit::hostile_http2::{self as h2, HostileHttp2};
use futures::future::join_all;
use support::memory::{Watcher, resident};
use support::{request, transport_with};
use tokio::net::TcpStream;
use uuid::Uuid;

const CROWD: u128 = 100;
const LIMIT: u64 = 256 * 1024;
/// Where the endpoint holds as much as we do: the same buffers for TLS and HTTP/2.
const BOTH_ENDS: u64 = 2 * LIMIT;
/// Long enough for bodies and heads to run into their limits.
const PATIENCE: Duration = Duration::from_secs(1);
const NAME: &str = "hooks.example.com";

/// One way out, whose memory only grows: what is freed between two crowds is not given back, so that the peak over all is an
/// upper bound for each.
struct Crowds {
    transport: HttpTransport,
    identity: ServerIdentity,
    body: Bytes,
    before: u64,
    watcher: Watcher,
}

impl Crowds {
    fn new() -> Self {
        let authority = CertificateAuthority::new();
        let extra_ca_pem = Some(authority.pem().as_bytes().to_vec());
        let settings = EgressSettings { extra_ca_pem, ..EgressSettings::default() };
        let transport = transport_with(settings, |_| Ok(vec![IpAddr::from([127, 0, 0, 1])]));
        let body = Bytes::from(vec![b'x'; 8 << 20]);
        let (identity, before) = (authority.issue(&[NAME]), resident());
        Self { transport, identity, body, before, watcher: Watcher::start() }
    }

    /// Many requests at once, each over a connection of its own.
    async fn gather(&self, what: &str, url: &str, body: usize, limit: u64) {
        let sends = (0..CROWD).map(|one| {
            let mut request = request(url);
            request.destination.configuration = ConfigurationId::from(Uuid::from_u128(one));
            request.body = self.body.slice(..body);
            request.timeout = PATIENCE;
            self.transport.send(request)
        });
        let started = Instant::now();
        let outcomes = join_all(sends).await;
        let took = started.elapsed();
        assert!(took < PATIENCE * 10, "{what}: a crowd kept its caller busy for {took:?}");
        for outcome in outcomes {
            if let Outcome::Response(answer) = outcome {
                assert!(answer.body.len() <= 64 * 1024, "{what}: {} bytes", answer.body.len());
            }
        }
        let cost = self.watcher.peak().saturating_sub(self.before) / CROWD as u64;
        assert!(cost <= limit, "{what}: {} KiB a connection", cost / 1024);
    }

    async fn tcp<B, F>(&self, what: &str, behaviour: B)
    where
        B: Fn(TcpStream) -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        self.tcp_with(what, 17, behaviour).await;
    }

    async fn tcp_with<B, F>(&self, what: &str, body: usize, behaviour: B)
    where
        B: Fn(TcpStream) -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let endpoint = HostileEndpoint::start(behaviour).await;
        self.gather(what, &endpoint.url("/"), body, LIMIT).await;
    }

    async fn http2<B, F>(&self, what: &str, behaviour: B)
    where
        B: Fn(h2::Encrypted, u64) -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let endpoint = HostileHttp2::start(&self.identity, behaviour).await;
        self.gather(what, &endpoint.url_at(NAME, "/"), 17, BOTH_ENDS).await;
    }
}

/// The behaviours that send much, or make us wait with what we have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_behaviour_costs_more_than_256_kib_a_connection() {
    let crowds = Crowds::new();
    let never_accepting = NeverAccepts::start().await;
    crowds.gather("never accepts", &never_accepting.url("/"), 17, LIMIT).await;
    crowds.tcp("never answers", raw::never_answers).await;
    crowds.tcp_with("never reads", 8 << 20, raw::never_reads).await;
    crowds.tcp_with("reads slowly", 8 << 20, raw::reads_slowly).await;
    crowds.tcp_with("resets mid-request", 8 << 20, raw::resets_mid_request).await;
    crowds.tcp("resets at once", raw::resets_at_once).await;
    crowds.tcp("drips its head", raw::drips_head).await;
    crowds.tcp("drips its body", raw::drips_body).await;
    crowds.tcp("endless body", raw::infinite_body).await;
    crowds.tcp("endless error", raw::infinite_error_body).await;
    crowds.tcp("promises much", raw::huge_promise).await;
    crowds.tcp("closes mid-body", raw::closes_mid_body).await;
    crowds.tcp("says more than announced", raw::says_more_than_announced).await;
    crowds.tcp("huge head", raw::huge_head).await;
    crowds.tcp("many headers", raw::many_headers).await;
    crowds.tcp("informational crowd", raw::informational_crowd).await;
    crowds.tcp("informational flood", raw::informational_flood).await;
    crowds.tcp("informational drip", raw::informational_drip).await;
    crowds.tcp("garbage", raw::garbage).await;
    crowds.tcp("compressed", |stream| raw::compressed(stream, "br", vec![0x81; 30_000])).await;
    crowds.tcp("until close", raw::http10_until_close).await;
    crowds.tcp("answers twice", raw::answers_twice).await;
    crowds.http2("http/2: never answers", h2::never_answers).await;
    crowds.http2("http/2: endless body", h2::infinite_body).await;
    crowds.http2("http/2: shut window", h2::keeps_its_window_shut).await;
    crowds.http2("http/2: pings", h2::floods_with_pings).await;
    crowds.http2("http/2: garbage", h2::talks_garbage).await;
}
