//! Authorized domains: the hosts a tenant may send callbacks to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callbacks_interfaces::authorized_domain::AuthorizedDomain;
use callbacks_interfaces::authorized_domain_draft::AuthorizedDomainDraft;
use callbacks_interfaces::domain_pattern::DomainPattern;
use callbacks_interfaces::filter::FilterRequest;
use callbacks_interfaces::ids::DomainId;
use callbacks_interfaces::page::Page;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::authorized_domains as stored;
use callbacks_models::error::StoreError;
use serde_json::{Map, Value};

use super::Management;
use super::callback_configurations::owner;
use super::error::ManagementError;

pub use super::domain_verification::verify;

pub(super) const WHAT: &str = "Authorized domain";

/// Whether the caller's word makes a domain verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// It does: an operator.
    OnWord,
    /// It does not: a domain has to be proven.
    OnProof,
}

/// Creates one; a second of the same name in a tenant is a conflict.
pub async fn create(
    desk: &Management,
    scope: &TenantScope,
    verification: Verification,
    body: &Map<String, Value>,
) -> Result<AuthorizedDomain, ManagementError> {
    let draft = trusted(AuthorizedDomainDraft::create(body)?, verification);
    owner(desk, scope, draft.tenant_id.as_ref())?;
    let created = stored::create(&desk.store, scope, &draft, &new_token())
        .await
        .map_err(|error| duplicate(error, &draft))?;
    desk.announce().await;
    Ok(created)
}

/// Reads one.
pub async fn get(
    desk: &Management,
    scope: &TenantScope,
    id: DomainId,
) -> Result<AuthorizedDomain, ManagementError> {
    stored::get(&desk.store, scope, id).await?.ok_or_else(|| ManagementError::not_found(WHAT, &id))
}

/// One page of those that match.
pub async fn filter(
    desk: &Management,
    scope: &TenantScope,
    body: &Map<String, Value>,
) -> Result<Page<AuthorizedDomain>, ManagementError> {
    let request = FilterRequest::from_body(body)?;
    Ok(stored::filter(&desk.store, scope, &request).await?)
}

/// Replaces everything a caller may set.
pub async fn replace(
    desk: &Management,
    scope: &TenantScope,
    id: DomainId,
    verification: Verification,
    body: &Map<String, Value>,
) -> Result<AuthorizedDomain, ManagementError> {
    let draft = trusted(AuthorizedDomainDraft::replace(body)?, verification);
    write(desk, scope, id, &draft).await
}

/// Changes only what the body mentions.
pub async fn patch(
    desk: &Management,
    scope: &TenantScope,
    id: DomainId,
    verification: Verification,
    body: &Map<String, Value>,
) -> Result<AuthorizedDomain, ManagementError> {
    let existing = get(desk, scope, id).await?;
    let draft = trusted(AuthorizedDomainDraft::patched(&existing, body)?, verification);
    write(desk, scope, id, &draft).await
}

/// Deletes one, if `domain` is its name: a guard against deleting another than meant.
pub async fn delete(
    desk: &Management,
    scope: &TenantScope,
    id: DomainId,
    domain: &str,
) -> Result<(), ManagementError> {
    let existing = get(desk, scope, id).await?;
    let same = normalized(domain).is_some_and(|named| named == existing.domain) || domain == existing.domain;
    if !same {
        let message = format!("domain does not name the authorized domain {id}");
        return Err(ManagementError::field("domain", "Pattern", message));
    }
    if !stored::delete(&desk.store, scope, id).await? {
        return Err(ManagementError::not_found(WHAT, &id));
    }
    desk.announce().await;
    Ok(())
}

/// What only somebody who controls a host can publish there: 256 random bits, fit for a path.
pub(super) fn new_token() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

pub(super) fn normalized(domain: &str) -> Option<String> {
    DomainPattern::try_from(domain).ok().map(|pattern| pattern.to_string())
}

fn trusted(mut draft: AuthorizedDomainDraft, verification: Verification) -> AuthorizedDomainDraft {
    if verification == Verification::OnProof {
        // The service's own token and word, or a tenant could choose what proves it.
        draft.verified_requested = None;
        draft.verification_method = None;
        draft.verification_token = None;
    }
    draft
}

async fn write(
    desk: &Management,
    scope: &TenantScope,
    id: DomainId,
    draft: &AuthorizedDomainDraft,
) -> Result<AuthorizedDomain, ManagementError> {
    let written = stored::replace(&desk.store, scope, id, draft, &new_token())
        .await
        .map_err(|error| duplicate(error, draft))?;
    let written = written.ok_or_else(|| ManagementError::not_found(WHAT, &id))?;
    desk.announce().await;
    Ok(written)
}

fn duplicate(error: StoreError, draft: &AuthorizedDomainDraft) -> ManagementError {
    match error {
        StoreError::Conflict { .. } => ManagementError::Conflict(format!(
            "The domain {} is already authorized for this tenant",
            draft.domain
        )),
        other => other.into(),
    }
}
