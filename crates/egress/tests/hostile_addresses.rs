//! The catalogue's URLs, DNS answers and redirects: what would be dialled is recorded, and nothing is ever sent there.

mod support;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use callbacks_core::delivery::transport::{FailureKind, Outcome, Transport, WireRequest};
use callbacks_core::delivery::verdict::{Verdict, verdict};
use callbacks_core::gates::address_policy::AddressPolicy;
use callbacks_core::wire::headers::redacted;
use callbacks_egress::dns::DnsFailure;
use callbacks_egress::{Dialer, EgressSettings, HttpTransport, NameResolver};
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use callbacks_testkit::webhook_receiver::{Answer, WebhookReceiver};
use parking_lot::Mutex;
use support::{request, response};

const PUBLIC: &str = "93.184.216.34";

type Dials = Arc<Mutex<Vec<SocketAddr>>>;

/// A way out that records what it would dial, and connects to `receiver` instead where there is one.
fn recording(
    receiver: Option<SocketAddr>,
    lookup: impl Fn(&str) -> Result<Vec<IpAddr>, DnsFailure> + Send + Sync + 'static,
) -> (HttpTransport, Dials) {
    let dials = Dials::default();
    let recorded = Arc::clone(&dials);
    let dialer = Dialer::Scripted(Arc::new(move |address| {
        recorded.lock().push(address);
        receiver.ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }));
    let resolver = NameResolver::Scripted(Arc::new(lookup));
    let transport = HttpTransport::with_network(EgressSettings::default(), resolver, dialer);
    (transport.expect("the way out opens"), dials)
}

/// A request under the default policy, to a domain that is authorized also for http; or why the URL cannot be saved.
fn guarded(url: &str) -> Result<WireRequest, String> {
    CallbackUrl::try_from(url).map_err(|error| error.to_string())?;
    let mut request = request(url);
    request.destination.addresses = AddressPolicy::default();
    Ok(request)
}

fn addresses(texts: &serde_json::Value) -> Vec<IpAddr> {
    let texts = texts.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
    texts.filter_map(|text| text.parse().ok()).collect()
}

/// What this machine would send from, in place of the catalogue's placeholders.
fn with_own_address(url: &str) -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let own = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    let own = own.map_or_else(|_no_route| "127.0.0.1".to_owned(), |own| own.ip().to_string());
    url.replace("{POD_IP}", &own).replace("{ADMIN_PORT}", "8081")
}

/// Sends under the guard; the failure's text, when it was refused without a dial.
async fn refusal(entry: &Entry, transport: &HttpTransport, url: &str) -> String {
    let request = match guarded(url) {
        Ok(request) => request,
        Err(refused) => return format!("refused when saved: {refused}"),
    };
    match transport.send(request).await {
        Outcome::Failure(failure) if failure.kind == FailureKind::AddressForbidden => failure.message,
        other => panic!("{}: {other:?}", entry.id),
    }
}

#[tokio::test]
async fn hostile_urls_are_not_dialled() {
    let mut section = Section::new("ssrf_url", file!());
    for entry in entries("ssrf_url") {
        // The name server would answer with a public address, so that a name is refused for what it is.
        let (transport, dials) = recording(None, |_| Ok(vec![PUBLIC.parse().expect("an address")]));
        let url = with_own_address(entry.text("url"));
        let refused = refusal(&entry, &transport, &url).await;
        assert!(dials.lock().is_empty(), "{}: {:?}", entry.id, dials.lock());
        let refused =
            if entry.text("url") == url { refused } else { "refused: not a public address".to_owned() };
        section.record(&entry, &format!("0 dials; {refused}"));
    }
    section.finish();
}

#[tokio::test]
async fn hostile_answers_of_name_servers_are_not_dialled() {
    let mut section = Section::new("ssrf_dns", file!());
    for entry in entries("ssrf_dns") {
        let (host, answers) =
            entry.input["dns"].as_object().and_then(|names| names.iter().next()).expect("a name");
        let (host, found) = (host.clone(), addresses(answers));
        let marker = answers[0].as_str().unwrap_or_default().to_owned();
        let (transport, dials) = recording(None, move |asked| {
            // Asked for exactly this name: no search domain is appended.
            assert_eq!(asked, host);
            match marker.as_str() {
                "<timeout 10s>" => Err(DnsFailure::Timeout),
                "<SERVFAIL>" => Err(DnsFailure::ServerFailure),
                "<only in /etc/hosts as 127.0.0.1>" => Ok(vec![IpAddr::from([127, 0, 0, 1])]),
                _ if found.is_empty() => Err(DnsFailure::NoAddress),
                _ => Ok(found.clone()),
            }
        });
        let result = match guarded(entry.text("url")) {
            Err(refused) => {
                assert_eq!(entry.verdict(), "reject", "{}: {refused}", entry.id);
                format!("refused when saved: {refused}")
            }
            Ok(request) => {
                let outcome = transport.send(request).await;
                let failure = support::failure(outcome.clone());
                let (kind, judged) = (failure.kind, verdict(&outcome));
                match entry.verdict() {
                    "block" => assert_eq!(kind, FailureKind::AddressForbidden, "{}", entry.id),
                    "fail_retry" => {
                        assert_eq!(kind, FailureKind::Dns, "{}", entry.id);
                        assert!(matches!(judged, Verdict::Retry { .. }), "{}: {judged:?}", entry.id);
                    }
                    other => panic!("{}: {other}, and yet it was sent: {failure:?}", entry.id),
                }
                failure.message
            }
        };
        assert!(dials.lock().is_empty(), "{}: {:?}", entry.id, dials.lock());
        section.record(&entry, &format!("0 dials; {result}"));
    }
    section.finish();
}

#[tokio::test]
async fn public_addresses_are_dialled() {
    let mut section = Section::new("ssrf_control_allow", file!());
    for entry in entries("ssrf_control_allow") {
        let answer = addresses(&entry.input["dns_answer"]);
        let (transport, dials) = recording(None, move |_| Ok(answer.clone()));
        let request = guarded(entry.text("url")).unwrap_or_else(|refused| panic!("{}: {refused}", entry.id));
        let canonical = request.destination.url.to_string();
        let failure = support::failure(transport.send(request).await);
        assert_eq!(failure.kind, FailureKind::Connect, "{}: {failure:?}", entry.id);
        let dials = dials.lock().clone();
        assert_eq!(Some(dials.len() as u64), entry.expected_number("dials"), "{}: {dials:?}", entry.id);
        section.record(&entry, &format!("1 dial: {} for {canonical}", dials[0]));
    }
    section.finish();
}

#[tokio::test]
async fn redirects_end_where_they_are_answered() {
    let mut section = Section::new("ssrf_redirect", file!());
    for entry in entries("ssrf_redirect") {
        let receiver = WebhookReceiver::start().await;
        let reply = &entry.input["endpoint_reply"];
        let status = u16::try_from(reply["status"].as_u64().expect("a status")).expect("a status");
        let answer = Answer::status(status);
        let location = reply["location"].as_str();
        receiver.answer_all(match location {
            Some(location) => answer.header("location", location),
            None => answer,
        });
        let (transport, dials) =
            recording(Some(receiver.address()), |_| Ok(vec![PUBLIC.parse().expect("an address")]));
        let request = guarded("http://hooks.example.com/hook").expect("a URL");
        let outcome = transport.send(request).await;
        let judged = verdict(&outcome);
        assert!(matches!(judged, Verdict::Permanent { .. }), "{}: {judged:?}", entry.id);
        let answered = response(outcome);
        assert_eq!(Some(u64::from(answered.status)), entry.expected_number("attempt_status"), "{}", entry.id);
        assert_eq!(Some(dials.lock().len() as u64), entry.expected_number("dials"), "{}", entry.id);
        let stored = redacted(&answered.headers);
        assert!(!stored.contains("user:pw"), "{}: {stored}", entry.id);
        let masked = if stored.contains("***@") { "; Location is stored without its password" } else { "" };
        section.record(&entry, &format!("1 dial; {}{masked}", judged.reason().unwrap_or_default()));
    }
    section.finish();
}

#[test]
fn what_is_no_callback_url_is_refused() {
    let mut section = Section::new("url_syntax", file!());
    for entry in entries("url_syntax") {
        let parsed = CallbackUrl::try_from(entry.text("url"));
        let result = match (entry.verdict(), parsed) {
            ("reject", Err(refused)) => format!("refused: {refused}"),
            ("accept", Ok(url)) => {
                assert_eq!(Some(url.as_str()), entry.expect["canonical"].as_str(), "{}", entry.id);
                format!("accepted as {url}")
            }
            (verdict, parsed) => panic!("{}: {verdict}, and yet {parsed:?}", entry.id),
        };
        section.record(&entry, &result);
    }
    section.finish();
}
