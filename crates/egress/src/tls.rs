//! Who answered: TLS 1.2 or newer, certificates always verified against the system's roots.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callbacks_core::delivery::tls_identity::TlsIdentity;
use callbacks_core::delivery::transport::FailureKind;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, PeerIncompatible, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::fault::Fault;
use crate::settings::EgressError;

/// What every TLS connection of this process has in common. There is no setting that skips verification.
pub(crate) struct Tls {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    usual: ClientConfig,
}

impl Tls {
    /// Trusts the system's roots and those in `extra_ca_pem`.
    ///
    /// # Errors
    /// [`EgressError`] when the extra certificates cannot be read.
    pub(crate) fn new(extra_ca_pem: Option<&[u8]>) -> Result<Self, EgressError> {
        let mut roots = system_roots();
        for certificate in CertificateDer::pem_slice_iter(extra_ca_pem.unwrap_or_default()) {
            let certificate = certificate.map_err(|error| EgressError::ExtraCa(format!("{error:?}")))?;
            roots.add(certificate).map_err(|error| EgressError::ExtraCa(error.to_string()))?;
        }
        if roots.is_empty() {
            tracing::warn!(
                "no trusted certificate authorities were found, so every https callback will fail; \
                 install the ca-certificates package or configure extra CA certificates"
            );
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = Arc::new(roots);
        let usual = config(&provider, Arc::clone(&roots))?;
        Ok(Self { roots, provider, usual })
    }

    /// How TLS is spoken with one endpoint. One with certificates of its own shares neither trust nor sessions with others.
    ///
    /// # Errors
    /// When TLS cannot be set up with them, which preparing them has ruled out.
    pub(crate) fn target(
        &self,
        name: ServerName<'static>,
        identity: Option<&TlsIdentity>,
    ) -> Result<TlsTarget, rustls::Error> {
        let shown = Arc::new(ShownCertificate {
            key: identity.and_then(|identity| identity.client.clone()),
            asked: AtomicBool::new(false),
        });
        let mut config = match identity {
            None => ClientConfig::clone(&self.usual),
            Some(identity) => {
                let mut roots = Arc::clone(&self.roots);
                for authority in &identity.authorities {
                    Arc::make_mut(&mut roots).add(authority.clone())?;
                }
                config(&self.provider, roots)?
            }
        };
        config.client_auth_cert_resolver = Arc::clone(&shown) as Arc<dyn ResolvesClientCert>;
        Ok(TlsTarget { name, connector: TlsConnector::from(Arc::new(config)), shown })
    }
}

/// The TLS part of an endpoint.
#[derive(Clone)]
pub(crate) struct TlsTarget {
    /// Whose certificate must be shown.
    name: ServerName<'static>,
    connector: TlsConnector,
    shown: Arc<ShownCertificate>,
}

impl TlsTarget {
    /// Why a server that never answered a request may have closed the connection: in TLS 1.3 it judges the client's certificate
    /// after the client has finished its handshake.
    pub(crate) fn refusal(&self, host: &str) -> Option<Fault> {
        if !self.shown.asked.load(Ordering::Relaxed) {
            return None;
        }
        Some(match self.shown.key {
            None => describe(host, &rustls::Error::AlertReceived(AlertDescription::CertificateRequired)),
            Some(_) => tls_fault(
                host,
                "the server asked for a client certificate and closed the connection. Check that it trusts the one in tls.clientCertPem",
            ),
        })
    }
}

/// The client certificate, and whether this server has ever asked for one.
#[derive(Debug)]
struct ShownCertificate {
    key: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl ResolvesClientCert for ShownCertificate {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    /// Always true: otherwise nobody would be told that a certificate was asked for.
    fn has_certs(&self) -> bool {
        true
    }
}

fn config(provider: &Arc<CryptoProvider>, roots: Arc<RootCertStore>) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Shakes hands over `stream`; not a byte of HTTP is sent before the certificate has been accepted for `name`.
pub(crate) async fn handshake(
    tls: &TlsTarget,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Fault> {
    let shaken = tls.connector.connect(tls.name.clone(), stream).await;
    shaken.map_err(|error| describe_io(host, &error))
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a system certificate could not be read");
    }
    roots.add_parsable_certificates(found.certs);
    roots
}

fn describe_io(host: &str, error: &io::Error) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => describe(host, error),
        None => {
            tls_fault(host, "the connection was closed during the handshake. Check that the port speaks TLS")
        }
    }
}

/// Words a TLS failure: what is wrong with the endpoint and who can mend it.
pub(crate) fn describe(host: &str, error: &rustls::Error) -> Fault {
    use rustls::Error;
    let text = match error {
        Error::InvalidCertificate(reason) => return tls_fault(host, &certificate_text(reason)),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        )
        | Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "the server offers only versions older than TLS 1.2. Enable TLS 1.2 or 1.3 on the endpoint"
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server asks for a client certificate, and none is configured for this endpoint"
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server does not know this host name. Check the endpoint's virtual host or SNI configuration"
        }
        Error::AlertReceived(_) => {
            "the server refused the handshake. Check its TLS versions, cipher suites and certificate"
        }
        Error::PeerIncompatible(_) => {
            "no common cipher suite or signature scheme. Update the endpoint's TLS configuration"
        }
        Error::InvalidMessage(_) => "the port does not speak TLS. Check the URL's scheme and port",
        Error::NoCertificatesPresented => "the server sent no certificate",
        _ => "the handshake failed",
    };
    tls_fault(host, text)
}

fn certificate_text(reason: &CertificateError) -> String {
    let text = match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "certificate expired. Renew the endpoint's certificate"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "certificate not valid yet. Check its start date and the endpoint's clock"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "certificate is for another name. It must list this host as a subject alternative name"
        }
        CertificateError::UnknownIssuer => {
            "certificate is not from a trusted authority (self-signed, or an intermediate certificate is missing). \
             Install the full chain of a public authority"
        }
        CertificateError::Revoked => "certificate was revoked. Replace the endpoint's certificate",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate is not meant for servers (extended key usage)"
        }
        _ => "certificate is not acceptable (encoding, signature or key too weak)",
    };
    text.to_owned()
}

fn tls_fault(host: &str, text: &str) -> Fault {
    Fault::new(FailureKind::Tls, format!("TLS with {host}: {text}"))
}
