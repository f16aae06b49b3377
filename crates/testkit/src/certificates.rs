//! A certificate authority of the test's own, and servers with good and bad certificates.

use std::sync::Arc;

use callbacks_core::clock::{Clock, SystemClock};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use time::{Duration, OffsetDateTime};

/// Signs certificates; clients trust it by its [`CertificateAuthority::pem`].
pub struct CertificateAuthority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A client certificate and its key, as PEM.
#[derive(Debug, Clone)]
pub struct ClientPem {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// How a server presents itself.
#[derive(Debug, Clone)]
pub struct ServerIdentity {
    /// Ready for a TLS acceptor.
    pub config: Arc<ServerConfig>,
    pub(crate) clients: Option<Arc<dyn ClientCertVerifier>>,
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

    /// A client certificate in this name.
    ///
    /// # Panics
    /// When keys cannot be generated.
    pub fn issue_client(&self, name: &str) -> ClientPem {
        self.issue_client_until(name, SystemClock.now() + Duration::days(30))
    }

    /// A client certificate that ended yesterday.
    pub fn issue_expired_client(&self, name: &str) -> ClientPem {
        self.issue_client_until(name, SystemClock.now() - Duration::days(1))
    }

    fn issue_client_until(&self, name: &str, until: OffsetDateTime) -> ClientPem {
        let key = KeyPair::generate().expect("a key can be generated");
        let mut params = params(&[name], until - Duration::days(60), until);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority signs");
        ClientPem { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn issue_for(&self, names: &[&str], from: OffsetDateTime, until: OffsetDateTime) -> ServerIdentity {
        let key = KeyPair::generate().expect("a key can be generated");
        let certificate =
            params(names, from, until).signed_by(&key, &self.issuer).expect("the authority signs");
        identity(vec![certificate.der().clone()], &key)
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
    identity(vec![certificate.der().clone()], &key)
}

fn params(names: &[&str], from: OffsetDateTime, until: OffsetDateTime) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("test names are valid");
    params.not_before = from;
    params.not_after = until;
    params
}

/// What a certificate for these names says that is valid now.
pub(crate) fn currently(names: &[&str]) -> CertificateParams {
    let now = SystemClock.now();
    params(names, now - Duration::days(1), now + Duration::days(30))
}

pub(crate) fn identity(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> ServerIdentity {
    serving(chain, PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())))
}

pub(crate) fn serving(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> ServerIdentity {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("key and certificate belong together");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    ServerIdentity { config: Arc::new(config), clients: None }
}

impl ServerIdentity {
    /// The same server, but only for clients that show a certificate of `authority`.
    ///
    /// # Panics
    /// When the authority's certificate cannot be read back.
    #[must_use]
    pub fn requiring_clients_of(&self, authority: &CertificateAuthority) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        let pem = CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("the authority wrote it");
        roots.add(pem).expect("an authority's certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .expect("there is an authority");
        Self { config: Arc::clone(&self.config), clients: Some(verifier) }.speaking(rustls::DEFAULT_VERSIONS)
    }

    /// The same server, but nothing newer than TLS 1.2.
    ///
    /// # Panics
    /// When TLS cannot be set up.
    #[must_use]
    pub fn tls12_only(&self) -> Self {
        self.speaking(&[&rustls::version::TLS12])
    }

    /// The same server, but nothing older than TLS 1.3.
    ///
    /// # Panics
    /// When TLS cannot be set up.
    #[must_use]
    pub fn tls13_only(&self) -> Self {
        self.speaking(&[&rustls::version::TLS13])
    }

    fn speaking(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("the provider supports the version");
        let builder = match &self.clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(clients)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&self.config.cert_resolver));
        config.alpn_protocols.clone_from(&self.config.alpn_protocols);
        Self { config: Arc::new(config), clients: self.clients.clone() }
    }

    /// The same server, but without HTTP/2.
    #[must_use]
    pub fn http1_only(&self) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { config: Arc::new(config), clients: self.clients.clone() }
    }
}
