use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use callbacks_egress::proxy::{Direct, Proxies};
use callbacks_interfaces::event_type_entry::EventTypeEnforcement;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

use super::{
    error::SettingsError,
    layers::Layers,
    limits,
    proxy_section::{self, ProxyChoice, direct_hosts, proxy_choice},
    relations,
    report::{self, ReportLine},
    sources::Sources,
    state_folder,
    token_section::TokenSection,
};

/// All settings, checked. Field by field what `config/default.toml` documents.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Settings {
    pub(crate) server: ServerSection,
    pub(crate) database: DatabaseSection,
    pub(crate) security: SecuritySection,
    pub(crate) egress: EgressSection,
    pub(crate) dispatcher: DispatcherSection,
    pub(crate) intake: IntakeSection,
    pub(crate) worker: WorkerSection,
    pub(crate) retry: RetrySection,
    pub(crate) circuit_breaker: CircuitBreakerSection,
    pub(crate) signature: SignatureSection,
    pub(crate) domains: DomainsSection,
    pub(crate) sources: SourcesSection,
    pub(crate) retention: RetentionSection,
    pub(crate) log: LogSection,
    /// What to tell in the log once it exists: accepted names that mean something else here.
    #[serde(skip)]
    pub(crate) notices: Vec<String>,
    #[serde(skip)]
    state_folder: PathBuf,
    #[serde(skip)]
    report: Vec<ReportLine>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ServerSection {
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) max_body_bytes: usize,
    #[serde(rename = "request_timeout_ms", deserialize_with = "milliseconds")]
    pub(crate) request_timeout: Duration,
}

#[derive(Clone, Deserialize)]
pub(crate) struct DatabaseSection {
    /// May carry a password. `None`: the private PostgreSQL.
    #[serde(deserialize_with = "text_if_any")]
    pub(crate) url: Option<String>,
    #[serde(deserialize_with = "path_if_any")]
    pub(crate) embedded_dir: Option<PathBuf>,
    #[serde(deserialize_with = "path_if_any")]
    pub(crate) postgres_bin_dir: Option<PathBuf>,
    pub(crate) api_connections: u32,
    pub(crate) intake_connections: u32,
    pub(crate) settlement_connections: u32,
    pub(crate) queue_connections: u32,
    #[serde(rename = "connect_timeout_ms", deserialize_with = "milliseconds")]
    pub(crate) connect_timeout: Duration,
    #[serde(rename = "statement_timeout_ms", deserialize_with = "milliseconds")]
    pub(crate) statement_timeout: Duration,
    #[serde(rename = "lock_timeout_ms", deserialize_with = "milliseconds")]
    pub(crate) lock_timeout: Duration,
}

impl std::fmt::Debug for DatabaseSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseSection")
            .field("url", &self.url.as_deref().map(report::masked_url))
            .field("embedded_dir", &self.embedded_dir)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Deserialize)]
pub(crate) struct SecuritySection {
    /// Base64 of 32 bytes.
    #[serde(deserialize_with = "text_if_any")]
    pub(crate) encryption_key: Option<String>,
    #[serde(deserialize_with = "path_if_any")]
    pub(crate) encryption_key_file: Option<PathBuf>,
    pub(crate) authentication: Authentication,
    /// 0: without limit.
    pub(crate) requests_per_second_per_key: u32,
    pub(crate) allow_unauthenticated: bool,
    pub(crate) jwt: TokenSection,
}

impl std::fmt::Debug for SecuritySection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecuritySection")
            .field("encryption_key_file", &self.encryption_key_file)
            .field("authentication", &self.authentication)
            .field("allow_unauthenticated", &self.allow_unauthenticated)
            .finish_non_exhaustive()
    }
}

/// What a caller of the API must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Authentication {
    /// Nothing: everyone is the operator.
    Off,
    /// An API key.
    ApiKeys,
    /// A token of an identity provider.
    Jwt,
    /// Either.
    ApiKeysAndJwt,
}

impl Authentication {
    pub(crate) fn takes_tokens(self) -> bool {
        matches!(self, Self::Jwt | Self::ApiKeysAndJwt)
    }

    pub(crate) fn takes_keys(self) -> bool {
        matches!(self, Self::ApiKeys | Self::ApiKeysAndJwt)
    }
}

impl TryFrom<String> for Authentication {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "off" => Ok(Self::Off),
            "api-keys" => Ok(Self::ApiKeys),
            "jwt" => Ok(Self::Jwt),
            "api-keys-and-jwt" => Ok(Self::ApiKeysAndJwt),
            other => {
                Err(format!("`{other}` is none of \"off\", \"api-keys\", \"jwt\" and \"api-keys-and-jwt\""))
            }
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct EgressSection {
    pub(crate) allowed_networks: Vec<IpNet>,
    pub(crate) name_servers: Vec<SocketAddr>,
    #[serde(rename = "connect_timeout_ms", deserialize_with = "milliseconds")]
    pub(crate) connect_timeout: Duration,
    #[serde(rename = "dns_timeout_ms", deserialize_with = "milliseconds")]
    pub(crate) dns_timeout: Duration,
    #[serde(rename = "pool_idle_timeout_ms", deserialize_with = "milliseconds")]
    pub(crate) pool_idle_timeout: Duration,
    #[serde(rename = "max_connection_age_ms", deserialize_with = "milliseconds")]
    pub(crate) max_connection_age: Duration,
    pub(crate) max_idle_per_host: usize,
    pub(crate) max_idle_total: usize,
    #[serde(deserialize_with = "path_if_any")]
    pub(crate) extra_ca_file: Option<PathBuf>,
    #[serde(deserialize_with = "proxy_choice")]
    proxy_url: ProxyChoice,
    #[serde(deserialize_with = "direct_hosts")]
    no_proxy: Vec<Direct>,
    /// What the two come to.
    #[serde(skip)]
    pub(crate) proxies: Proxies,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DispatcherSection {
    pub(crate) max_in_flight: usize,
    pub(crate) max_in_flight_per_configuration: usize,
    pub(crate) lane_capacity: usize,
    pub(crate) memory_limit_bytes: usize,
    pub(crate) claim_batch: usize,
    #[serde(rename = "poll_interval_ms", deserialize_with = "milliseconds")]
    pub(crate) poll_interval: Duration,
    pub(crate) record_batch: usize,
    #[serde(rename = "probe_cool_down_ms", deserialize_with = "milliseconds")]
    pub(crate) probe_cool_down: Duration,
    pub(crate) max_failed_probes: i32,
    #[serde(rename = "drain_timeout_ms", deserialize_with = "milliseconds")]
    pub(crate) drain_timeout: Duration,
    pub(crate) dry_run: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct IntakeSection {
    pub(crate) batch: usize,
    pub(crate) flushers: usize,
    pub(crate) queue: usize,
    #[serde(rename = "patience_ms", deserialize_with = "milliseconds")]
    pub(crate) patience: Duration,
    pub(crate) event_types: EventTypeEnforcement,
    pub(crate) max_hops: u16,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct WorkerSection {
    #[serde(rename = "heartbeat_ms", deserialize_with = "milliseconds")]
    pub(crate) heartbeat: Duration,
    #[serde(rename = "dead_after_ms", deserialize_with = "milliseconds")]
    pub(crate) dead_after: Duration,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RetrySection {
    #[serde(rename = "max_delay_ms", deserialize_with = "milliseconds")]
    pub(crate) max_delay: Duration,
    /// 0 to 1.
    pub(crate) jitter: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CircuitBreakerSection {
    /// Percent.
    pub(crate) failure_rate_threshold: f32,
    /// Percent.
    pub(crate) slow_call_rate_threshold: f32,
    #[serde(rename = "slow_call_duration_ms", deserialize_with = "milliseconds")]
    pub(crate) slow_call_duration: Duration,
    pub(crate) sliding_window_size: u32,
    pub(crate) minimum_number_of_calls: u32,
    #[serde(rename = "wait_duration_in_open_state_ms", deserialize_with = "milliseconds")]
    pub(crate) wait_duration_in_open_state: Duration,
    pub(crate) permitted_calls_in_half_open_state: u32,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SignatureSection {
    #[serde(deserialize_with = "header_name")]
    pub(crate) header_name: http::HeaderName,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DomainsSection {
    pub(crate) enforce_default_rate: bool,
    #[serde(deserialize_with = "origin")]
    pub(crate) request_origin: http::HeaderValue,
}

#[derive(Clone, Deserialize)]
pub(crate) struct SourcesSection {
    #[serde(deserialize_with = "text_if_any")]
    pub(crate) kafka_bootstrap_servers: Option<String>,
    pub(crate) kafka_auto_offset_reset: String,
    /// `name=value` each; among them passwords.
    pub(crate) kafka_properties: Vec<String>,
    #[serde(deserialize_with = "text_if_any")]
    pub(crate) amqp_url: Option<String>,
    #[serde(deserialize_with = "text_if_any")]
    pub(crate) nats_url: Option<String>,
    #[serde(deserialize_with = "text_if_any")]
    pub(crate) redis_url: Option<String>,
    pub(crate) consumer_group: String,
    pub(crate) allow_own_brokers: bool,
    pub(crate) read_own_outbox: bool,
    #[serde(rename = "stop_timeout_ms", deserialize_with = "milliseconds")]
    pub(crate) stop_timeout: Duration,
}

/// URLs carry passwords.
impl std::fmt::Debug for SourcesSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourcesSection")
            .field("kafka_bootstrap_servers", &self.kafka_bootstrap_servers)
            .field("consumer_group", &self.consumer_group)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RetentionSection {
    pub(crate) events_days: u16,
    pub(crate) executions_days: u16,
    #[serde(rename = "dedup_window_hours", deserialize_with = "hours")]
    pub(crate) dedup_window: Duration,
    pub(crate) quarantine_days: u16,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LogSection {
    pub(crate) format: LogFormat,
    /// Directives of tracing's `EnvFilter`.
    pub(crate) level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl TryFrom<String> for LogFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("`{other}` is neither \"text\" nor \"json\"")),
        }
    }
}

impl Settings {
    /// Reads, lays over each other, and checks everything.
    pub(crate) fn load(sources: &Sources) -> Result<Self, SettingsError> {
        let layers = Layers::read(sources)?;
        limits::check(&layers)?;
        let unreadable = |error: config::ConfigError| SettingsError::Unreadable(error.to_string());
        let mut settings: Self = layers
            .nested()
            .map_err(unreadable)?
            .try_deserialize()
            .map_err(|error| report::with_origin(&error, &layers))?;
        let egress = &mut settings.egress;
        let (proxies, notice) = proxy_section::proxies(&egress.proxy_url, &egress.no_proxy, sources)?;
        egress.proxies = proxies;
        settings.notices = relations::check(&settings)?;
        settings.notices.extend(notice);
        settings.notices.extend(layers.notices.iter().cloned());
        settings.state_folder = state_folder::choose(settings.database.embedded_dir.as_deref(), sources)?;
        settings.report = report::lines(&layers);
        Ok(settings)
    }

    /// The folder of the private PostgreSQL and of the generated key.
    pub(crate) fn state_folder(&self) -> &std::path::Path {
        &self.state_folder
    }

    /// Every setting in force with its origin; secrets are masked.
    pub(crate) fn report(&self) -> &[ReportLine] {
        &self.report
    }

    #[cfg(test)]
    pub(super) fn from_environment(environment: &[(&str, &str)]) -> Result<Self, SettingsError> {
        let environment = environment
            .iter()
            .chain(&[("HOME", "/home/someone")])
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self::load(&Sources { file: None, environment })
    }
}

pub(super) fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

fn hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(|hours| Duration::from_secs(hours * 3600))
}

fn text_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn path_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    Ok(text_if_any(deserializer)?.map(PathBuf::from))
}

/// A DNS name, as CloudEvents' web hooks want it.
fn origin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<http::HeaderValue, D::Error> {
    let text = String::deserialize(deserializer)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let is_name = !text.is_empty() && text.len() <= 253 && text.bytes().all(plain);
    let value = is_name.then(|| http::HeaderValue::from_str(&text).ok()).flatten();
    value.ok_or_else(|| de::Error::custom(format!("`{text}` is not a DNS name")))
}

fn header_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<http::HeaderName, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| de::Error::custom(format!("`{text}` is not a header name (RFC 9110)")))
}
