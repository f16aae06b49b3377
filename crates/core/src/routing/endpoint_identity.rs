//! Who the service is to an endpoint: fixed credentials, certificates, or the place where tokens come from, made ready.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_interfaces::endpoint_auth::{ClientCredentials, EndpointAuth};
use callbacks_interfaces::endpoint_tls::EndpointTls;
use callbacks_models::directory::SecretState;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::delivery::tls_identity::TlsIdentity;

/// What a configuration's `endpointAuth` and `tls` say.
#[derive(Debug, Clone, Default)]
pub struct EndpointIdentity {
    /// A fixed `Authorization` header.
    pub authorization: Option<HeaderValue>,
    /// Where the tokens for that header come from instead.
    pub token_credentials: Option<Arc<ClientCredentials>>,
    /// Certificates of its own.
    pub tls: Option<Arc<TlsIdentity>>,
}

impl EndpointIdentity {
    /// Makes what is stored ready for use.
    ///
    /// # Errors
    /// Why deliveries must wait, and who can mend it; our fault, never the receiver's.
    pub fn prepare(auth: &SecretState<EndpointAuth>, tls: &SecretState<EndpointTls>) -> Result<Self, String> {
        let unreadable = |what: &str| {
            format!(
                "its {what} cannot be decrypted; give the service the key it was stored with, or send {what} again"
            )
        };
        let mut identity = Self::default();
        match auth {
            SecretState::None => {}
            SecretState::Unreadable => return Err(unreadable("endpointAuth")),
            SecretState::Ready(EndpointAuth::OAuth2(credentials)) => {
                identity.token_credentials = Some(Arc::new(credentials.clone()));
            }
            SecretState::Ready(EndpointAuth::Bearer { token }) => {
                identity.authorization = Some(header("Bearer", token.expose())?);
            }
            SecretState::Ready(EndpointAuth::Basic { username, password }) => {
                identity.authorization = Some(basic(username, password.expose())?);
            }
        }
        match tls {
            SecretState::None => {}
            SecretState::Unreadable => return Err(unreadable("tls")),
            SecretState::Ready(tls) => {
                let prepared = TlsIdentity::prepare(tls).map_err(|problem| problem.message)?;
                identity.tls = Some(Arc::new(prepared));
            }
        }
        Ok(identity)
    }
}

/// `Basic` credentials (RFC 7617, in UTF-8).
///
/// # Errors
/// Never for what base64 writes; the type asks for it.
pub fn basic(username: &str, password: &str) -> Result<HeaderValue, String> {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    header("Basic", &Zeroizing::new(STANDARD.encode(pair.as_bytes())))
}

fn header(scheme: &str, credentials: &str) -> Result<HeaderValue, String> {
    let text = Zeroizing::new(format!("{scheme} {credentials}"));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| "its endpointAuth cannot stand in a header; send endpointAuth again".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use callbacks_interfaces::secret::SecretText;

    use super::*;

    fn secret(text: &str) -> SecretText {
        SecretText::try_from(text.to_owned()).expect("a secret")
    }

    fn authorization(auth: EndpointAuth) -> HeaderValue {
        let identity =
            EndpointIdentity::prepare(&SecretState::Ready(auth), &SecretState::None).expect("ready");
        identity.authorization.expect("a header")
    }

    #[test]
    fn fixed_credentials_become_a_header_that_is_not_shown() {
        let bearer = authorization(EndpointAuth::Bearer { token: secret("canary") });
        assert_eq!(bearer, "Bearer canary");
        assert!(!format!("{bearer:?}").contains("canary"));
        // The example of RFC 7617 section 2.
        let basic = authorization(EndpointAuth::Basic {
            username: "Aladdin".to_owned(),
            password: secret("open sesame"),
        });
        assert_eq!(basic, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn what_cannot_be_read_makes_deliveries_wait() {
        let reason =
            EndpointIdentity::prepare(&SecretState::Unreadable, &SecretState::None).expect_err("unreadable");
        assert!(reason.contains("endpointAuth"), "{reason}");
        let reason =
            EndpointIdentity::prepare(&SecretState::None, &SecretState::Unreadable).expect_err("unreadable");
        assert!(reason.contains("tls"), "{reason}");
    }
}
