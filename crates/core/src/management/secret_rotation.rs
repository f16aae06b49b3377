//! Gives a configuration a new signing secret while the old one keeps signing beside it for a while.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_interfaces::field_reader::{FieldReader, Size};
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_interfaces::whsec::form_problems;
use callbacks_models::callback_configurations as stored;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::Management;
use super::callback_configurations::get;
use super::error::ManagementError;
use super::signing_keys;

/// How long the previous secret keeps signing beside the new one.
pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// Prefix of generated secrets, so that people and scanners recognise them.
const PREFIX: &str = "whsec_";
/// Random bytes in a generated secret.
const SECRET_BYTES: usize = 32;

/// A rotated secret: the only place where it is ever shown.
pub struct Rotated {
    /// The configuration.
    pub id: ConfigurationId,
    /// The new secret.
    pub secret: SecretText,
    /// Until when the previous one signs too; `None` if there was none.
    pub previous_expires_at: Option<OffsetDateTime>,
}

/// Replaces the secret by the one in the body (`secret`), or by a generated one.
pub async fn rotate(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
    body: &Map<String, Value>,
) -> Result<Rotated, ManagementError> {
    let secret = match given(body)? {
        Some(secret) => {
            check_form(desk, scope, id, &secret).await?;
            secret
        }
        None => generated()?,
    };
    let previous_expires_at =
        stored::rotate_secret(&desk.store, scope, id, &secret, &signing_keys::generated()?, GRACE)
            .await?
            .ok_or_else(|| ManagementError::not_found("Callback configuration", &id))?;
    desk.announce().await;
    Ok(Rotated { id, secret, previous_expires_at })
}

fn given(body: &Map<String, Value>) -> Result<Option<SecretText>, ManagementError> {
    let size = Size { min: 0, max: 500, message: "Secret must not exceed 500 characters" };
    let mut reader = FieldReader::new(body);
    let text = reader.text("secret", &size);
    reader.finish()?;
    text.map(|text| {
        SecretText::try_from(text)
            .map_err(|error| ManagementError::field("secret", "Pattern", error.to_string()))
    })
    .transpose()
}

/// A secret the configuration's schemes could not use would make every delivery wait.
async fn check_form(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
    secret: &SecretText,
) -> Result<(), ManagementError> {
    let schemes: Vec<_> = get(desk, scope, id).await?.signing_schemes().collect();
    match form_problems(secret.expose(), &schemes).into_iter().next() {
        Some(problem) => Err(ManagementError::field("secret", "Pattern", problem.to_string())),
        None => Ok(()),
    }
}

fn generated() -> Result<SecretText, ManagementError> {
    let random: [u8; SECRET_BYTES] = rand::random();
    SecretText::try_from(format!("{PREFIX}{}", STANDARD.encode(random)))
        .map_err(|_| ManagementError::Internal)
}
