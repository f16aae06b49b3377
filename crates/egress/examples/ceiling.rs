//! How close the transport comes to bare hyper: 500-byte POSTs over 64 connections to a receiver that only counts.
//!
//! `cargo run --release -p callbacks-egress --example ceiling [seconds]`

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callbacks_core::delivery::transport::{Destination, Outcome, Transport, WireRequest};
use callbacks_core::gates::address_policy::AddressPolicy;
use callbacks_egress::{EgressSettings, HttpTransport};
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantId;
use callbacks_testkit::load_receiver::LoadReceiver;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CONNECTIONS: usize = 64;
const BODY: Bytes = Bytes::from_static(&[b'x'; 500]);

/// One way of sending; every worker has its own clone.
enum Sender {
    Bare(SendRequest<Full<Bytes>>, String),
    Legacy(Box<Client<HttpConnector, Full<Bytes>>>, String),
    Transport(Arc<HttpTransport>, Box<Destination>),
}

impl Sender {
    async fn send(&mut self) -> bool {
        match self {
            Sender::Bare(sender, host) => {
                if sender.ready().await.is_err() {
                    return false;
                }
                let mut request = request("/hook");
                request.headers_mut().insert("host", HeaderValue::try_from(host.as_str()).expect("a host"));
                match sender.send_request(request).await {
                    Ok(response) => response.into_body().collect().await.is_ok(),
                    Err(_) => false,
                }
            }
            Sender::Legacy(client, url) => match client.request(request(url)).await {
                Ok(response) => response.into_body().collect().await.is_ok(),
                Err(_) => false,
            },
            Sender::Transport(transport, destination) => {
                let request = WireRequest {
                    destination: Destination::clone(destination),
                    method: Method::POST,
                    headers: headers(),
                    body: BODY,
                    timeout: Duration::from_secs(10),
                };
                matches!(transport.send(request).await, Outcome::Response(answer) if answer.status == 200)
            }
        }
    }
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("user-agent", HeaderValue::from_static("callbacks/0.1"));
    headers.insert("x-firefly-event-type", HeaderValue::from_static("customer.created"));
    headers
        .insert("x-firefly-signature", HeaderValue::from_static("c2lnbmF0dXJlLXNpZ25hdHVyZS1zaWduYXR1cmU="));
    headers
}

fn request(uri: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(BODY));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.parse().expect("a URI");
    *request.headers_mut() = headers();
    request
}

async fn bare(receiver: &LoadReceiver) -> Vec<Sender> {
    let mut senders = Vec::new();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(receiver.address()).await.expect("the receiver accepts");
        stream.set_nodelay(true).expect("a connected socket");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("a handshake");
        tokio::spawn(connection);
        senders.push(Sender::Bare(sender, receiver.address().to_string()));
    }
    senders
}

fn legacy(receiver: &LoadReceiver) -> Vec<Sender> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    (0..CONNECTIONS).map(|_| Sender::Legacy(Box::new(client.clone()), receiver.url("/hook"))).collect()
}

fn transport(receiver: &LoadReceiver) -> Vec<Sender> {
    let transport = Arc::new(HttpTransport::new(EgressSettings::default()).expect("the way out opens"));
    let destination = Destination {
        tenant: TenantId::default_tenant(),
        configuration: ConfigurationId::now_v7(),
        url: Arc::new(CallbackUrl::try_from(receiver.url("/hook").as_str()).expect("a URL")),
        addresses: AddressPolicy::allowing(vec!["127.0.0.0/8".parse().expect("a network")]),
        allowed_ips: None,
        tls: None,
        token_source: None,
    };
    (0..CONNECTIONS)
        .map(|_| Sender::Transport(Arc::clone(&transport), Box::new(destination.clone())))
        .collect()
}

async fn measure(name: &str, senders: Vec<Sender>, length: Duration) {
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let mut workers = JoinSet::new();
    for mut sender in senders {
        workers.spawn(async move {
            let mut sent = 0_u64;
            while started.elapsed() < length {
                assert!(sender.send().await, "every request is answered");
                sent += 1;
            }
            sent
        });
    }
    let sent: u64 = workers.join_all().await.into_iter().sum();
    let rate = sent as f64 / started.elapsed().as_secs_f64();
    let cost = (cpu_seconds() - cpu) * 1e6 / sent as f64;
    let line =
        format!("{name:38} {rate:>8.0} requests/s, {cost:>5.1} us CPU each with the receiver's share\n");
    std::io::stdout().write_all(line.as_bytes()).expect("a terminal");
}

/// CPU time of this process so far; zero where `/proc` is missing.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3);
    let length = Duration::from_secs(seconds);
    for _round in 0..3 {
        let receiver = LoadReceiver::start().await;
        measure("raw hyper, a task per connection", bare(&receiver).await, length).await;
        measure("hyper-util legacy client", legacy(&receiver), length).await;
        measure("HttpTransport", transport(&receiver), length).await;
    }
}
