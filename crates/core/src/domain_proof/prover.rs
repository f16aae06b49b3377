//! Asks the network for a proof, through the engine's way out and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::domain_pattern::DomainPattern;
use callbacks_interfaces::ids::DomainId;
use callbacks_interfaces::tenant::TenantId;
use http::{HeaderMap, HeaderValue, Method};
use ipnet::IpNet;

use super::challenge::{self, Unprovable};
use super::consent::{self, Consent};
use crate::delivery::dispatcher::AnyTransport;
use crate::delivery::transport::{Destination, Outcome, TxtFailure, WireRequest, WireResponse};
use crate::gates::address_policy::AddressPolicy;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A domain to be proven.
pub(crate) struct Candidate {
    pub(crate) id: DomainId,
    pub(crate) tenant: TenantId,
    pub(crate) domain: DomainPattern,
    pub(crate) require_https: bool,
    pub(crate) token: String,
    /// Callbacks a minute its tenant wants.
    pub(crate) rate: u32,
    /// Networks its addresses must lie in, where it has a list.
    pub(crate) allowed_ips: Option<Arc<[IpNet]>>,
}

/// The proof failed, and what would make it succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotProven(pub(crate) String);

impl From<Unprovable> for NotProven {
    fn from(problem: Unprovable) -> Self {
        Self(problem.0)
    }
}

/// The way out, for proofs.
pub(crate) struct Prover {
    pub(crate) transport: Arc<dyn AnyTransport>,
    /// What may be dialled for the candidate's tenant.
    pub(crate) addresses: AddressPolicy,
}

impl Prover {
    /// Looks for the token in the domain's TXT records.
    pub(crate) async fn by_dns(&self, candidate: &Candidate) -> Result<(), NotProven> {
        let name = challenge::txt_name(&candidate.domain)?;
        let wanted = format!("publish a TXT record {name} with the value {}", candidate.token);
        let answer = tokio::time::timeout(PATIENCE, self.transport.txt_boxed(&name)).await;
        match answer.unwrap_or(Err(TxtFailure::Timeout)) {
            Ok(records) if challenge::is_in_txt(&records, &candidate.token) => Ok(()),
            Ok(records) => {
                let many = records.len();
                Err(NotProven(format!("none of the {many} TXT records of {name} is the token; {wanted}")))
            }
            Err(failure) => Err(NotProven(format!("{name}: {failure}; {wanted}"))),
        }
    }

    /// Fetches the document that must be the token.
    pub(crate) async fn by_http(&self, candidate: &Candidate) -> Result<(), NotProven> {
        let url = challenge::document(&candidate.domain, candidate.require_https, &candidate.token)?;
        let wanted = format!("serve {} at {} with status 200", candidate.token, url.as_str());
        let answer = self.ask(candidate, url, Method::GET, HeaderMap::new()).await;
        let answer = answer.map_err(|reason| NotProven(format!("{reason}; {wanted}")))?;
        if challenge::is_document(answer.status, &answer.body, &candidate.token) {
            return Ok(());
        }
        Err(NotProven(format!("the answer with status {} is not the token alone; {wanted}", answer.status)))
    }

    /// Asks each of these endpoints whether it consents, and for how many callbacks a minute.
    pub(crate) async fn by_consent(
        &self,
        candidate: &Candidate,
        urls: Vec<CallbackUrl>,
        origin: &HeaderValue,
    ) -> Result<Consent, NotProven> {
        let mut granted = Consent { rate: None };
        for url in urls {
            let shown = url.as_str().to_owned();
            let headers = consent::request_headers(origin, candidate.rate);
            let judged = match self.ask(candidate, url, Method::OPTIONS, headers).await {
                Ok(answer) => consent::judge(answer.status, &answer.headers, origin),
                Err(reason) => Err(reason),
            };
            granted = granted
                .and(judged.map_err(|reason| NotProven(format!("{shown} does not consent: {reason}")))?);
        }
        Ok(granted)
    }

    async fn ask(
        &self,
        candidate: &Candidate,
        url: CallbackUrl,
        method: Method,
        headers: HeaderMap,
    ) -> Result<WireResponse, String> {
        let destination = Destination {
            tenant: candidate.tenant.clone(),
            // Connections for proofs are shared with no configuration's.
            configuration: candidate.id.uuid().into(),
            url: Arc::new(url),
            addresses: self.addresses.clone(),
            allowed_ips: candidate.allowed_ips.clone(),
            tls: None,
            token_source: None,
        };
        let request = WireRequest { destination, method, headers, body: Bytes::new(), timeout: PATIENCE };
        match self.transport.send_boxed(request).await {
            Outcome::Response(response) => Ok(response),
            Outcome::Failure(failure) => Err(failure.message),
        }
    }
}
