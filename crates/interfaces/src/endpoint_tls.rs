//! How the service and an endpoint prove to each other who they are in TLS: what a configuration's `tls` says.
//!
//! Written, never shown. Whether the texts hold certificates, and whether they belong together, is not decided here.

use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::field_errors::ValidationErrors;
use crate::field_reader::FieldReader;
use crate::secret::SecretText;

/// Longest PEM text, in characters: room for a chain of a dozen certificates.
const PEM_MAX: usize = 32 * 1024;

/// Certificates and a key as PEM, as they were written.
#[derive(Clone, Debug)]
pub struct EndpointTls {
    /// Authorities that are trusted for this endpoint beside the service's own.
    pub ca_pem: Option<String>,
    /// The service's certificate for this endpoint, and the key it belongs to.
    pub client: Option<ClientCertificate>,
}

/// A client certificate with its key.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The certificate, followed by those that connect it to its authority.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: SecretText,
}

impl EndpointTls {
    /// Reads the members of `tls`.
    pub fn read(reader: &mut FieldReader<'_>) -> Option<Self> {
        for name in ["verify", "tlsVerify", "insecure", "insecureSkipVerify"] {
            if reader.get(name).value().is_some() {
                let message = format!(
                    "{name} cannot be set: certificates are always verified; name your authority in caPem"
                );
                reader.fail(name, "NotConfigurable", message);
            }
        }
        let ca_pem = pem(reader, "caPem").map(|text| text.expose().to_owned());
        let certificate = pem(reader, "clientCertPem").map(|text| text.expose().to_owned());
        let key = pem(reader, "clientKeyPem");
        let client = match (certificate, key) {
            (Some(certificate_pem), Some(key_pem)) => Some(ClientCertificate { certificate_pem, key_pem }),
            (None, None) => None,
            (Some(_), None) => {
                reader.fail("clientKeyPem", "NotBlank", "clientKeyPem is required with clientCertPem");
                return None;
            }
            (None, Some(_)) => {
                reader.fail("clientCertPem", "NotBlank", "clientCertPem is required with clientKeyPem");
                return None;
            }
        };
        if ca_pem.is_none() && client.is_none() {
            reader.fail(
                "caPem",
                "NotBlank",
                "tls needs caPem, or clientCertPem and clientKeyPem, or both; null removes it",
            );
            return None;
        }
        Some(Self { ca_pem, client })
    }

    /// The text to be encrypted and stored.
    #[must_use]
    pub fn stored(&self) -> Zeroizing<String> {
        let members = json!({
            "caPem": self.ca_pem,
            "clientCertPem": self.client.as_ref().map(|client| &client.certificate_pem),
            "clientKeyPem": self.client.as_ref().map(|client| client.key_pem.expose()),
        });
        Zeroizing::new(members.to_string())
    }

    /// Reads what [`EndpointTls::stored`] wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_stored(text: &str) -> Result<Self, ValidationErrors> {
        let members: Map<String, Value> = serde_json::from_str(text)
            .map_err(|_| ValidationErrors::one("tls", "Pattern", "the stored text is not a JSON object"))?;
        let mut reader = FieldReader::new(&members);
        let tls = Self::read(&mut reader);
        reader.finish()?;
        tls.ok_or_else(|| ValidationErrors::one("tls", "Pattern", "the stored text is incomplete"))
    }
}

/// A PEM text that may be missing. Never quoted: people mix up the fields of certificates and keys.
fn pem(reader: &mut FieldReader<'_>, name: &str) -> Option<SecretText> {
    let text = match reader.get(name).value()? {
        Value::String(text) => text.clone(),
        _ => {
            reader.fail(name, "TypeMismatch", format!("{name} must be a string in PEM form"));
            return None;
        }
    };
    let text = SecretText::of_at_most(text, PEM_MAX);
    if text.is_none() {
        reader.fail(name, "Size", format!("{name} must have 1 to {PEM_MAX} characters and no NUL"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_back() {
        for body in [
            json!({"caPem": "a", "clientCertPem": null, "clientKeyPem": null}),
            json!({"caPem": null, "clientCertPem": "b", "clientKeyPem": "canary"}),
        ] {
            let tls = EndpointTls::from_stored(&body.to_string()).expect("valid");
            let stored: Value = serde_json::from_str(&tls.stored()).expect("JSON");
            assert_eq!(stored, body);
            assert!(!format!("{tls:?}").contains("canary"));
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_not_quoted() {
        for (body, field) in [
            (json!({}), "caPem"),
            (json!({"clientCertPem": "canary"}), "clientKeyPem"),
            (json!({"clientKeyPem": "canary"}), "clientCertPem"),
            (json!({"caPem": ["canary"]}), "caPem"),
            (json!({"caPem": "c".repeat(PEM_MAX + 1)}), "caPem"),
            (json!({"caPem": "canary", "verify": false}), "verify"),
            (json!({"caPem": "canary", "insecureSkipVerify": true}), "insecureSkipVerify"),
        ] {
            let errors = EndpointTls::from_stored(&body.to_string()).expect_err("refused").0;
            assert_eq!(errors[0].field, field);
            assert!(!format!("{errors:?}").contains("canary"), "{errors:?}");
        }
    }
}
