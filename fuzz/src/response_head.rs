//! Whatever an endpoint answers is judged within its bounds, and what is said about it can be stored and shown.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbacks_core::delivery::retry_after::{LONGEST_RETRY_AFTER, retry_after};
use callbacks_core::delivery::transport::{Destination, FailureKind, Outcome, Transport as _, WireRequest};
use callbacks_core::delivery::verdict::{Verdict, verdict_under};
use callbacks_core::domain_proof::consent::judge;
use callbacks_core::gates::address_policy::AddressPolicy;
use callbacks_core::wire::headers::redacted;
use callbacks_egress::{EgressSettings, HttpTransport};
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::named_enum::NamedEnum as _;
use callbacks_interfaces::tenant::TenantId;
use callbacks_interfaces::wire_profile::WireProfile;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

const BODY_MAX: usize = 1000;
const HEAD_MAX: usize = 2000;

thread_local! {
    static ENDPOINT: OnceCell<Endpoint> = const { OnceCell::new() };
}

/// The bytes are all that an endpoint says before it closes, over a connection of this machine to itself.
pub fn survives(data: &[u8]) {
    let outcome = ENDPOINT.with(|endpoint| endpoint.get_or_init(Endpoint::open).answered_with(data));
    match &outcome {
        Outcome::Response(response) => {
            assert!((100..1000).contains(&response.status) && response.body.len() <= BODY_MAX);
            holds_of_headers(response.status, &response.headers);
        }
        Outcome::Failure(failure) => {
            let expected = [FailureKind::Reset, FailureKind::InvalidResponse];
            assert!(expected.contains(&failure.kind), "{failure:?}");
            is_fit_to_show(&failure.message);
        }
    }
    for (_, profile) in WireProfile::ALL {
        let verdict = verdict_under(*profile, &outcome);
        verdict.reason().into_iter().for_each(is_fit_to_show);
        let good = matches!(&outcome, Outcome::Response(response) if (200..300).contains(&response.status));
        assert!(good || verdict != Verdict::Delivered, "{outcome:?}");
    }
}

fn holds_of_headers(status: u16, headers: &HeaderMap) {
    if let Some(wait) = retry_after(headers, OffsetDateTime::UNIX_EPOCH) {
        assert!(wait <= LONGEST_RETRY_AFTER, "{wait:?}");
    }
    let kept = redacted(headers);
    assert!(serde_json::from_str::<Value>(&kept).is_ok() && !kept.contains("\\u0000"), "{kept}");
    match judge(status, headers, &HeaderValue::from_static("callbacks.example")) {
        Ok(consent) => {
            assert!((200..300).contains(&status) && headers.contains_key("webhook-allowed-origin"));
            assert_ne!(consent.rate, Some(0));
        }
        Err(reason) => is_fit_to_show(&reason),
    }
}

/// For the tenant to read and PostgreSQL to store.
fn is_fit_to_show(text: &str) {
    assert!(!text.chars().any(char::is_control) && text.chars().count() <= 2000, "{text:?}");
}

/// Production's transport, and a socket it is sent to.
struct Endpoint {
    runtime: Runtime,
    listener: TcpListener,
    transport: HttpTransport,
    request: WireRequest,
}

impl Endpoint {
    fn open() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (listener, transport) = runtime.block_on(async {
            let settings = EgressSettings {
                max_response_body: BODY_MAX,
                max_response_head: HEAD_MAX,
                // Each answer comes over a connection of its own.
                max_idle_per_host: 0,
                ..EgressSettings::default()
            };
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            (listener, HttpTransport::new(settings).expect("the way out opens"))
        });
        let request = request(listener.local_addr().expect("an address"));
        Self { runtime, listener, transport, request }
    }

    fn answered_with(&self, data: &[u8]) -> Outcome {
        let answering = async {
            let (mut stream, _) = self.listener.accept().await.expect("a connection");
            let mut asked = [0; 1024];
            let _asked = stream.read(&mut asked).await.expect("a request");
            // A client that has seen enough may have gone.
            let _gone = stream.write_all(data).await;
            let _gone = stream.shutdown().await;
            stream
        };
        let sending = self.transport.send(self.request.clone());
        self.runtime.block_on(async { tokio::join!(sending, answering) }).0
    }
}

fn request(address: SocketAddr) -> WireRequest {
    let loopback = "127.0.0.0/8".parse().expect("a network");
    WireRequest {
        destination: Destination {
            tenant: TenantId::try_from("acme").expect("a tenant"),
            configuration: ConfigurationId::from(Uuid::from_u128(1)),
            url: Arc::new(CallbackUrl::try_from(format!("http://{address}/").as_str()).expect("a URL")),
            addresses: AddressPolicy::allowing([loopback]),
            allowed_ips: None,
            tls: None,
            token_source: None,
        },
        method: Method::POST,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: Duration::from_secs(5),
    }
}
