//! Idle connections, kept apart by tenant, configuration, URL and TLS identity, so that no tenant ever profits from what another may reach.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use callbacks_core::delivery::tls_identity::TlsIdentity;
use callbacks_core::delivery::transport::{Destination, FailureKind};
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantId;
use http::{HeaderValue, Uri};
use parking_lot::{Mutex, RwLock};
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use crate::fault::Fault;
use crate::guarded_connector::{Host, Peer, Target, vet};
use crate::line::{Http1Line, Http2Line, Line};
use crate::proxy::Proxies;
use crate::settings::EgressSettings;
use crate::tls::Tls;

/// All endpoints that were used lately. Bounded by the settings' caps on idle connections and by [`ConnectionPool::sweep`].
pub(crate) struct ConnectionPool {
    settings: EgressSettings,
    endpoints: RwLock<HashMap<PoolKey, Arc<Endpoint>>>,
    idle_total: Arc<AtomicUsize>,
}

/// Whose connection it is, where it leads and who each side is to the other.
#[derive(Clone)]
struct PoolKey {
    tenant: TenantId,
    configuration: ConfigurationId,
    url: Arc<CallbackUrl>,
    tls: Option<[u8; 32]>,
}

impl PartialEq for PoolKey {
    fn eq(&self, other: &Self) -> bool {
        self.configuration == other.configuration
            && self.tenant == other.tenant
            && self.tls == other.tls
            && (Arc::ptr_eq(&self.url, &other.url) || self.url.as_str() == other.url.as_str())
    }
}

impl Eq for PoolKey {}

impl Hash for PoolKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.configuration.hash(state);
        self.url.as_str().hash(state);
    }
}

impl ConnectionPool {
    pub(crate) fn new(settings: EgressSettings) -> Self {
        Self { settings, endpoints: RwLock::default(), idle_total: Arc::default() }
    }

    /// The endpoint of a destination, prepared on first use; `None` when its URL cannot be put into a request.
    pub(crate) fn endpoint(&self, destination: &Destination, tls: &Tls) -> Option<Arc<Endpoint>> {
        let key = PoolKey {
            tenant: destination.tenant.clone(),
            configuration: destination.configuration,
            url: Arc::clone(&destination.url),
            tls: destination.tls.as_ref().map(|identity| identity.fingerprint()),
        };
        if let Some(endpoint) = self.endpoints.read().get(&key) {
            return Some(Arc::clone(endpoint));
        }
        let idle_total = Arc::clone(&self.idle_total);
        let proxies = &self.settings.proxies;
        let prepared =
            Endpoint::prepare(&destination.url, tls, destination.tls.as_deref(), proxies, idle_total)?;
        let prepared = Arc::new(prepared);
        Some(Arc::clone(self.endpoints.write().entry(key).or_insert(prepared)))
    }

    /// Closes every idle connection: what to do when the process runs out of file descriptors or ports.
    pub(crate) fn release_idle(&self) {
        for endpoint in self.endpoints.read().values() {
            let mut lines = endpoint.lines.lock();
            self.idle_total.fetch_sub(lines.idle.len(), Ordering::Relaxed);
            lines.idle.clear();
        }
    }

    /// Closes what has been idle for too long or was closed by its peer, and forgets endpoints nobody uses.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        let endpoints: Vec<Arc<Endpoint>> = self.endpoints.read().values().cloned().collect();
        for endpoint in &endpoints {
            endpoint.sweep(&self.settings, now);
        }
        drop(endpoints);
        // Under the write lock nobody can take an endpoint out of the map, so a count of one means it is unused.
        self.endpoints
            .write()
            .retain(|_, endpoint| Arc::strong_count(endpoint) > 1 || !endpoint.is_forgettable());
    }
}

/// Everything about one endpoint that does not change from request to request, and its connections.
pub(crate) struct Endpoint {
    /// Path and query as HTTP/1 sends them.
    pub(crate) origin_form: Uri,
    /// The whole URL as HTTP/2 sends it.
    pub(crate) absolute: Uri,
    /// The `Host` header: the host, and the port when it is not the scheme's own.
    pub(crate) host_header: HeaderValue,
    /// Where to connect.
    pub(crate) target: Target,
    /// The host for messages.
    pub(crate) host: String,
    /// Held while somebody finds out whether an https endpoint speaks HTTP/2, so that not everybody does.
    pub(crate) pioneer: tokio::sync::Mutex<()>,
    /// Set once the endpoint has chosen HTTP/1.1: from then on connections are made side by side.
    pub(crate) http1_only: AtomicBool,
    /// Set once the endpoint has answered a request: then it accepts what it is shown in TLS.
    answered: AtomicBool,
    lines: Mutex<Lines>,
    idle_total: Arc<AtomicUsize>,
}

struct Lines {
    /// Idle connections; the one used last is on top and is used first.
    idle: Vec<Http1Line>,
    shared: Option<Http2Line>,
    last_used: Instant,
}

impl Endpoint {
    fn prepare(
        url: &CallbackUrl,
        tls: &Tls,
        identity: Option<&TlsIdentity>,
        proxies: &Proxies,
        idle_total: Arc<AtomicUsize>,
    ) -> Option<Self> {
        let url = url.url();
        let port = url.port_or_known_default()?;
        let host = Host::from(url.host()?);
        let tls_name = match (url.scheme(), &host) {
            ("https", Host::Name(name)) => {
                Some(ServerName::try_from(name.trim_end_matches('.').to_owned()).ok()?)
            }
            ("https", Host::Literal(address)) => Some(ServerName::from(*address)),
            _ => None,
        };
        let tls_target = tls_name.map(|name| tls.target(name, identity)).transpose().ok()?;
        let authority = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str()?),
            None => url.host_str()?.to_owned(),
        };
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Some(Self {
            origin_form: path.parse().ok()?,
            absolute: format!("{}://{authority}{path}", url.scheme()).parse().ok()?,
            host_header: HeaderValue::try_from(authority).ok()?,
            host: host.text(),
            http1_only: AtomicBool::new(tls_target.is_none()),
            answered: AtomicBool::new(false),
            target: Target { proxy: proxies.of(url.scheme(), &host), host, port, tls: tls_target },
            pioneer: tokio::sync::Mutex::new(()),
            lines: Mutex::new(Lines { idle: Vec::new(), shared: None, last_used: Instant::now() }),
            idle_total,
        })
    }

    /// A connection that is open and whose peer the destination's policy still permits.
    pub(crate) fn checkout(&self, destination: &Destination, settings: &EgressSettings) -> Option<Line> {
        let now = Instant::now();
        let permits = |peer: Peer| vet(destination, &self.target.host, peer).is_ok();
        let mut lines = self.lines.lock();
        lines.last_used = now;
        if let Some(shared) = &lines.shared {
            if shared.is_open() && now - shared.born < settings.max_connection_age && permits(shared.peer) {
                return Some(Line::Http2(shared.clone()));
            }
            lines.shared = None;
        }
        while let Some(mut line) = lines.idle.pop() {
            self.idle_total.fetch_sub(1, Ordering::Relaxed);
            if is_fresh(&line, settings, now) && permits(line.peer) && line.is_ready() {
                return Some(Line::Http1(line.reuse()));
            }
        }
        None
    }

    /// Puts a connection back after a whole response, if it can carry another request and there is room for it.
    pub(crate) fn keep(&self, line: Line, settings: &EgressSettings) {
        let Line::Http1(mut line) = line else { return };
        let now = Instant::now();
        line.idle_since = now;
        if !line.is_ready() || !is_fresh(&line, settings, now) {
            return;
        }
        let mut lines = self.lines.lock();
        let full = lines.idle.len() >= settings.max_idle_per_host
            || self.idle_total.load(Ordering::Relaxed) >= settings.max_idle_total;
        if !full {
            self.idle_total.fetch_add(1, Ordering::Relaxed);
            lines.idle.push(line);
        }
    }

    /// Notes that the endpoint answered.
    pub(crate) fn has_answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// A better word for a connection that was closed: a server that never answered may have missed a certificate.
    pub(crate) fn explained(&self, fault: Fault) -> Fault {
        if fault.kind != FailureKind::Reset || self.answered.load(Ordering::Relaxed) {
            return fault;
        }
        self.target.tls.as_ref().and_then(|tls| tls.refusal(&self.host)).unwrap_or(fault)
    }

    /// Shares a fresh HTTP/2 connection with the requests to come.
    pub(crate) fn share(&self, line: &Http2Line) {
        self.lines.lock().shared = Some(line.clone());
    }

    /// Stops handing out a line that failed or fell silent.
    pub(crate) fn forget(&self, line: &Line) {
        if let Line::Http2(line) = line {
            let mut lines = self.lines.lock();
            if lines.shared.as_ref().is_some_and(|shared| shared.is_same(line)) {
                lines.shared = None;
            }
        }
    }

    fn sweep(&self, settings: &EgressSettings, now: Instant) {
        let mut lines = self.lines.lock();
        let before = lines.idle.len();
        lines.idle.retain_mut(|line| is_fresh(line, settings, now) && line.is_ready());
        self.idle_total.fetch_sub(before - lines.idle.len(), Ordering::Relaxed);
        let unused = now - lines.last_used > settings.pool_idle_timeout;
        if lines.shared.as_ref().is_some_and(|shared| !shared.is_open() || (unused && !shared.is_in_use())) {
            lines.shared = None;
        }
    }

    fn is_forgettable(&self) -> bool {
        let lines = self.lines.lock();
        lines.idle.is_empty() && lines.shared.is_none()
    }
}

fn is_fresh(line: &Http1Line, settings: &EgressSettings, now: Instant) -> bool {
    now - line.born < settings.max_connection_age && now - line.idle_since < settings.pool_idle_timeout
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usual() -> Tls {
        Tls::new(None).expect("TLS can be set up")
    }

    fn prepared(text: &str) -> Endpoint {
        let url = CallbackUrl::try_from(text).expect("a callback URL");
        Endpoint::prepare(&url, &usual(), None, &Proxies::default(), Arc::default())
            .expect("it can be put into a request")
    }

    #[test]
    fn the_host_header_names_a_port_only_when_it_is_not_the_schemes_own() {
        for (url, host, port) in [
            ("https://hooks.example.com/a", "hooks.example.com", 443),
            ("https://hooks.example.com:443/a", "hooks.example.com", 443),
            ("http://hooks.example.com:8080/a", "hooks.example.com:8080", 8080),
            ("http://[2606:4700:4700::1111]:81/", "[2606:4700:4700::1111]:81", 81),
            ("https://faß.example/", "xn--fa-hia.example", 443),
        ] {
            let endpoint = prepared(url);
            assert_eq!(endpoint.host_header, host);
            assert_eq!(endpoint.target.port, port);
        }
    }

    proptest! {
        /// Whatever URL can be stored can be sent to, and its path and query arrive as they are stored.
        #[test]
        fn every_callback_url_fits_into_a_request(path in "[ -~äß€]{0,40}", query in proptest::option::of("[ -~ä€]{0,40}")) {
            static TLS: std::sync::LazyLock<Tls> = std::sync::LazyLock::new(usual);
            let mut text = format!("https://hooks.example.com/{path}");
            if let Some(query) = query {
                text = format!("{text}?{query}");
            }
            if let Ok(url) = CallbackUrl::try_from(text.as_str()) {
                let endpoint = Endpoint::prepare(&url, &TLS, None, &Proxies::default(), Arc::default());
                prop_assert!(endpoint.is_some(), "{} cannot be sent to", url.as_str());
                let endpoint = endpoint.expect("just checked");
                prop_assert_eq!(endpoint.absolute.to_string(), url.as_str());
                prop_assert_eq!(format!("https://hooks.example.com{}", endpoint.origin_form), url.as_str());
            }
        }
    }
}
