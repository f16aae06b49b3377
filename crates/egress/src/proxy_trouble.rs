//! What operators are told when the proxy fails: a count, and now and then a line in the log.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::metric_names;
use crate::proxy::Proxy;

/// One line in this time says enough.
const QUIET: Duration = Duration::from_secs(30);

/// One failure of the proxy, with what tenants are not told.
#[derive(Debug)]
pub(crate) struct ProxyTrouble {
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) ailment: Ailment,
    /// What happened, in a few words.
    pub(crate) told: String,
}

/// What ails the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ailment {
    /// No connection to it.
    Unreachable,
    /// It refuses to make tunnels.
    Refused,
    /// It does not speak HTTP.
    Malformed,
    /// It did not get through.
    NoTunnel,
}

impl Ailment {
    fn label(self) -> &'static str {
        match self {
            Ailment::Unreachable => "unreachable",
            Ailment::Refused => "refused",
            Ailment::Malformed => "malformed",
            Ailment::NoTunnel => "no_tunnel",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Ailment::Unreachable => "Check that it runs, and egress.proxy_url",
            Ailment::Refused => {
                "Check the name and password in egress.proxy_url, and that the proxy permits CONNECT to public addresses and their ports"
            }
            Ailment::Malformed => "Check that egress.proxy_url names an HTTP proxy, and the right port of it",
            Ailment::NoTunnel => {
                "Check the proxy's own log and its way out; with Proxy-Status (RFC 9209) it could say when the endpoint is to blame"
            }
        }
    }
}

impl fmt::Display for ProxyTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "callbacks do not get out through the proxy {}: {}. {}",
            self.proxy,
            self.told,
            self.ailment.remedy()
        )
    }
}

/// Counts failures, and tells of them at most every 30 s.
#[derive(Debug, Default)]
pub(crate) struct TroubleLog(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    last: Option<Instant>,
    since: u64,
}

impl TroubleLog {
    pub(crate) fn note(&self, trouble: &ProxyTrouble) {
        metrics::counter!(metric_names::PROXY_FAILURES, "reason" => trouble.ailment.label()).increment(1);
        let now = Instant::now();
        let mut told = self.0.lock();
        told.since += 1;
        if told.last.is_some_and(|last| now - last < QUIET) {
            return;
        }
        let failures = std::mem::take(&mut told.since);
        told.last = Some(now);
        drop(told);
        tracing::warn!(proxy = %trouble.proxy, reason = trouble.ailment.label(), failures, "{trouble}");
    }
}
