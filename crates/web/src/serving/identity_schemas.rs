//! `endpointAuth` and `tls` as the document shows them; read, like all bodies, by the interfaces crate.

use callbacks_interfaces::endpoint_auth::{ClientAuthentication, EndpointAuthType};
use serde::Serialize;
use utoipa::ToSchema;

/// `endpointAuth` as the API document shows it: which members belong together follows from `type`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EndpointAuth)]
pub struct EndpointAuthBody {
    /// The kind of credentials.
    #[schema(required)]
    pub r#type: EndpointAuthType,
    /// `BEARER`: the token.
    #[schema(max_length = 4096, write_only)]
    pub token: Option<String>,
    /// `BASIC`: the name, without a colon.
    #[schema(max_length = 255)]
    pub username: Option<String>,
    /// `BASIC`: the password.
    #[schema(max_length = 4096, write_only)]
    pub password: Option<String>,
    /// `OAUTH2_CLIENT_CREDENTIALS`: the token endpoint. Its host must be an authorized domain, too.
    #[schema(max_length = 2048, format = Uri)]
    pub token_url: Option<String>,
    /// `OAUTH2_CLIENT_CREDENTIALS`: the client's id.
    #[schema(max_length = 500)]
    pub client_id: Option<String>,
    /// `OAUTH2_CLIENT_CREDENTIALS`: the client's secret.
    #[schema(max_length = 4096, write_only)]
    pub client_secret: Option<String>,
    /// `OAUTH2_CLIENT_CREDENTIALS`: scopes to ask for, separated by spaces.
    #[schema(max_length = 1000)]
    pub scope: Option<String>,
    /// `OAUTH2_CLIENT_CREDENTIALS`: the audience to ask for.
    #[schema(max_length = 1000)]
    pub audience: Option<String>,
    /// `OAUTH2_CLIENT_CREDENTIALS`: where id and secret stand in the token request; `HEADER` when missing.
    pub client_authentication: Option<ClientAuthentication>,
}

/// `tls` as the API document shows it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EndpointTls)]
pub struct EndpointTlsBody {
    /// Certificates (PEM) of authorities that are trusted for this endpoint, beside the system's.
    #[schema(max_length = 32_768, write_only)]
    pub ca_pem: Option<String>,
    /// The client certificate (PEM), followed by its intermediates.
    #[schema(max_length = 32_768, write_only)]
    pub client_cert_pem: Option<String>,
    /// The client certificate's private key (PEM, unencrypted).
    #[schema(max_length = 32_768, write_only)]
    pub client_key_pem: Option<String>,
}
