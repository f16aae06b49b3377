//! How an authorized domain becomes verified: on an operator's word, or by a proof.

use std::collections::BTreeMap;
use std::sync::Arc;

use callbacks_interfaces::authorized_domain::AuthorizedDomain;
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::domain_pattern::DomainPattern;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::authorized_domains::{self as stored, Proof};
use http::HeaderValue;

use super::Management;
use super::authorized_domains::{Verification, WHAT, new_token, normalized};
use super::error::ManagementError;
use crate::domain_proof::prover::{Candidate, NotProven, Prover};
use crate::gates::domain_authorization::networks;

/// Longest verification method, in characters.
const METHOD_MAX: usize = 50;
/// Most endpoints of one domain that are asked for their consent.
const MOST_ENDPOINTS: usize = 20;

/// A method that proves control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    DnsTxt,
    Http,
    CloudEvents,
}

impl Method {
    fn named(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "DNS_TXT" => Some(Self::DnsTxt),
            "HTTP" => Some(Self::Http),
            "CLOUDEVENTS" => Some(Self::CloudEvents),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::DnsTxt => "DNS_TXT",
            Self::Http => "HTTP",
            Self::CloudEvents => "CLOUDEVENTS",
        }
    }
}

/// Verifies every domain of this name in the caller's scope. `DNS_TXT`, `HTTP` and `CLOUDEVENTS` look for the proof now;
/// any other method (`MANUAL`) is an operator's word.
pub async fn verify(
    desk: &Management,
    scope: &TenantScope,
    verification: Verification,
    domain: &str,
    method: &str,
) -> Result<(), ManagementError> {
    if method.chars().count() > METHOD_MAX {
        let message = "Verification method must not exceed 50 characters";
        return Err(ManagementError::field("verificationMethod", "Size", message));
    }
    let name = normalized(domain).unwrap_or_else(|| domain.to_owned());
    match (Method::named(method), verification) {
        (Some(method), _) => prove(desk, scope, domain, &name, method).await?,
        (None, Verification::OnWord) => {
            if !stored::verify(&desk.store, scope, &name, method).await? {
                return Err(ManagementError::not_found(WHAT, domain));
            }
        }
        (None, Verification::OnProof) => {
            // First whether there is such a domain, so that a foreign one is answered as an unknown one is.
            if stored::named(&desk.store, scope, &name).await?.is_empty() {
                return Err(ManagementError::not_found(WHAT, domain));
            }
            return Err(ManagementError::Conflict(
                "This domain has to be proven: verificationMethod must be DNS_TXT, HTTP or CLOUDEVENTS"
                    .to_owned(),
            ));
        }
    }
    desk.announce().await;
    Ok(())
}

async fn prove(
    desk: &Management,
    scope: &TenantScope,
    asked: &str,
    name: &str,
    method: Method,
) -> Result<(), ManagementError> {
    let domains = stored::named(&desk.store, scope, name).await?;
    if domains.is_empty() {
        return Err(ManagementError::not_found(WHAT, asked));
    }
    for domain in domains {
        prove_one(desk, domain, method).await?;
    }
    Ok(())
}

async fn prove_one(
    desk: &Management,
    domain: AuthorizedDomain,
    method: Method,
) -> Result<(), ManagementError> {
    let name = domain.domain.clone();
    let token = match &domain.verification_token {
        Some(token) => token.clone(),
        // Made before domains had one: from now on it does.
        None => {
            let token = new_token();
            stored::give_token(&desk.store, &domain.tenant_id, domain.id, &token).await?;
            token
        }
    };
    let candidate = candidate(&domain, token).ok_or(ManagementError::Internal)?;
    let prover = desk.engine.prover(&candidate.tenant);
    let found = look_for(desk, &prover, &candidate, method).await;
    let granted = found.map_err(|problem| {
        tracing::info!(domain = %name, tenant = %candidate.tenant, method = method.as_str(), "control over {name} is not proven: {problem}");
        ManagementError::Conflict(format!("Control of {name} is not proven: {problem}"))
    })?;
    let (domain, token) = (name.as_str(), candidate.token.as_str());
    let proof = Proof { domain, token, method: method.as_str(), granted };
    if stored::set_proven(&desk.store, &candidate.tenant, candidate.id, proof).await? {
        return Ok(());
    }
    Err(ManagementError::Conflict(format!("{name} was changed while it was being proven; verify it again")))
}

/// Looks for the proof; says what is granted where the method tells.
async fn look_for(
    desk: &Management,
    prover: &Prover,
    candidate: &Candidate,
    method: Method,
) -> Result<Option<Option<i32>>, NotProven> {
    match method {
        Method::DnsTxt => prover.by_dns(candidate).await.map(|()| None),
        Method::Http => prover.by_http(candidate).await.map(|()| None),
        Method::CloudEvents => {
            let origin: HeaderValue = desk.engine.request_origin();
            let urls = endpoints(desk, candidate)?;
            let consent = prover.by_consent(candidate, urls, &origin).await?;
            Ok(Some(consent.rate.map(|rate| i32::try_from(rate).unwrap_or(i32::MAX))))
        }
    }
}

/// The URLs of the tenant's configurations there; where there is none yet, the host's root.
fn endpoints(desk: &Management, candidate: &Candidate) -> Result<Vec<CallbackUrl>, NotProven> {
    let directory = desk.engine.directory();
    let targets = directory.tenant(&candidate.tenant).map_or(&[][..], |tenant| &tenant.targets);
    let known: BTreeMap<&str, &CallbackUrl> = targets
        .iter()
        .filter(|target| candidate.domain.matches(&target.url))
        .map(|target| (target.url.as_str(), &*target.url))
        .collect();
    if known.len() > MOST_ENDPOINTS {
        return Err(NotProven(format!(
            "{} endpoints are there, more than the {MOST_ENDPOINTS} that are asked; use DNS_TXT or HTTP",
            known.len()
        )));
    }
    if !known.is_empty() {
        return Ok(known.into_values().cloned().collect());
    }
    if candidate.domain.is_wildcard() {
        let reason =
            "it stands for many hosts and no configuration names one; create one first, or use DNS_TXT";
        return Err(NotProven(reason.to_owned()));
    }
    let scheme = if candidate.require_https { "https" } else { "http" };
    let root = format!("{scheme}://{}/", candidate.domain);
    let root = CallbackUrl::try_from(root.as_str()).map_err(|error| NotProven(error.to_string()))?;
    Ok(vec![root])
}

fn candidate(domain: &AuthorizedDomain, token: String) -> Option<Candidate> {
    let whitelist = domain.ip_whitelist.as_deref().unwrap_or_default();
    Some(Candidate {
        id: domain.id,
        tenant: domain.tenant_id.clone(),
        domain: DomainPattern::try_from(domain.domain.as_str()).ok()?,
        require_https: domain.require_https,
        token,
        rate: u32::try_from(domain.max_callbacks_per_minute).unwrap_or(1),
        allowed_ips: networks(whitelist).map(Arc::from),
    })
}
