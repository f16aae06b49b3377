//! The public keys receivers verify Ed25519 signatures with, as a JSON Web Key Set (RFC 7517, RFC 8037).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::Management;
use crate::wire::signature::generated_key;
use callbacks_interfaces::configuration_draft::ConfigurationDraft;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::signature_scheme::SignatureScheme;

use super::error::ManagementError;

/// A set of public keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JsonWebKeySet {
    /// The keys, those of one configuration together and its current one first.
    pub keys: Vec<JsonWebKey>,
}

/// One Ed25519 public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JsonWebKey {
    /// `OKP`.
    pub kty: &'static str,
    /// `Ed25519`.
    pub crv: &'static str,
    /// `EdDSA`.
    pub alg: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// The configuration's id; with `.previous` and `.older` for the keys before rotations.
    pub kid: String,
    /// The key, base64url.
    pub x: String,
}

/// The public keys of every configuration that signs with Ed25519, from the snapshot deliveries are signed with.
#[must_use]
pub fn jwks(desk: &Management) -> JsonWebKeySet {
    let directory = desk.engine.directory();
    let mut keys: Vec<JsonWebKey> = directory
        .targets()
        .filter_map(|target| Some((target.id, target.wire.as_ref().ok()?)))
        .flat_map(|(id, wire)| {
            let names = [id.to_string(), format!("{id}.previous"), format!("{id}.older")];
            names
                .into_iter()
                .zip(wire.public_keys())
                .map(|(kid, key)| json_web_key(kid, key))
                .collect::<Vec<_>>()
        })
        .collect();
    keys.sort_by(|a, b| a.kid.cmp(&b.kid));
    JsonWebKeySet { keys }
}

fn json_web_key(kid: String, key: &[u8; 32]) -> JsonWebKey {
    let x = URL_SAFE_NO_PAD.encode(key);
    JsonWebKey { kty: "OKP", crv: "Ed25519", alg: "EdDSA", usage: "sig", kid, x }
}

/// A new private key.
pub(super) fn generated() -> Result<SecretText, ManagementError> {
    generated_key(&rand::random()).ok_or(ManagementError::Internal)
}

/// The draft with a key to sign with, if it signs with Ed25519; a configuration that has one keeps it.
pub(super) fn with_key(mut draft: ConfigurationDraft) -> Result<ConfigurationDraft, ManagementError> {
    let signs = draft.signing_schemes().any(|scheme| scheme == SignatureScheme::StandardWebhooksEd25519);
    if signs {
        draft.signing_key = Some(generated()?);
    }
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::signature::public_key;

    #[test]
    fn a_key_is_written_as_rfc_8037_shows_it() {
        let private = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=".to_owned();
        let private = SecretText::try_from(private).expect("a secret");
        let key = json_web_key("k".to_owned(), &public_key(&private).expect("a key"));
        assert_eq!(key.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        let json = serde_json::to_value(&key).expect("serialises");
        assert_eq!(
            (&json["kty"], &json["crv"], &json["use"]),
            (&"OKP".into(), &"Ed25519".into(), &"sig".into())
        );
    }
}
