//! What a configuration is checked against when it is saved, beyond the rules of its fields.

use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::configuration_draft::ConfigurationDraft;
use callbacks_interfaces::endpoint_auth::EndpointAuth;
use callbacks_interfaces::field_errors::{FieldError, ValidationErrors};
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::patch::Patch;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use callbacks_interfaces::whsec::form_problems;
use callbacks_models::callback_configurations as stored;
use callbacks_models::secret_column::SecretState;
use url::Host;

use super::Management;
use super::error::ManagementError;
use crate::clock::{Clock, SystemClock};
use crate::delivery::tls_identity::TlsIdentity;
use crate::gates::address_policy::{AddressPolicy, How};
use crate::routing::filter_expression::FilterExpression;

/// Compiles the filter, reads the certificates, and refuses a URL whose literal address may never be dialled. The address is checked again,
/// whatever it was when saved, on every connection; this check only spares people a surprise.
pub(super) fn check(
    desk: &Management,
    tenant: &TenantId,
    draft: &ConfigurationDraft,
) -> Result<(), ManagementError> {
    let mut errors = Vec::new();
    if let Some(text) = draft.filter_expression.as_deref()
        && let Err(reason) = FilterExpression::compile(text)
    {
        errors.push(FieldError::new(
            "filterExpression",
            "Pattern",
            format!("Filter expression is invalid: {reason}"),
        ));
    }
    if let Err(reason) = literal_address(&draft.url, &desk.addresses.opening(desk.engine.networks_of(tenant)))
    {
        errors.push(FieldError::new("url", "Pattern", reason));
    }
    if let Patch::Value(EndpointAuth::OAuth2(credentials)) = &draft.endpoint_auth
        && let Err(reason) = literal_address(&credentials.token_url, &desk.addresses)
    {
        errors.push(FieldError::new("endpointAuth.tokenUrl", "Pattern", reason));
    }
    if let Patch::Value(tls) = &draft.tls {
        let now = SystemClock.now();
        errors.extend(TlsIdentity::prepare(tls).and_then(|identity| identity.check_time(now)).err());
    }
    if errors.is_empty() { Ok(()) } else { Err(ValidationErrors(errors).into()) }
}

/// Refuses schemes the stored secret, where it stays, is not of the form for: every delivery would wait for another one.
pub(super) async fn check_stored_secret(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
    draft: &ConfigurationDraft,
) -> Result<(), ManagementError> {
    let demanding = |scheme: &SignatureScheme| {
        matches!(scheme, SignatureScheme::StandardWebhooks | SignatureScheme::StandardWebhooksEd25519)
    };
    let schemes: Vec<SignatureScheme> = draft.signing_schemes().filter(demanding).collect();
    if schemes.is_empty() || !matches!(draft.secret, Patch::Absent) {
        return Ok(());
    }
    let SecretState::Ready(secret) = stored::secret(&desk.store, scope, id).await? else { return Ok(()) };
    let Some(problem) = form_problems(secret.expose(), &schemes).into_iter().next() else { return Ok(()) };
    let names = schemes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let message = format!("The stored secret is not of the form {names} needs; send a fitting secret along");
    Err(ValidationErrors(vec![
        FieldError::new("signatureSchemes", "Pattern", message),
        FieldError::new("secret", "Pattern", problem.to_string()),
    ])
    .into())
}

fn literal_address(url: &CallbackUrl, policy: &AddressPolicy) -> Result<(), String> {
    let address = match url.url().host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    policy
        .verdict(address, How::Literal)
        .map_err(|refusal| format!("URL must not name the address {address}: {refusal}"))
}
