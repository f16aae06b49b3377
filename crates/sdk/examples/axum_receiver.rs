//! A receiver in axum: it lets in what bears a good signature, handles each delivery once, and answers fast.
//!
//! `CALLBACKS_SECRET=… cargo run -p callbacks-sdk --example axum_receiver`, then point a configuration at
//! `http://127.0.0.1:3000/callbacks`.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use callbacks_sdk::received::Received;
use callbacks_sdk::scheme::SignatureScheme;
use callbacks_sdk::verify::verify_request;
use tokio::net::TcpListener;

/// Deliveries remembered. A real receiver keeps them in its database, in the transaction that handles the event.
const REMEMBERED: usize = 10_000;

/// What the handler needs.
struct Receiver {
    /// The current secret and, during a rotation, the previous one.
    secrets: Vec<String>,
    /// The scheme of the configuration that calls.
    scheme: SignatureScheme,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Receiver {
    /// A receiver that has seen nothing yet.
    fn new(scheme: SignatureScheme, secrets: Vec<String>) -> Self {
        Self { secrets, scheme, seen: Mutex::default() }
    }

    /// True the first time a delivery is seen.
    fn is_new(&self, delivery: &str) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.ids.insert(delivery.to_owned()) {
            return false;
        }
        seen.order.push_back(delivery.to_owned());
        if seen.order.len() > REMEMBERED {
            let oldest = seen.order.pop_front();
            oldest.map(|oldest| seen.ids.remove(&oldest));
        }
        true
    }
}

/// The routes of the receiver.
fn app(receiver: Receiver) -> Router {
    Router::new().route("/callbacks", post(receive)).with_state(Arc::new(receiver))
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people to try")]
/// The body is taken as bytes: a signature is over what was sent, not over what a parser makes of it.
async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let texts: Vec<(&str, &str)> =
        headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let secrets: Vec<&str> = receiver.secrets.iter().map(String::as_str).collect();
    let received = Received::new(&texts, &body, now());
    if let Err(error) = verify_request(receiver.scheme, &secrets, &received) {
        eprintln!("refused: {}", error.code());
        return StatusCode::UNAUTHORIZED;
    }
    // The id is the same on every attempt; 2xx for a repeat ends the retries.
    let Some(delivery) = received.header("X-Delivery-Id") else { return StatusCode::BAD_REQUEST };
    if receiver.is_new(delivery) {
        println!("{delivery}: {}", String::from_utf8_lossy(&body));
        return StatusCode::ACCEPTED;
    }
    StatusCode::OK
}

#[expect(clippy::disallowed_methods, reason = "a receiver's clock is its machine's")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let secret = std::env::var("CALLBACKS_SECRET").map_err(std::io::Error::other)?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app(Receiver::new(SignatureScheme::Firefly, vec![secret]))).await
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use base64::Engine as _;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha2::Sha256;

    use super::*;

    fn post(address: std::net::SocketAddr, signature: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        let request = format!(
            "POST /callbacks HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-delivery-id: dlv_1\r\nx-firefly-signature: \
             {signature}\r\ncontent-length: 7\r\n\r\n{{\"a\":1}}"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_delivery_is_let_in_once_and_a_forged_one_never() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("an address");
        let receiver = Receiver::new(SignatureScheme::Firefly, vec!["new".to_owned(), "current".to_owned()]);
        let serving = tokio::spawn(async move { axum::serve(listener, app(receiver)).await });
        let mut mac = Hmac::<Sha256>::new_from_slice(b"current").expect("any key");
        mac.update(b"{\"a\":1}");
        let good = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        let answers = tokio::task::spawn_blocking(move || {
            [post(address, &good), post(address, &good), post(address, "Zm9yZ2Vk")]
        });
        assert_eq!(answers.await.expect("it was asked"), ["202", "200", "401"]);
        serving.abort();
    }
}
