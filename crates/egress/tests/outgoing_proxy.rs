//! The operator's proxy: it sees judged addresses and nothing else, and its failures are never the endpoint's.

mod support;

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_core::delivery::transport::{FailureKind, Transport};
use callbacks_core::gates::address_policy::AddressPolicy;
use callbacks_egress::dns::DnsFailure;
use callbacks_egress::proxy::{Direct, Proxies, Proxy};
use callbacks_egress::{EgressSettings, HttpTransport};
use callbacks_interfaces::endpoint_auth::ClientAuthentication;
use callbacks_testkit::certificates::CertificateAuthority;
use callbacks_testkit::connect_proxy::{ConnectProxy, Manner};
use callbacks_testkit::webhook_receiver::WebhookReceiver;
use support::{TIMEOUT, expect_failure, identity, needing_token, request, response, token, transport_with};

const NAME: &str = "hooks.example.com";
const PUBLIC: &str = "93.184.216.34";

/// Everything goes through the proxy with this URL; every name is one of `addresses`.
fn through(url: &str, addresses: &[&str]) -> HttpTransport {
    through_except(url, &[], addresses)
}

fn through_except(url: &str, direct: &[&str], addresses: &[&str]) -> HttpTransport {
    let proxy: Arc<Proxy> = Arc::new(url.parse().expect("a proxy"));
    let direct: Vec<Direct> = direct.iter().map(|text| text.parse().expect("hosts")).collect();
    let proxies = Proxies { https: Some(Arc::clone(&proxy)), http: Some(proxy), direct };
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
    transport_with(EgressSettings { proxies, ..EgressSettings::default() }, move |name| match name {
        "nowhere.internal" => Err(DnsFailure::NoAddress),
        _ => Ok(addresses.clone()),
    })
}

#[tokio::test]
async fn the_proxy_is_asked_for_the_judged_address_and_the_name_is_kept_in_host() {
    let receiver = WebhookReceiver::start().await;
    let proxy = ConnectProxy::start([Manner::TunnelTo(receiver.address())]).await;
    let transport = through(&proxy.url(), &[PUBLIC]);
    let port = receiver.address().port();
    for turn in 0..2 {
        let mut request = request(&receiver.url_at(NAME, "/a?x=1"));
        request.destination.addresses = AddressPolicy::default();
        let answer = response(transport.send(request).await);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.timings.connect.is_some(), turn == 0, "the tunnel is kept");
    }
    let expected = format!("CONNECT {PUBLIC}:{port} HTTP/1.1\r\nHost: {PUBLIC}:{port}\r\n\r\n");
    assert_eq!(proxy.heads(), [expected]);
    let seen = receiver.requests();
    assert_eq!((seen[0].path.as_str(), seen[0].host.clone()), ("/a?x=1", format!("{NAME}:{port}")));
    assert!(!seen[0].headers.keys().any(|name| name.as_str().starts_with("proxy-")));
}

#[tokio::test]
async fn literals_and_ipv6_go_through_as_well() {
    let receiver = WebhookReceiver::start().await;
    let proxy = ConnectProxy::start([Manner::TunnelTo(receiver.address())]).await;
    let transport = through(&proxy.url(), &["2606:2800:220:1::1"]);
    for url in [format!("http://{PUBLIC}:81/"), format!("http://{NAME}:82/")] {
        let mut request = request(&url);
        request.destination.addresses = AddressPolicy::default();
        assert_eq!(response(transport.send(request).await).status, 200);
    }
    assert_eq!(proxy.asked_for(), [format!("{PUBLIC}:81"), "[2606:2800:220:1::1]:82".to_owned()]);
}

#[tokio::test]
async fn what_must_not_be_dialled_is_not_asked_of_the_proxy_either() {
    let proxy = ConnectProxy::start([Manner::Tunnel]).await;
    let answers: [&[&str]; 4] =
        [&["127.0.0.1"], &[PUBLIC, "10.0.0.5"], &["::ffff:169.254.169.254"], &["168.63.129.16"]];
    for addresses in answers {
        let transport = through(&proxy.url(), addresses);
        for url in [
            &format!("http://{NAME}/"),
            "https://hooks.example.com/",
            "http://127.0.0.1:80/",
            "http://[::1]/",
        ] {
            let mut request = request(url);
            request.destination.addresses = AddressPolicy::default();
            expect_failure(transport.send(request).await, FailureKind::AddressForbidden);
        }
    }
    assert!(proxy.heads().is_empty(), "{:?}", proxy.heads());
}

#[tokio::test]
async fn tls_and_client_certificates_run_end_to_end() {
    let (server, clients) = (CertificateAuthority::new(), CertificateAuthority::new());
    let names = server.issue(&[NAME]).requiring_clients_of(&clients);
    let receiver = WebhookReceiver::start_tls(&names).await;
    let proxy = ConnectProxy::start([Manner::Tunnel]).await;
    let transport = through(&proxy.url(), &["127.0.0.1"]);
    let to = |name: &str, authority| {
        let mut request = request(&receiver.url_at(name, "/"));
        request.destination.tls = Some(identity(authority, Some(clients.issue_client("shop"))));
        request
    };
    assert_eq!(response(transport.send(to(NAME, Some(&server))).await).status, 200);
    assert_eq!(receiver.requests()[0].version, http::Version::HTTP_2);
    // The proxy cannot pass anybody else off as the endpoint.
    expect_failure(transport.send(to("other.example.com", Some(&server))).await, FailureKind::Tls);
    expect_failure(transport.send(to(NAME, None)).await, FailureKind::Tls);
    assert_eq!(receiver.count(), 1);
    assert_eq!(proxy.asked_for(), vec![receiver.host(); 3]);
}

#[tokio::test]
async fn the_proxy_learns_its_password_and_the_endpoint_does_not() {
    let receiver = WebhookReceiver::start().await;
    let proxy = ConnectProxy::start([Manner::Tunnel]).await;
    let url = proxy.url().replace("http://", "http://Aladdin:open%20sesame@");
    let transport = through(&url, &["127.0.0.1"]);
    assert_eq!(response(transport.send(request(&receiver.url_at(NAME, "/"))).await).status, 200);
    assert!(proxy.heads()[0].contains("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    assert!(!receiver.requests()[0].headers.contains_key("proxy-authorization"));
}

#[tokio::test]
async fn some_hosts_are_called_without_it() {
    let receiver = WebhookReceiver::start().await;
    let proxy = ConnectProxy::start([Manner::Tunnel]).await;
    let transport = through_except(&proxy.url(), &["example.com", "127.0.0.0/8"], &["127.0.0.1"]);
    for (url, tunnels) in
        [(receiver.url_at(NAME, "/"), 0), (receiver.url("/"), 0), (receiver.url_at("a.example", "/"), 1)]
    {
        assert_eq!(response(transport.send(request(&url)).await).status, 200);
        assert_eq!(proxy.heads().len(), tunnels, "{url}");
    }
}

#[tokio::test]
async fn each_judged_address_is_asked_for_in_turn() {
    let receiver = WebhookReceiver::start().await;
    let answers =
        [Manner::Answer("HTTP/1.1 504 Gateway Timeout\r\n\r\n"), Manner::TunnelTo(receiver.address())];
    let proxy = ConnectProxy::start(answers).await;
    let transport = through(&proxy.url(), &["127.0.0.2", "127.0.0.1"]);
    assert_eq!(response(transport.send(request("http://hooks.example.com:83/")).await).status, 200);
    assert_eq!(proxy.asked_for(), ["127.0.0.2:83", "127.0.0.1:83"]);
}

#[tokio::test]
async fn failures_of_the_proxy_are_told_from_those_of_the_endpoint() {
    use FailureKind::{Connect, Proxy, Tunnel};
    let cases = [
        (
            Manner::Answer("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"),
            Proxy,
        ),
        (Manner::Answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"), Proxy),
        (Manner::Answer("HTTP/1.1 500 Oops\r\nProxy-Status: p; error=proxy_internal_error\r\n\r\n"), Proxy),
        (Manner::Answer("SSH-2.0-OpenSSH_9.2\r\n\r\n"), Proxy),
        (Manner::Answer("HTTP/1.1 200 Conn"), Proxy),
        (Manner::Endless("HTTP/1.1 100 Continue\r\n\r\n"), Proxy),
        (Manner::Endless("HTTP/1.1 200 OK\r\nX: "), Proxy),
        (Manner::Answer("HTTP/1.1 502 Bad Gateway\r\n\r\n"), Tunnel),
        (Manner::Answer("HTTP/1.1 503 Service Unavailable\r\n\r\n"), Tunnel),
        (Manner::Close, Tunnel),
        (Manner::Silent, Tunnel),
        (Manner::Answer("HTTP/1.1 502 Bad\r\nProxy-Status: p; error=connection_refused\r\n\r\n"), Connect),
        (Manner::Answer("HTTP/1.1 503 No\r\nX-Squid-Error: ERR_CONNECT_FAIL 110\r\n\r\n"), Connect),
    ];
    for (manner, kind) in cases {
        let proxy = ConnectProxy::start([manner.clone()]).await;
        let transport = through(&proxy.url(), &["127.0.0.1"]);
        let started = Instant::now();
        let failed = transport.send(request("http://hooks.example.com:84/")).await;
        assert!(
            started.elapsed() < TIMEOUT + Duration::from_millis(500),
            "{manner:?}: {:?}",
            started.elapsed()
        );
        let failure = expect_failure(failed, kind);
        assert_eq!(failure.message.contains(NAME), kind == Connect, "{manner:?}: {}", failure.message);
        assert_eq!(
            failure.message.contains("outgoing proxy"),
            kind != Connect,
            "{manner:?}: {}",
            failure.message
        );
        assert!(!failure.message.contains("127.0.0.1"), "leaks: {}", failure.message);
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_not_the_endpoints_fault() {
    // Bound and let go: nothing listens there.
    let bound = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let gone = bound.local_addr().expect("a bound listener has an address");
    drop(bound);
    for url in [format!("http://{gone}"), "http://nowhere.internal:3128".to_owned()] {
        let transport = through(&url, &["127.0.0.1"]);
        let failed = transport.send(request("http://hooks.example.com:85/")).await;
        let failure = expect_failure(failed, FailureKind::Proxy);
        assert!(!failure.message.contains("internal"), "leaks: {}", failure.message);
    }
}

#[tokio::test]
async fn access_tokens_are_fetched_through_it_and_its_failures_stay_its_own() {
    let (receiver, server) = (WebhookReceiver::start().await, WebhookReceiver::start().await);
    server.answer_all(token("abc", 60));
    let refused = Manner::Answer("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    let proxy = ConnectProxy::start([refused, Manner::Tunnel]).await;
    let transport = through(&proxy.url(), &["127.0.0.1"]);
    let url = receiver.url_at(NAME, "/");
    let wanting = || needing_token(&url, &server, ClientAuthentication::Header);
    let failure = expect_failure(transport.send(wanting()).await, FailureKind::Proxy);
    assert!(failure.message.contains("no access token"), "{}", failure.message);
    // Within the pause nobody asks again, and it is still the proxy's failure.
    expect_failure(transport.send(wanting()).await, FailureKind::Proxy);
    assert_eq!(proxy.heads().len(), 1);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(response(transport.send(wanting()).await).status, 200);
    assert_eq!(proxy.asked_for()[1..], [server.host(), receiver.host()]);
}

#[tokio::test]
async fn a_proxy_that_falls_silent_while_a_token_is_fetched_is_named_too() {
    let server = WebhookReceiver::start().await;
    let proxy = ConnectProxy::start([Manner::Silent]).await;
    let transport = through(&proxy.url(), &["127.0.0.1"]);
    let wanting = needing_token("http://hooks.example.com/", &server, ClientAuthentication::Header);
    expect_failure(transport.send(wanting).await, FailureKind::Tunnel);
}
