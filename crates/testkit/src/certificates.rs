//! A certificate authority of the test's own, and servers with good and bad certificates.

use std::sync::Arc;

use callbacks_core::clock::{Clock, SystemClock};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

/// Signs certificates; clients trust it by its [`CertificateAuthority::pem`].
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// How a server presents itself.
#[derive(Debug, Clone)]
pub struct ServerIdentity {
    /// Ready for a TLS acceptor.
    pub config: Arc<ServerConfig>,
}

impl Default for CertificateAuthority {
    fn default() -> Self {
        Self::new()
    }
}

impl CertificateAuthority {
    /// A fresh authority.
    ///
    /// # Panics
    /// When keys cannot be generated.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key can be generated");
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names are always valid");
        // A name of its own, so that one authority is never taken for another with a broken signature.
        let name = format!("Callbacks test authority {}", uuid::Uuid::now_v7());
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).expect("the authority signs itself");
        Self { pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// What a client has to trust, as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server whose certificate is valid now, for these names or addresses.
    pub fn issue(&self, names: &[&str]) -> ServerIdentity {
        let now = SystemClock.now();
        self.issue_for(names, now - Duration::days(1), now + Duration::days(30))
    }

    /// A server whose certificate ended yesterday.
    pub fn issue_expired(&self, names: &[&str]) -> ServerIdentity {
        let now = SystemClock.now();
        self.issue_for(names, now - Duration::days(30), now - Duration::days(1))
    }

    /// A server whose certificate starts tomorrow.
    pub fn issue_not_yet_valid(&self, names: &[&str]) -> ServerIdentity {
        let now = SystemClock.now();
        self.issue_for(names, now + Duration::days(1), now + Duration::days(30))
    }

    fn issue_for(&self, names: &[&str], from: OffsetDateTime, until: OffsetDateTime) -> ServerIdentity {
        let key = KeyPair::generate().expect("a key can be generated");
        let certificate =
            params(names, from, until).signed_by(&key, &self.issuer).expect("the authority signs");
        identity(certificate.der().clone(), &key)
    }
}

/// A server whose certificate is signed by nobody else.
///
/// # Panics
/// When keys cannot be generated.
pub fn self_signed(names: &[&str]) -> ServerIdentity {
    let now = SystemClock.now();
    let key = KeyPair::generate().expect("a key can be generated");
    let params = params(names, now - Duration::days(1), now + Duration::days(30));
    let certificate = params.self_signed(&key).expect("the server signs itself");
    identity(certificate.der().clone(), &key)
}

fn params(names: &[&str], from: OffsetDateTime, until: OffsetDateTime) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("test names are valid");
    params.not_before = from;
    params.not_after = until;
    params
}

fn identity(certificate: CertificateDer<'static>, key: &KeyPair) -> ServerIdentity {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("key and certificate belong together");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    ServerIdentity { config: Arc::new(config) }
}

impl ServerIdentity {
    /// The same server, but without HTTP/2.
    #[must_use]
    pub fn http1_only(&self) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { config: Arc::new(config) }
    }
}
