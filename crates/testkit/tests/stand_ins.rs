//! The stand-ins do what they say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callbacks_core::delivery::transport::{Destination, FailureKind, Outcome, Transport, WireRequest};
use callbacks_core::gates::address_policy::AddressPolicy;
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantId;
use callbacks_testkit::chaos_proxy::{ChaosProxy, Weather};
use callbacks_testkit::load_receiver::LoadReceiver;
use callbacks_testkit::scripted_transport::{ScriptedTransport, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi";

/// One request over `stream`: how long the first byte of the answer took, or `None` when the connection ended.
async fn ask(stream: &mut TcpStream) -> Option<Duration> {
    let started = Instant::now();
    stream.write_all(REQUEST).await.ok()?;
    let mut answer = [0; 256];
    let read = stream.read(&mut answer).await.ok()?;
    (read > 0).then(|| started.elapsed())
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("a listening address")
}

#[tokio::test]
async fn the_proxy_delays_swallows_and_cuts() {
    let receiver = LoadReceiver::start().await;
    let proxy = ChaosProxy::start(receiver.address()).await;
    let mut stream = connect(proxy.address()).await;
    assert!(ask(&mut stream).await.is_some());

    proxy.set(Weather { latency: Duration::from_millis(60), ..Weather::default() });
    let slow = ask(&mut stream).await.expect("an answer");
    assert!(slow >= Duration::from_millis(120), "both ways are delayed: {slow:?}");

    proxy.set(Weather { black_hole: true, ..Weather::default() });
    assert!(timeout(Duration::from_millis(100), ask(&mut stream)).await.is_err());
    assert_eq!(receiver.count(), 2);

    proxy.set(Weather::default());
    proxy.cut();
    assert!(ask(&mut stream).await.is_none());
    assert!(ask(&mut connect(proxy.address()).await).await.is_some());
}

fn request(url: &str) -> WireRequest {
    WireRequest {
        destination: Destination {
            tenant: TenantId::default_tenant(),
            configuration: ConfigurationId::now_v7(),
            url: Arc::new(CallbackUrl::try_from(url).expect("a URL")),
            addresses: AddressPolicy::default(),
            allowed_ips: None,
            tls: None,
            token_source: None,
        },
        method: http::Method::POST,
        headers: http::HeaderMap::new(),
        body: Bytes::new(),
        timeout: Duration::from_millis(50),
    }
}

#[tokio::test]
async fn the_scripted_transport_follows_its_script_and_repeats_the_last_step() {
    let transport = ScriptedTransport::default();
    let late = Step::After(Duration::from_secs(9), callbacks_testkit::scripted_transport::response(200));
    transport.script("http://a.example/", [Step::status(503), Step::failure(FailureKind::Reset), late]);
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(match transport.send(request("http://a.example/")).await {
            Outcome::Response(response) => response.status.to_string(),
            Outcome::Failure(failure) => failure.kind.as_str().to_owned(),
        });
    }
    assert_eq!(seen, ["503", "reset", "timeout", "timeout"]);
    assert!(
        matches!(transport.send(request("http://b.example/")).await, Outcome::Response(answer) if answer.status == 200)
    );
    assert_eq!(transport.wait_for(5).await.len(), 5);
}
