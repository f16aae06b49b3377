//! A configuration's own certificates, read from PEM and proven to fit together: holding a [`TlsIdentity`] means that TLS can
//! be set up with it.

use std::fmt;
use std::sync::Arc;

use callbacks_interfaces::endpoint_tls::{ClientCertificate, EndpointTls};
use callbacks_interfaces::field_errors::FieldError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Most certificates in one PEM text.
const CERTIFICATES_MAX: usize = 32;

/// Whom an endpoint's certificate may come from, and what the service shows of itself.
#[derive(Clone)]
pub struct TlsIdentity {
    /// Authorities trusted beside the service's own.
    pub authorities: Vec<CertificateDer<'static>>,
    /// The client certificate and its key.
    pub client: Option<Arc<CertifiedKey>>,
    fingerprint: [u8; 32],
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity")
            .field("authorities", &self.authorities.len())
            .field("client", &self.client.is_some())
            .finish_non_exhaustive()
    }
}

impl PartialEq for TlsIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for TlsIdentity {}

impl TlsIdentity {
    /// Reads the PEM texts. An expired certificate is still an identity: whether it is accepted is the endpoint's to say.
    ///
    /// # Errors
    /// The field that is wrong, and how to mend it; never any of its text.
    pub fn prepare(tls: &EndpointTls) -> Result<Self, FieldError> {
        let authorities = match &tls.ca_pem {
            Some(text) => authorities(text)?,
            None => Vec::new(),
        };
        let client = tls.client.as_ref().map(certified_key).transpose()?;
        let fingerprint = Sha256::digest(tls.stored().as_bytes()).into();
        Ok(Self { authorities, client: client.map(Arc::new), fingerprint })
    }

    /// What tells this identity from others, without revealing it: connections are never shared between identities.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Refuses what cannot work from the start: a client certificate whose time is over.
    ///
    /// # Errors
    /// The field, with the date.
    pub fn check_time(&self, now: OffsetDateTime) -> Result<(), FieldError> {
        let end = self.client.as_ref().and_then(|key| key.cert.first()).map(expiry).transpose()?;
        match end {
            Some(end) if end <= now => Err(wrong(
                "clientCertPem",
                format!("the certificate expired on {}; send a current one", end.date()),
            )),
            _ => Ok(()),
        }
    }
}

fn authorities(text: &str) -> Result<Vec<CertificateDer<'static>>, FieldError> {
    let found = certificates("caPem", text)?;
    let mut trusted = rustls::RootCertStore::empty();
    for certificate in &found {
        trusted
            .add(certificate.clone())
            .map_err(|_| wrong("caPem", "one of the certificates cannot serve as an authority"))?;
    }
    Ok(found)
}

fn certified_key(client: &ClientCertificate) -> Result<CertifiedKey, FieldError> {
    let chain = certificates("clientCertPem", &client.certificate_pem)?;
    let key = PrivateKeyDer::from_pem_slice(client.key_pem.expose().as_bytes()).map_err(|_| {
        wrong("clientKeyPem", "is no unencrypted private key in PEM form (PKCS#8, PKCS#1 or SEC1)")
    })?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            wrong("clientKeyPem", "does not belong to the first certificate of clientCertPem")
        }
        rustls::Error::InvalidCertificate(_) => {
            wrong("clientCertPem", "holds a certificate that cannot be read")
        }
        _ => wrong(
            "clientKeyPem",
            "is of a kind that cannot be used: take RSA with 2048 bits or more, ECDSA or Ed25519",
        ),
    })
}

fn certificates(field: &str, text: &str) -> Result<Vec<CertificateDer<'static>>, FieldError> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(text.as_bytes()).take(CERTIFICATES_MAX + 1).collect();
    let found = found.map_err(|_| wrong(field, "is not in PEM form"))?;
    if found.is_empty() {
        return Err(wrong(field, "holds no certificate: it must contain -----BEGIN CERTIFICATE-----"));
    }
    if found.len() > CERTIFICATES_MAX {
        return Err(wrong(field, format!("must not hold more than {CERTIFICATES_MAX} certificates")));
    }
    for certificate in &found {
        X509Certificate::from_der(certificate)
            .map_err(|_| wrong(field, "holds something else than a certificate, or a damaged one"))?;
    }
    Ok(found)
}

fn expiry(certificate: &CertificateDer<'static>) -> Result<OffsetDateTime, FieldError> {
    let unreadable = |_| wrong("clientCertPem", "holds a certificate that cannot be read");
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(unreadable)?;
    Ok(parsed.validity().not_after.to_datetime())
}

fn wrong(field: &str, message: impl std::fmt::Display) -> FieldError {
    FieldError::new(format!("tls.{field}"), "Pattern", format!("{field} {message}"))
}

#[cfg(test)]
mod tests {
    use callbacks_interfaces::secret::SecretText;
    use callbacks_testkit::certificates::{CertificateAuthority, ClientPem};

    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn tls(ca: Option<&str>, client: Option<(&str, &str)>) -> EndpointTls {
        EndpointTls {
            ca_pem: ca.map(str::to_owned),
            client: client.map(|(certificate, key)| ClientCertificate {
                certificate_pem: certificate.to_owned(),
                key_pem: SecretText::of_at_most(key.to_owned(), 10_000).expect("a text"),
            }),
        }
    }

    fn field(tls: &EndpointTls) -> String {
        TlsIdentity::prepare(tls).expect_err("refused").field
    }

    #[test]
    fn what_belongs_together_is_an_identity() {
        let authority = CertificateAuthority::new();
        let ClientPem { certificate, key } = authority.issue_client("shop");
        let one =
            TlsIdentity::prepare(&tls(Some(authority.pem()), Some((&certificate, &key)))).expect("valid");
        assert_eq!((one.authorities.len(), one.client.is_some()), (1, true));
        assert_eq!(one.check_time(SystemClock.now()), Ok(()));
        let late = one.check_time(SystemClock.now() + time::Duration::days(365)).expect_err("expired");
        assert_eq!(late.field, "tls.clientCertPem");
        let other = TlsIdentity::prepare(&tls(Some(authority.pem()), None)).expect("valid");
        assert_ne!(one, other);
        assert!(!format!("{one:?}").contains("PRIVATE"));
    }

    #[test]
    fn what_does_not_is_named() {
        let authority = CertificateAuthority::new();
        let ClientPem { certificate, key } = authority.issue_client("shop");
        let other = authority.issue_client("other");
        assert_eq!(field(&tls(Some("no pem"), None)), "tls.caPem");
        assert_eq!(field(&tls(Some(&key), None)), "tls.caPem");
        let broken = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
        assert_eq!(field(&tls(Some(broken), None)), "tls.caPem");
        assert_eq!(field(&tls(None, Some(("", &key)))), "tls.clientCertPem");
        assert_eq!(field(&tls(None, Some((&certificate, &certificate)))), "tls.clientKeyPem");
        assert_eq!(field(&tls(None, Some((&certificate, &other.key)))), "tls.clientKeyPem");
    }
}
