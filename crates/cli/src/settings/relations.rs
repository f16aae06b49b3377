//! What settings demand of each other. One place, so that a contradiction is one sentence at the start.

use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::{
    error::SettingsError,
    handover,
    sections::{Authentication, Settings},
};

/// A replica must miss several heartbeats before others take its work.
const HEARTBEATS_TO_DEATH: u32 = 3;
const HOURS_A_DAY: u64 = 24;
/// The contract's default of `timeoutMs`.
const CONTRACT_TIMEOUT: Duration = Duration::from_secs(30);

/// Refuses the first contradiction; returns what is allowed but worth a word in the log.
pub(super) fn check(settings: &Settings) -> Result<Vec<String>, SettingsError> {
    let refusals = [
        listening(settings),
        tokens(settings),
        lease(settings),
        flow(settings),
        circuit_breaker(settings),
        retention(settings),
        sources(settings),
        log(settings),
    ];
    match refusals.into_iter().flatten().next() {
        Some(sentence) => Err(SettingsError::Contradiction(sentence)),
        None => Ok(notices(settings)),
    }
}

fn listening(settings: &Settings) -> Option<String> {
    let host = settings.server.host;
    (is_open_to_all(settings) && !settings.security.allow_unauthenticated).then(|| {
        format!(
            "server.host is {host}, which other machines can reach, but nobody would have to authenticate: set \
             security.authentication to \"api-keys\" or \"jwt\", listen on 127.0.0.1 behind a proxy that authenticates, or set \
             security.allow_unauthenticated = true if everyone who can connect may do everything"
        )
    })
}

/// Whether other machines can reach an API that asks nobody who they are.
fn is_open_to_all(settings: &Settings) -> bool {
    !settings.server.host.is_loopback() && settings.security.authentication == Authentication::Off
}

fn tokens(settings: &Settings) -> Option<String> {
    let security = &settings.security;
    if security.authentication.takes_tokens() {
        return security.jwt.read(None).err();
    }
    security.jwt.is_set().then(|| {
        "security.jwt is set, but security.authentication accepts no tokens: set it to \"jwt\" or \"api-keys-and-jwt\""
            .to_owned()
    })
}

fn lease(settings: &Settings) -> Option<String> {
    let worker = &settings.worker;
    (worker.dead_after < worker.heartbeat * HEARTBEATS_TO_DEATH).then(|| {
        format!(
            "worker.dead_after_ms ({}) must be at least {HEARTBEATS_TO_DEATH} times worker.heartbeat_ms ({}), or a \
             short delay looks like death",
            worker.dead_after.as_millis(),
            worker.heartbeat.as_millis()
        )
    })
}

fn flow(settings: &Settings) -> Option<String> {
    let (dispatcher, intake, database) = (&settings.dispatcher, &settings.intake, &settings.database);
    let connections = usize::try_from(database.intake_connections).unwrap_or(usize::MAX);
    if dispatcher.max_in_flight_per_configuration > dispatcher.max_in_flight {
        return Some(format!(
            "dispatcher.max_in_flight_per_configuration ({}) is more than dispatcher.max_in_flight ({}), the bound over \
             all of them",
            dispatcher.max_in_flight_per_configuration, dispatcher.max_in_flight
        ));
    }
    (intake.flushers > connections).then(|| {
        format!(
            "intake.flushers ({}) is more than database.intake_connections ({connections}); each needs one",
            intake.flushers
        )
    })
}

fn circuit_breaker(settings: &Settings) -> Option<String> {
    let breaker = &settings.circuit_breaker;
    (breaker.minimum_number_of_calls > breaker.sliding_window_size).then(|| {
        format!(
            "circuit_breaker.minimum_number_of_calls ({}) is more than circuit_breaker.sliding_window_size ({}), so the \
             circuit could never open",
            breaker.minimum_number_of_calls, breaker.sliding_window_size
        )
    })
}

fn retention(settings: &Settings) -> Option<String> {
    let retention = &settings.retention;
    let dedup_hours = retention.dedup_window.as_secs() / 3600;
    (dedup_hours > u64::from(retention.events_days) * HOURS_A_DAY).then(|| {
        format!(
            "retention.dedup_window_hours ({dedup_hours}) is longer than retention.events_days ({}): a duplicate would \
             name an event that is gone",
            retention.events_days
        )
    })
}

/// A property that would be refused when the first subscription is opened stops the start instead.
fn sources(settings: &Settings) -> Option<String> {
    let items = &settings.sources.kafka_properties;
    if let Some(at) = items.iter().position(|item| !item.contains('=')) {
        // Not quoted: it may be the second half of a password with a comma in it.
        return Some(format!(
            "item {} of sources.kafka_properties has no `=`; write name=value, and put values with a comma into a file",
            at + 1
        ));
    }
    callbacks_ingress::settings::refused_kafka_property(&handover::properties(items))
        .map(|refusal| format!("sources.kafka_properties: {refusal}"))
}

fn log(settings: &Settings) -> Option<String> {
    let level = &settings.log.level;
    EnvFilter::try_new(level)
        .err()
        .map(|error| format!("log.level is `{level}`, which cannot be read: {error}"))
}

fn notices(settings: &Settings) -> Vec<String> {
    let mut notices = Vec::new();
    if settings.dispatcher.dry_run {
        notices.push(
            "dispatcher.dry_run is on: deliveries are recorded as SKIPPED, and nothing is sent".to_owned(),
        );
    }
    if settings.dispatcher.drain_timeout < CONTRACT_TIMEOUT {
        notices.push(format!(
            "dispatcher.drain_timeout_ms is shorter than the default of a configuration's timeoutMs ({}): a stop may cut \
             a slow request off, and it will be sent again",
            CONTRACT_TIMEOUT.as_millis()
        ));
    }
    if settings.security.allow_unauthenticated && is_open_to_all(settings) {
        notices.push(format!(
            "everyone who can reach {}:{} may do everything (security.allow_unauthenticated)",
            settings.server.host, settings.server.port
        ));
    }
    if settings.security.encryption_key.is_some() && settings.security.encryption_key_file.is_some() {
        notices.push("security.encryption_key is used; security.encryption_key_file is not read".to_owned());
    }
    notices
}
