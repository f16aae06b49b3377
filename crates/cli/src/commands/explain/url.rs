use std::net::IpAddr;

use callbacks_core::clock::{Clock as _, SystemClock};
use callbacks_core::gates::address_policy::{AddressPolicy, AddressRefusal, How};
use callbacks_core::gates::domain_authorization::{
    DomainEntry, DomainRefusal, allow_list_permits, authorize, entry_for,
};
use callbacks_interfaces::callback_url::CallbackUrl;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Host;

use super::address_reading::addresses_readable_in;
use super::authorized_domains::AuthorizedDomain;
use super::question_lines::Unanswerable;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Question {
    url: String,
    /// What DNS would answer for the host; not asked when absent.
    resolved: Option<Vec<IpAddr>>,
    /// The tenant's domains; not checked when absent.
    #[serde(alias = "authorized_domains")]
    authorized_domains: Option<Vec<AuthorizedDomain>>,
    /// The configuration's own list.
    #[serde(alias = "allowed_domains")]
    allowed_domains: Option<Vec<String>>,
    /// Networks the operator opened (`egress.allowed_networks`).
    #[serde(alias = "allowed_networks")]
    allowed_networks: Option<Vec<IpNet>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    verdict: Verdict,
    /// A word for programs.
    reason: &'static str,
    /// The service's own words.
    detail: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// It may be called.
    Allow,
    /// It may not be called.
    Block,
    /// It cannot even be stored.
    Reject,
}

/// Judges a URL as the API does when it is saved and the dispatcher when it is called: its form, its domain, its
/// addresses.
pub(super) fn answer(question: &Question) -> Result<Answer, Unanswerable> {
    let policy = AddressPolicy::allowing(question.allowed_networks.clone().unwrap_or_default());
    let url = match CallbackUrl::try_from(question.url.as_str()) {
        Ok(url) => url,
        Err(error) => return Ok(judge_malformed(&question.url, error.to_string(), &policy)),
    };
    if !allow_list_permits(&url, question.allowed_domains.as_deref().unwrap_or_default()) {
        let detail = "Domain not authorized: the host is not in the configuration's allowedDomains";
        return Ok(block("domain_not_authorised", detail.to_owned()));
    }
    let domains: Option<Vec<DomainEntry>> =
        question.authorized_domains.as_ref().map(|domains| domains.iter().map(DomainEntry::from).collect());
    let now = SystemClock.now();
    if let Some(Err(refusal)) = domains.as_ref().map(|entries| authorize(&url, entries, now)) {
        return Ok(block(domain_reason(&refusal), refusal.to_string()));
    }
    let entry = domains.as_ref().and_then(|entries| entry_for(&url, entries));
    Ok(judge_host(&url, question.resolved.as_deref(), &policy, entry).unwrap_or_else(|| Answer {
        verdict: Verdict::Allow,
        reason: if domains.is_some() { "authorised" } else { "allowed" },
        detail: format!("callbacks may be sent to {url}"),
    }))
}

/// What is no callback URL is rejected; when a more lenient parser would find a forbidden address in it, or more than
/// one address, it is called blocked, for that is what it would have been an attempt at.
fn judge_malformed(text: &str, error: String, policy: &AddressPolicy) -> Answer {
    let readings = addresses_readable_in(text);
    let forbidden =
        readings.iter().find_map(|address| Some((address, policy.verdict(*address, How::Literal).err()?)));
    match (forbidden, readings.as_slice()) {
        (Some((address, refusal)), _) => block(
            "forbidden_url_syntax",
            format!("{error}; it could be read as {address} ({})", refusal.reason),
        ),
        (None, [first, second, ..]) => {
            block("forbidden_url_syntax", format!("{error}; it could be read as {first} or as {second}"))
        }
        _ => Answer { verdict: Verdict::Reject, reason: "invalid_url", detail: error },
    }
}

/// Why the host's addresses may not be dialled.
fn judge_host(
    url: &CallbackUrl,
    resolved: Option<&[IpAddr]>,
    policy: &AddressPolicy,
    entry: Option<&DomainEntry>,
) -> Option<Answer> {
    let literal = |address: IpAddr| judge_addresses(&[address], How::Literal, policy, entry);
    match (url.host()?, resolved) {
        (Host::Ipv4(address), _) => literal(address.into()),
        (Host::Ipv6(address), _) => literal(address.into()),
        (Host::Domain(name), addresses) => {
            if let Err(refusal) = policy.name_verdict(name) {
                return Some(block(
                    "forbidden_hostname",
                    format!("callbacks to {name} are refused: {}", refusal.reason),
                ));
            }
            match addresses {
                None => None,
                Some([]) => Some(block(
                    "dns_no_address",
                    format!("{name} has no address; a delivery would be retried"),
                )),
                Some(addresses) => judge_addresses(addresses, How::Resolved, policy, entry),
            }
        }
    }
}

/// One forbidden address is enough: which of them is dialled is not the tenant's choice.
fn judge_addresses(
    addresses: &[IpAddr],
    how: How,
    policy: &AddressPolicy,
    entry: Option<&DomainEntry>,
) -> Option<Answer> {
    addresses.iter().find_map(|address| {
        if let Err(AddressRefusal { reason }) = policy.verdict(*address, how) {
            return Some(block("forbidden_ip", format!("callbacks to {address} are refused: {reason}")));
        }
        let networks = entry.and_then(|entry| entry.allowed_ips.as_deref())?;
        let inside = networks.iter().any(|network| network.contains(&address.to_canonical()));
        let detail = format!("{address} is outside the IP whitelist of its authorized domain");
        (!inside).then(|| block("ip_not_whitelisted", detail))
    })
}

fn block(reason: &'static str, detail: String) -> Answer {
    Answer { verdict: Verdict::Block, reason, detail }
}

fn domain_reason(refusal: &DomainRefusal) -> &'static str {
    match refusal {
        DomainRefusal::NotRegistered(_) => "domain_not_authorised",
        DomainRefusal::NotActive(_) => "domain_inactive",
        DomainRefusal::NotVerified(_) => "domain_unverified",
        DomainRefusal::Expired(_) => "domain_expired",
        DomainRefusal::HttpsRequired(_) => "https_required",
        DomainRefusal::Path(..) => "path_not_allowed",
    }
}
