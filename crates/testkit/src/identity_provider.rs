//! An identity provider: publishes its keys over HTTP, signs tokens with them, and changes them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use parking_lot::Mutex;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::owned_tasks::OwnedTasks;

/// What an RSA key in PKCS #8 has before the PKCS #1 key inside, for 2048 bits.
const PKCS8_WRAPPER: usize = 26;

/// A key pair with its id.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    algorithm: Algorithm,
    private: EncodingKey,
    public: Value,
}

impl SigningKey {
    /// A fresh key that signs with RS256.
    pub fn rs256(id: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key can be generated");
        Self::of(id, Algorithm::RS256, EncodingKey::from_rsa_der(&key.serialize_der()[PKCS8_WRAPPER..]))
    }

    /// A fresh key that signs with ES256.
    pub fn es256(id: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key can be generated");
        Self::of(id, Algorithm::ES256, EncodingKey::from_ec_der(&key.serialize_der()))
    }

    /// A fresh key that signs with Ed25519.
    pub fn ed25519(id: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key can be generated");
        let private = EncodingKey::from_ed_der(&key.serialize_der());
        let x = URL_SAFE_NO_PAD.encode(key.public_key_raw());
        let public = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": id});
        Self { id: id.to_owned(), algorithm: Algorithm::EdDSA, private, public }
    }

    fn of(id: &str, algorithm: Algorithm, private: EncodingKey) -> Self {
        let mut public = Jwk::from_encoding_key(&private, algorithm).expect("a public half");
        public.common.key_id = Some(id.to_owned());
        Self { id: id.to_owned(), algorithm, private, public: json!(public) }
    }

    /// The public half, as a member of a key set.
    pub fn jwk(&self) -> Value {
        self.public.clone()
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.clone());
        self.sign_with(&header, claims)
    }

    /// A token with a header of the test's choice.
    ///
    /// # Panics
    /// When the header asks for an algorithm of another kind of key.
    pub fn sign_with(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.private).expect("the key signs")
    }
}

/// A running provider; ends when dropped.
pub struct IdentityProvider {
    address: SocketAddr,
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<AtomicUsize>,
    _tasks: OwnedTasks,
}

impl IdentityProvider {
    /// Starts one that publishes these keys.
    ///
    /// # Panics
    /// When nothing can be listened on.
    pub async fn start(keys: &[&SigningKey]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (answer, asked) = (Arc::new(Mutex::new((200, String::new()))), Arc::new(AtomicUsize::new(0)));
        let tasks = OwnedTasks::default();
        tasks.spawn({
            let (answer, asked, tasks) = (Arc::clone(&answer), Arc::clone(&asked), OwnedTasks::default());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    asked.fetch_add(1, Ordering::SeqCst);
                    let answer = answer.lock().clone();
                    tasks.spawn(async move { respond(stream, answer).await });
                }
            }
        });
        let provider = Self { address, answer, asked, _tasks: tasks };
        provider.publish(keys);
        provider
    }

    /// Where it publishes.
    pub fn jwks_url(&self) -> String {
        format!("http://{}/jwks", self.address)
    }

    /// Publishes other keys from now on.
    pub fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.answer_with(200, &json!({ "keys": keys }).to_string());
    }

    /// Answers whatever the test wants from now on.
    pub fn answer_with(&self, status: u16, body: &str) {
        *self.answer.lock() = (status, body.to_owned());
    }

    /// How often it was asked.
    pub fn times_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn respond(mut stream: TcpStream, (status, body): (u16, String)) {
    let mut head = [0; 4096];
    // The request fits into one segment; what it says does not matter.
    if stream.read(&mut head).await.is_ok() {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} -\r\ncontent-type: application/jwk-set+json\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        );
        let _client_gone = stream.write_all(answer.as_bytes()).await;
    }
}
