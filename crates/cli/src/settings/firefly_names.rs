//! Firefly's variable names, for who comes from there. `CALLBACKS_*` beats them.

use url::Url;

use super::{error::SettingsError, layers::Origin, sources::Sources};

/// (Firefly's variable, our key); values mean the same on both sides.
const SAME_MEANING: [(&str, &str); 16] = [
    ("SERVER_PORT", "server.port"),
    ("CALLBACK_RETRY_MAX_DELAY", "retry.max_delay_ms"),
    ("CALLBACK_CB_FAILURE_RATE", "circuit_breaker.failure_rate_threshold"),
    ("CALLBACK_CB_SLOW_CALL_RATE", "circuit_breaker.slow_call_rate_threshold"),
    ("CALLBACK_CB_SLOW_DURATION", "circuit_breaker.slow_call_duration_ms"),
    ("CALLBACK_CB_WINDOW_SIZE", "circuit_breaker.sliding_window_size"),
    ("CALLBACK_CB_MIN_CALLS", "circuit_breaker.minimum_number_of_calls"),
    ("CALLBACK_CB_WAIT_DURATION", "circuit_breaker.wait_duration_in_open_state_ms"),
    ("CALLBACK_SIGNATURE_HEADER", "signature.header_name"),
    ("KAFKA_BOOTSTRAP_SERVERS", "sources.kafka_bootstrap_servers"),
    ("FIREFLY_KAFKA_BOOTSTRAP_SERVERS", "sources.kafka_bootstrap_servers"),
    ("KAFKA_AUTO_OFFSET_RESET", "sources.kafka_auto_offset_reset"),
    ("KAFKA_CONSUMER_GROUP", "sources.consumer_group"),
    ("CALLBACK_LISTENER_GROUP_ID", "sources.consumer_group"),
    ("REDIS_URL", "sources.redis_url"),
    ("LOG_LEVEL", "log.level"),
];

/// (Firefly's variable, why it changes nothing here).
const WITHOUT_EFFECT: [(&str, &str); 7] = [
    (
        "CALLBACK_DISPATCHER_THREADS",
        "a request here costs no thread; what is on the wire at once is bounded by dispatcher.max_in_flight and \
         dispatcher.max_in_flight_per_configuration",
    ),
    (
        "CALLBACK_DEFAULT_TIMEOUT",
        "each configuration has a timeoutMs of its own, 30000 unless it says otherwise",
    ),
    (
        "CALLBACK_RETRY_MAX_ATTEMPTS",
        "each configuration has a maxRetries of its own, 3 (four attempts in all) unless it says otherwise",
    ),
    (
        "CALLBACK_RETRY_INITIAL_DELAY",
        "each configuration has a retryDelayMs of its own, 1000 unless it says otherwise",
    ),
    (
        "CALLBACK_RETRY_MULTIPLIER",
        "each configuration has a retryBackoffMultiplier of its own, 2.0 unless it says otherwise",
    ),
    ("SERVER_HTTP2_ENABLED", "the API speaks HTTP/1.1 and HTTP/2 to whoever asks"),
    ("CALLBACK_LISTENER_TOPICS", "events of brokers are bound by event subscriptions, over the API"),
];

const DATABASE: [&str; 5] = ["DB_HOST", "DB_PORT", "DB_NAME", "DB_USERNAME", "DB_PASSWORD"];

/// What Firefly's variables say, in our terms.
#[derive(Debug, Default)]
pub(super) struct Translation {
    /// (our key, the variable, the text).
    pub(super) values: Vec<(&'static str, String, String)>,
    pub(super) notices: Vec<String>,
}

pub(super) fn translate(sources: &Sources) -> Result<Translation, SettingsError> {
    let mut translation = Translation::default();
    for (variable, key) in SAME_MEANING {
        if let Some(text) = sources.variable(variable) {
            translation.values.push((key, variable.to_owned(), adapted(variable, text)));
        }
    }
    if let Some((variables, url)) = database_url(sources)? {
        translation.values.push(("database.url", variables, url));
    }
    for (variable, reason) in WITHOUT_EFFECT {
        if sources.variable(variable).is_some() {
            translation.notices.push(format!("{variable} is set, but has no effect: {reason}"));
        }
    }
    refuse_what_cannot_be_had(sources)?;
    Ok(translation)
}

/// Spring has a level FATAL; here the most severe one is `error`.
fn adapted(variable: &str, text: &str) -> String {
    if variable == "LOG_LEVEL" {
        let level = text.to_ascii_lowercase();
        return if level == "fatal" { "error".to_owned() } else { level };
    }
    text.to_owned()
}

/// A wish that would silently not be granted is worse than a start that fails.
fn refuse_what_cannot_be_had(sources: &Sources) -> Result<(), SettingsError> {
    let refusals = [
        ("CALLBACK_FOLLOW_REDIRECTS", "false", "redirects are never followed; remove it or set it to false"),
        (
            "CALLBACK_SIGNATURE_ALGORITHM",
            "hmacsha256",
            "the FIREFLY signature is always HmacSHA256; remove it or set it to HmacSHA256",
        ),
    ];
    for (variable, only, reason) in refusals {
        if let Some(text) = sources.variable(variable)
            && !text.trim().eq_ignore_ascii_case(only)
        {
            return Err(SettingsError::Refused {
                origin: Origin::Variable(variable.to_owned()),
                reason: reason.to_owned(),
            });
        }
    }
    Ok(())
}

/// The URL out of Firefly's five variables, if any is set, with Firefly's defaults for the others.
fn database_url(sources: &Sources) -> Result<Option<(String, String)>, SettingsError> {
    let set: Vec<&str> = DATABASE.into_iter().filter(|name| sources.variable(name).is_some()).collect();
    if set.is_empty() {
        return Ok(None);
    }
    let value = |name: &str, default: &'static str| sources.variable(name).unwrap_or(default).to_owned();
    let build = || -> Option<Url> {
        let mut url = Url::parse("postgres://localhost/").ok()?;
        url.set_host(Some(&value("DB_HOST", "localhost"))).ok()?;
        url.set_port(Some(value("DB_PORT", "5432").parse().ok()?)).ok()?;
        url.set_username(&value("DB_USERNAME", "firefly")).ok()?;
        url.set_password(Some(&value("DB_PASSWORD", "firefly"))).ok()?;
        url.path_segments_mut().ok()?.clear().push(&value("DB_NAME", "callbacks_db"));
        Some(url)
    };
    match build() {
        Some(url) => Ok(Some((set.join(", "), url.into()))),
        None => Err(SettingsError::Refused {
            origin: Origin::Variable(set.join(", ")),
            reason: "DB_HOST must be a host name or address and DB_PORT a port from 1 to 65535".to_owned(),
        }),
    }
}
