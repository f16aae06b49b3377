//! Where the provider's keys are fetched.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantId;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, header};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use uuid::Uuid;

use crate::delivery::transport::{Destination, Outcome, Transport, WireRequest};
use crate::gates::address_policy::AddressPolicy;

/// Fetches the text of a key set.
pub trait KeySetSource: Send + Sync + 'static {
    /// The text as it is now, or a sentence that says why there is none. Bounded in time and size.
    fn fetch(&self) -> BoxFuture<'_, Result<Bytes, String>>;
}

/// Fetches it over HTTP. The address comes from the operator, not from a tenant, so any may be dialled.
pub struct FetchedKeySet<T> {
    transport: T,
    url: Arc<CallbackUrl>,
    timeout: Duration,
}

impl<T: Transport> FetchedKeySet<T> {
    /// A source over a transport of its own, whose limit of a response's body is the limit of the set.
    pub fn new(transport: T, url: CallbackUrl, timeout: Duration) -> Self {
        Self { transport, url: Arc::new(url), timeout }
    }

    fn request(&self) -> WireRequest {
        let everywhere = [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
        let mut headers = HeaderMap::new();
        headers
            .insert(header::ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        WireRequest {
            destination: Destination {
                tenant: TenantId::default_tenant(),
                configuration: ConfigurationId::from(Uuid::nil()),
                url: Arc::clone(&self.url),
                addresses: AddressPolicy::allowing(everywhere),
                allowed_ips: None,
                tls: None,
                token_source: None,
            },
            method: Method::GET,
            headers,
            body: Bytes::new(),
            timeout: self.timeout,
        }
    }
}

impl<T: Transport> KeySetSource for FetchedKeySet<T> {
    fn fetch(&self) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(async {
            match self.transport.send(self.request()).await {
                Outcome::Response(answer) if answer.status != 200 => {
                    Err(format!("{} answered {}", self.url.as_str(), answer.status))
                }
                Outcome::Response(answer) if answer.truncated => {
                    Err(format!("{} sent too much, or broke off", self.url.as_str()))
                }
                Outcome::Response(answer) => Ok(answer.body),
                Outcome::Failure(failure) => Err(failure.message),
            }
        })
    }
}
