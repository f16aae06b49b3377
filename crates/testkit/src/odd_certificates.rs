//! Certificates that are well made and yet not good for what they are shown for, and servers particular about whom they serve.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::certificates::{CertificateAuthority, ServerIdentity, currently, identity, serving};

impl CertificateAuthority {
    /// A server whose certificate names it the old way, as common name and nowhere else.
    pub fn issue_with_common_name(&self, name: &str) -> ServerIdentity {
        let mut params = currently(&[]);
        params.distinguished_name.push(DnType::CommonName, name);
        sign(&params, &self.issuer, Vec::new())
    }

    /// A server with a certificate that is only good for clients.
    pub fn issue_for_clients_only(&self, names: &[&str]) -> ServerIdentity {
        let mut params = currently(names);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        sign(&params, &self.issuer, Vec::new())
    }

    /// A server for `names` whose certificate comes from an authority below this one that may only sign for `domain`.
    ///
    /// # Panics
    /// When keys cannot be generated.
    pub fn issue_through_one_only_for(&self, domain: &str, names: &[&str]) -> ServerIdentity {
        let key = KeyPair::generate().expect("a key can be generated");
        let mut params = currently(&[]);
        params.distinguished_name.push(DnType::CommonName, format!("Only for {domain}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
            excluded_subtrees: Vec::new(),
        });
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority signs");
        sign(&currently(names), &Issuer::new(params, key), vec![certificate.der().clone()])
    }
}

/// A server with an RSA key of its own, under an authority that is above suspicion. Libraries of today refuse to serve with
/// short ones, so Python's does.
#[derive(Debug)]
pub struct RsaServer {
    port: u16,
    said: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl RsaServer {
    /// What a client has to trust, as PEM. The certificates are for hooks.example.com.
    pub const AUTHORITY_PEM: &str = include_str!("../vectors/weak_tls/rsa_keys_authority.pem");

    /// Starts one for a single connection; `bits` of its key are 1024 or 2048.
    ///
    /// # Panics
    /// When there is no `python3`, or it does not serve.
    pub async fn start(bits: u16) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/weak_tls");
        let mut command = Command::new("python3");
        command.arg(folder.join("serve.py")).arg(folder.join(format!("rsa{bits}_key.pem")));
        let started = command.stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut process = started.expect("python3 is there");
        let mut said = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let port = number(&mut said).await;
        Self { port, said, _process: process }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Octets of HTTP it read, once the connection is over.
    ///
    /// # Panics
    /// When it ended without saying so.
    pub async fn received(mut self) -> usize {
        number(&mut self.said).await.into()
    }
}

async fn number(said: &mut Lines<BufReader<ChildStdout>>) -> u16 {
    let line = said.next_line().await.expect("readable").expect("the server says a number");
    line.parse().expect("a number")
}

/// A server whose certificate has a signature nobody should accept any more; made once, because today's tools refuse to.
#[derive(Debug, Clone, Copy)]
pub struct WeakServer {
    /// What a client has to trust, as PEM.
    pub authority_pem: &'static str,
    certificate: &'static str,
    key: &'static str,
}

impl WeakServer {
    /// Signed with RSA and SHA-1, for hooks.example.com.
    pub const SHA1: Self = Self {
        authority_pem: include_str!("../vectors/weak_tls/sha1_authority.pem"),
        certificate: include_str!("../vectors/weak_tls/sha1_server.pem"),
        key: include_str!("../vectors/weak_tls/sha1_server.key"),
    };
    /// Signed with an RSA key of 1,024 bits, for hooks.example.com.
    pub const RSA1024: Self = Self {
        authority_pem: include_str!("../vectors/weak_tls/rsa1024_authority.pem"),
        certificate: include_str!("../vectors/weak_tls/rsa1024_server.pem"),
        key: include_str!("../vectors/weak_tls/rsa1024_server.key"),
    };

    /// The server.
    ///
    /// # Panics
    /// When its files are damaged.
    pub fn identity(&self) -> ServerIdentity {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        serving(vec![certificate], key)
    }
}

impl ServerIdentity {
    /// The same server, but it refuses whoever does not ask for `name` (SNI).
    #[must_use]
    pub fn selecting_by_name(&self, name: &str) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        let resolver = Arc::clone(&self.config.cert_resolver);
        config.cert_resolver = Arc::new(OnlyFor { name: name.to_owned(), resolver });
        Self { config: Arc::new(config), clients: self.clients.clone() }
    }

    /// The same server in TLS 1.2, for a test that goes on where its library stops. It offers nothing but AES-256-GCM.
    ///
    /// # Panics
    /// When TLS cannot be set up.
    #[must_use]
    pub fn with_extractable_secrets(&self) -> Self {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.cipher_suites = vec![TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384];
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS12])
            .expect("the provider supports the version")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.config.cert_resolver));
        config.alpn_protocols.clone_from(&self.config.alpn_protocols);
        config.enable_secret_extraction = true;
        Self { config: Arc::new(config), clients: None }
    }
}

#[derive(Debug)]
struct OnlyFor {
    name: String,
    resolver: Arc<dyn ResolvesServerCert>,
}

impl ResolvesServerCert for OnlyFor {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked_for_it = hello.server_name() == Some(self.name.as_str());
        asked_for_it.then(|| self.resolver.resolve(hello)).flatten()
    }
}

fn sign(
    params: &CertificateParams,
    issuer: &Issuer<'static, KeyPair>,
    above: Vec<CertificateDer<'static>>,
) -> ServerIdentity {
    let key = KeyPair::generate().expect("a key can be generated");
    let certificate = params.signed_by(&key, issuer).expect("the authority signs");
    let chain = std::iter::once(certificate.der().clone()).chain(above).collect();
    identity(chain, &key)
}
