//! Names into addresses, under a deadline and a bound on lookups at once.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use callbacks_core::delivery::transport::{FailureKind, TxtFailure};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData};
use hickory_resolver::{Resolver, ResolverBuilder, TokioResolver};
use tokio::sync::Semaphore;

use crate::fault::Fault;
use crate::settings::EgressError;

/// Lookups that may wait for name servers at once; more queue up, within their own deadline.
const LOOKUPS_AT_ONCE: usize = 256;

/// How long it is remembered that a name does not exist, whatever its zone says.
const LONGEST_NEGATIVE_TTL: Duration = Duration::from_secs(10);

/// Answers a name, the way a test wants it.
pub type ScriptedLookup = dyn Fn(&str) -> Result<Vec<IpAddr>, DnsFailure> + Send + Sync;

/// Where the addresses of a name come from.
#[derive(Clone)]
pub enum NameResolver {
    /// The system's name servers and hosts file.
    System(Box<TokioResolver>),
    /// A function; for tests.
    Scripted(Arc<ScriptedLookup>),
}

impl fmt::Debug for NameResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NameResolver::System(_) => "NameResolver::System",
            NameResolver::Scripted(_) => "NameResolver::Scripted",
        })
    }
}

/// Why a name has no address for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsFailure {
    /// The name does not exist, or has neither A nor AAAA records.
    NoAddress,
    /// No name server answered in time.
    Timeout,
    /// The name servers answered with an error.
    ServerFailure,
}

impl NameResolver {
    /// The resolver of this machine: `/etc/resolv.conf` and `/etc/hosts`. Where no name server is configured only the hosts
    /// file and `localhost` resolve.
    ///
    /// # Errors
    /// [`EgressError::Resolver`] when it cannot be built.
    pub fn system(timeout: Duration) -> Result<Self, EgressError> {
        let builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
            tracing::warn!(%error, "no name servers are configured on this machine; only its hosts file resolves");
            Resolver::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default())
        });
        Self::built(builder, timeout)
    }

    fn built(
        mut builder: ResolverBuilder<TokioRuntimeProvider>,
        timeout: Duration,
    ) -> Result<Self, EgressError> {
        let options = builder.options_mut();
        // Whoever mends a name, or publishes a proof, should not wait long for it to be seen.
        options.negative_max_ttl = Some(LONGEST_NEGATIVE_TTL);
        // Two tries must fit into one lookup's time.
        options.timeout = timeout / 2;
        options.attempts = 1;
        options.ip_strategy = hickory_resolver::config::LookupIpStrategy::Ipv4AndIpv6;
        options.max_active_requests = LOOKUPS_AT_ONCE;
        let resolver = builder.build().map_err(|error| EgressError::Resolver(error.to_string()))?;
        Ok(Self::System(Box::new(resolver)))
    }

    /// A resolver that asks these name servers, and nobody else.
    ///
    /// # Errors
    /// [`EgressError::Resolver`] when it cannot be built.
    pub fn asking(servers: &[SocketAddr], timeout: Duration) -> Result<Self, EgressError> {
        let servers = servers.iter().map(|server| {
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            connections.iter_mut().for_each(|connection| connection.port = server.port());
            NameServerConfig::new(server.ip(), true, connections)
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        Self::built(Resolver::builder_with_config(config, TokioRuntimeProvider::default()), timeout)
    }

    async fn txt(&self, name: &str) -> Result<Vec<String>, TxtFailure> {
        let NameResolver::System(resolver) = self else { return Err(TxtFailure::NoRecord) };
        let mut name = Name::from_utf8(name).map_err(|_| TxtFailure::NoRecord)?;
        name.set_fqdn(true);
        let found = resolver.txt_lookup(name).await.map_err(|error| match classify(&error) {
            DnsFailure::NoAddress => TxtFailure::NoRecord,
            DnsFailure::Timeout => TxtFailure::Timeout,
            DnsFailure::ServerFailure => TxtFailure::ServerFailure,
        })?;
        let records = found.answers().iter().filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(txt),
            _ => None,
        });
        // One record may come in several parts; what is no text cannot be a token.
        Ok(records.filter_map(|txt| String::from_utf8(txt.txt_data.concat()).ok()).collect())
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsFailure> {
        let found = match self {
            NameResolver::System(resolver) => {
                let mut name = Name::from_utf8(host).map_err(|_| DnsFailure::NoAddress)?;
                // Fully qualified, so that the search domains of this machine are never appended.
                name.set_fqdn(true);
                resolver.lookup_ip(name).await.map_err(|error| classify(&error))?.iter().collect()
            }
            NameResolver::Scripted(lookup) => lookup(host)?,
        };
        if found.is_empty() { Err(DnsFailure::NoAddress) } else { Ok(found) }
    }
}

/// Looks names up for the connector.
#[derive(Debug)]
pub(crate) struct Directory {
    resolver: NameResolver,
    timeout: Duration,
    slots: Semaphore,
}

impl Directory {
    pub(crate) fn new(resolver: NameResolver, timeout: Duration) -> Self {
        Self { resolver, timeout, slots: Semaphore::new(LOOKUPS_AT_ONCE) }
    }

    /// All addresses of `host`, at least one.
    pub(crate) async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, Fault> {
        let answer = tokio::time::timeout(self.timeout, async {
            let _slot = self.slots.acquire().await.map_err(|_| DnsFailure::ServerFailure)?;
            self.resolver.addresses(host).await
        });
        answer.await.unwrap_or(Err(DnsFailure::Timeout)).map_err(|failure| describe(host, failure))
    }
}

impl Directory {
    /// The TXT records of a name.
    pub(crate) async fn txt(&self, name: &str) -> Result<Vec<String>, TxtFailure> {
        let answer = tokio::time::timeout(self.timeout, async {
            let _slot = self.slots.acquire().await.map_err(|_| TxtFailure::ServerFailure)?;
            self.resolver.txt(name).await
        });
        answer.await.unwrap_or(Err(TxtFailure::Timeout))
    }
}

fn classify(error: &NetError) -> DnsFailure {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(_)) => DnsFailure::NoAddress,
        NetError::Timeout => DnsFailure::Timeout,
        _ => DnsFailure::ServerFailure,
    }
}

fn describe(host: &str, failure: DnsFailure) -> Fault {
    let message = match failure {
        DnsFailure::NoAddress => {
            format!("{host} has no address. Check the URL's host name and its public DNS records")
        }
        DnsFailure::Timeout => format!("looking up {host} took too long. Check that its name servers answer"),
        DnsFailure::ServerFailure => format!("looking up {host} failed for now; it will be tried again"),
    };
    Fault::new(FailureKind::Dns, message)
}
