//! How the service proves to an endpoint who is calling, beside signatures: what a configuration's `endpointAuth` says.
//!
//! Written, never shown. No error quotes any of it, and there is no `Serialize`: [`EndpointAuth::stored`] is the one way to
//! its text, for encryption at rest.

use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::callback_url::CallbackUrl;
use crate::field_errors::ValidationErrors;
use crate::field_reader::{FieldReader, Size};
use crate::named_enum::named_enum;
use crate::secret::SecretText;

/// Longest token or password, in characters.
const CREDENTIAL_MAX: usize = 4096;

named_enum! {
    /// The kinds of `endpointAuth`.
    pub enum EndpointAuthType {
        /// A fixed token.
        Bearer = "BEARER",
        /// A fixed name and password.
        Basic = "BASIC",
        /// Tokens of an authorization server.
        OAuth2ClientCredentials = "OAUTH2_CLIENT_CREDENTIALS",
    }
}

named_enum! {
    /// Where a token request carries the client's id and secret (RFC 6749 section 2.3.1).
    #[derive(Default)]
    pub enum ClientAuthentication {
        /// In an `Authorization: Basic` header.
        #[default]
        Header = "HEADER",
        /// In the form, for servers that know nothing else.
        Body = "BODY",
    }
}

/// Credentials that every request to the endpoint carries in its `Authorization` header.
#[derive(Clone, Debug)]
pub enum EndpointAuth {
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer {
        /// The token.
        token: SecretText,
    },
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The name; without a colon.
        username: String,
        /// The password.
        password: SecretText,
    },
    /// A bearer token that an authorization server hands out.
    OAuth2(ClientCredentials),
}

/// An OAuth 2 client-credentials grant (RFC 6749 section 4.4).
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// The token endpoint.
    pub token_url: CallbackUrl,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretText,
    /// Scopes to ask for, separated by spaces.
    pub scope: Option<String>,
    /// The audience to ask for, where the server wants one named.
    pub audience: Option<String>,
    /// Where id and secret stand in the token request.
    pub client_authentication: ClientAuthentication,
}

impl EndpointAuth {
    /// Reads the members of `endpointAuth`.
    pub fn read(reader: &mut FieldReader<'_>) -> Option<Self> {
        match reader.optional_name("type") {
            Some(EndpointAuthType::Bearer) => read_bearer(reader),
            Some(EndpointAuthType::Basic) => read_basic(reader),
            Some(EndpointAuthType::OAuth2ClientCredentials) => {
                read_client_credentials(reader).map(Self::OAuth2)
            }
            None => {
                if reader.get("type").value().is_none() {
                    reader.fail(
                        "type",
                        "NotNull",
                        "endpointAuth needs a type: BEARER, BASIC or OAUTH2_CLIENT_CREDENTIALS",
                    );
                }
                None
            }
        }
    }

    /// The text to be encrypted and stored.
    #[must_use]
    pub fn stored(&self) -> Zeroizing<String> {
        let members = match self {
            Self::Bearer { token } => json!({"type": EndpointAuthType::Bearer, "token": token.expose()}),
            Self::Basic { username, password } => {
                json!({"type": EndpointAuthType::Basic, "username": username, "password": password.expose()})
            }
            Self::OAuth2(credentials) => json!({
                "type": EndpointAuthType::OAuth2ClientCredentials,
                "tokenUrl": credentials.token_url,
                "clientId": credentials.client_id,
                "clientSecret": credentials.client_secret.expose(),
                "scope": credentials.scope,
                "audience": credentials.audience,
                "clientAuthentication": credentials.client_authentication,
            }),
        };
        Zeroizing::new(members.to_string())
    }

    /// Reads what [`EndpointAuth::stored`] wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_stored(text: &str) -> Result<Self, ValidationErrors> {
        let members: Map<String, Value> = serde_json::from_str(text).map_err(|_| {
            ValidationErrors::one("endpointAuth", "Pattern", "the stored text is not a JSON object")
        })?;
        let mut reader = FieldReader::new(&members);
        let auth = Self::read(&mut reader);
        reader.finish()?;
        auth.ok_or_else(|| ValidationErrors::one("endpointAuth", "Pattern", "the stored text is incomplete"))
    }
}

fn read_bearer(reader: &mut FieldReader<'_>) -> Option<EndpointAuth> {
    let token = required_secret(reader, "token")?;
    if !is_bearer_token(token.expose()) {
        let message = "token must be letters, digits and -._~+/ with = only at its end (RFC 6750)";
        reader.fail("token", "Pattern", message);
        return None;
    }
    Some(EndpointAuth::Bearer { token })
}

fn read_basic(reader: &mut FieldReader<'_>) -> Option<EndpointAuth> {
    let username = reader.required_text("username", "username is required", &USERNAME);
    if username.contains(':') || username.chars().any(char::is_control) {
        reader.fail(
            "username",
            "Pattern",
            "username must not contain colons or control characters (RFC 7617)",
        );
        return None;
    }
    let password = required_secret(reader, "password")?;
    if password.expose().chars().any(char::is_control) {
        reader.fail("password", "Pattern", "password must not contain control characters (RFC 7617)");
        return None;
    }
    Some(EndpointAuth::Basic { username, password })
}

fn read_client_credentials(reader: &mut FieldReader<'_>) -> Option<ClientCredentials> {
    let token_url = reader.parsed("tokenUrl", "Pattern", |text| CallbackUrl::try_from(text));
    if reader.get("tokenUrl").value().is_none() {
        reader.fail(
            "tokenUrl",
            "NotBlank",
            "tokenUrl is required: the authorization server's token endpoint",
        );
    }
    let client_id = reader.required_text("clientId", "clientId is required", &CLIENT_ID);
    let client_secret = required_secret(reader, "clientSecret");
    let scope = reader.text("scope", &SCOPE);
    let audience = reader.text("audience", &AUDIENCE);
    let client_authentication = reader.name_or("clientAuthentication", ClientAuthentication::Header);
    Some(ClientCredentials {
        token_url: token_url?,
        client_id,
        client_secret: client_secret?,
        scope,
        audience,
        client_authentication,
    })
}

/// A text that must be there and is never quoted.
fn required_secret(reader: &mut FieldReader<'_>, name: &str) -> Option<SecretText> {
    let text = match reader.get(name).value() {
        Some(Value::String(text)) => text.clone(),
        Some(_) => {
            reader.fail(name, "TypeMismatch", format!("{name} must be a string"));
            return None;
        }
        None => {
            reader.fail(
                name,
                "NotBlank",
                format!("{name} is required; it is never shown, so it must be sent again"),
            );
            return None;
        }
    };
    let secret = SecretText::of_at_most(text, CREDENTIAL_MAX);
    if secret.is_none() {
        reader.fail(name, "Size", format!("{name} must have 1 to {CREDENTIAL_MAX} characters and no NUL"));
    }
    secret
}

/// `b64token` of RFC 6750 section 2.1, which also keeps it a valid header value.
#[must_use]
pub fn is_bearer_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

const USERNAME: Size = Size { min: 1, max: 255, message: "username must be between 1 and 255 characters" };
const CLIENT_ID: Size = Size { min: 1, max: 500, message: "clientId must be between 1 and 500 characters" };
const SCOPE: Size = Size { min: 0, max: 1000, message: "scope must not exceed 1000 characters" };
const AUDIENCE: Size = Size { min: 0, max: 1000, message: "audience must not exceed 1000 characters" };

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Result<EndpointAuth, ValidationErrors> {
        EndpointAuth::from_stored(&body.to_string())
    }

    #[test]
    fn what_is_stored_is_read_back() {
        for body in [
            json!({"type": "BEARER", "token": "abc.def-_~+/=="}),
            json!({"type": "BASIC", "username": "shop", "password": "p:w ä"}),
            json!({"type": "OAUTH2_CLIENT_CREDENTIALS", "tokenUrl": "https://login.example.com/token", "clientId": "c",
                "clientSecret": "canary", "scope": "a b", "audience": null, "clientAuthentication": "BODY"}),
        ] {
            let auth = read(&body).expect("valid");
            let stored: Value = serde_json::from_str(&auth.stored()).expect("JSON");
            assert_eq!(stored, body);
            assert!(!format!("{auth:?}").contains("canary"));
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_not_quoted() {
        for (body, field) in [
            (json!({"token": "canary"}), "type"),
            (json!({"type": "DIGEST", "token": "canary"}), "type"),
            (json!({"type": "BEARER"}), "token"),
            (json!({"type": "BEARER", "token": ["canary"]}), "token"),
            (json!({"type": "BEARER", "token": "canary\r\nX-Injected: 1"}), "token"),
            (json!({"type": "BEARER", "token": ""}), "token"),
            (json!({"type": "BASIC", "username": "a:b", "password": "canary"}), "username"),
            (json!({"type": "BASIC", "username": "a", "password": "canary\n"}), "password"),
            (
                json!({"type": "OAUTH2_CLIENT_CREDENTIALS", "clientId": "c", "clientSecret": "canary"}),
                "tokenUrl",
            ),
            (
                json!({"type": "OAUTH2_CLIENT_CREDENTIALS", "tokenUrl": "ftp://a.example/", "clientId": "c", "clientSecret": "canary"}),
                "tokenUrl",
            ),
            (
                json!({"type": "OAUTH2_CLIENT_CREDENTIALS", "tokenUrl": "https://a.example/", "clientSecret": "canary"}),
                "clientId",
            ),
        ] {
            let errors = read(&body).expect_err("refused").0;
            assert_eq!(errors[0].field, field, "{body}");
            assert!(!format!("{errors:?}").contains("canary"), "{errors:?}");
        }
    }
}
