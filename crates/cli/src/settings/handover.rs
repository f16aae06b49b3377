//! Hands each part of the settings to the crate it tunes.

use std::{collections::BTreeMap, fs, io, time::Duration};

use callbacks_core::sources::settings::{OwnOutbox, SupervisorSettings};
use callbacks_core::{
    delivery::settings::DispatcherSettings,
    intake::settings::IntakeSettings,
    maintenance::{WorkerSettings, retention::RetentionSettings},
    routing::target::TargetDefaults,
};
use callbacks_egress::EgressSettings;
use callbacks_ingress::settings::{OwnBrokers, SourcesSettings};
use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_models::store::StoreSettings;

use super::sections::Settings;
use super::token_section::TokenProvider;

impl Settings {
    pub(crate) fn store(&self, url: &str) -> StoreSettings {
        let database = &self.database;
        StoreSettings {
            url: url.to_owned(),
            api_connections: database.api_connections,
            intake_connections: database.intake_connections,
            settlement_connections: database.settlement_connections,
            queue_connections: database.queue_connections,
            connect_timeout: database.connect_timeout,
            statement_timeout: database.statement_timeout,
            lock_timeout: database.lock_timeout,
            dedup_window: self.retention.dedup_window,
        }
    }

    pub(crate) fn intake(&self) -> IntakeSettings {
        IntakeSettings {
            batch: self.intake.batch,
            flushers: self.intake.flushers,
            queue: self.intake.queue,
            patience: self.intake.patience,
            event_types: self.intake.event_types,
            max_hops: self.intake.max_hops,
            ..IntakeSettings::default()
        }
    }

    pub(crate) fn dispatcher(&self) -> DispatcherSettings {
        let dispatcher = &self.dispatcher;
        DispatcherSettings {
            max_in_flight: dispatcher.max_in_flight,
            lane_capacity: dispatcher.lane_capacity,
            memory_limit_bytes: dispatcher.memory_limit_bytes,
            claim_batch: dispatcher.claim_batch,
            poll_interval: dispatcher.poll_interval,
            record_batch: dispatcher.record_batch,
            probe_cool_down: dispatcher.probe_cool_down,
            max_failed_probes: dispatcher.max_failed_probes,
            dry_run: dispatcher.dry_run,
            enforce_default_domain_rate: self.domains.enforce_default_rate,
            request_origin: self.domains.request_origin.clone(),
        }
    }

    pub(crate) fn worker(&self) -> WorkerSettings {
        WorkerSettings { heartbeat: self.worker.heartbeat, dead_after: self.worker.dead_after }
    }

    pub(crate) fn retention(&self) -> RetentionSettings {
        RetentionSettings {
            events_days: self.retention.events_days,
            executions_days: self.retention.executions_days,
            dedup_window: self.retention.dedup_window,
            quarantine_days: self.retention.quarantine_days,
            ..RetentionSettings::default()
        }
    }

    pub(crate) fn brokers(&self) -> SourcesSettings {
        let sources = &self.sources;
        SourcesSettings {
            kafka_bootstrap_servers: sources.kafka_bootstrap_servers.clone(),
            kafka_properties: properties(&sources.kafka_properties),
            kafka_auto_offset_reset: sources.kafka_auto_offset_reset.clone(),
            amqp_url: sources.amqp_url.clone(),
            nats_url: sources.nats_url.clone(),
            redis_url: sources.redis_url.clone(),
            consumer_group: sources.consumer_group.clone(),
            own_brokers: if sources.allow_own_brokers { OwnBrokers::Allowed } else { OwnBrokers::Refused },
        }
    }

    pub(crate) fn supervisor(&self) -> SupervisorSettings {
        let own_outbox = if self.sources.read_own_outbox { OwnOutbox::Read } else { OwnOutbox::Leave };
        SupervisorSettings { own_outbox, ..SupervisorSettings::default() }
    }

    /// What applies where a configuration leaves something to the service.
    pub(crate) fn target_defaults(&self) -> TargetDefaults {
        let breaker = &self.circuit_breaker;
        TargetDefaults {
            signature_header: self.signature.header_name.to_string(),
            retry_max_delay_ms: milliseconds(self.retry.max_delay),
            retry_jitter: self.retry.jitter,
            circuit_breaker: CircuitBreakerPolicy::Rate {
                failure_rate_threshold: breaker.failure_rate_threshold,
                slow_call_rate_threshold: breaker.slow_call_rate_threshold,
                slow_call_duration_ms: milliseconds(breaker.slow_call_duration),
                sliding_window_size: breaker.sliding_window_size,
                minimum_number_of_calls: breaker.minimum_number_of_calls,
                wait_duration_in_open_state_ms: milliseconds(breaker.wait_duration_in_open_state),
                permitted_calls_in_half_open_state: breaker.permitted_calls_in_half_open_state,
            },
            max_in_flight: self.dispatcher.max_in_flight_per_configuration,
        }
    }

    /// Requests a second one caller may make; `None` for any number.
    pub(crate) fn requests_per_second(&self) -> Option<u32> {
        Some(self.security.requests_per_second_per_key).filter(|pace| *pace > 0)
    }

    /// Whose tokens are accepted, if any are. Checked at the start, so nothing is lost here.
    pub(crate) fn token_provider(&self) -> Option<TokenProvider> {
        let security = &self.security;
        if !security.authentication.takes_tokens() {
            return None;
        }
        security.jwt.read(self.requests_per_second()).ok()
    }

    /// # Errors
    /// When the file with extra certificates cannot be read.
    pub(crate) fn egress(&self) -> io::Result<EgressSettings> {
        let egress = &self.egress;
        Ok(EgressSettings {
            connect_timeout: egress.connect_timeout,
            dns_timeout: egress.dns_timeout,
            name_servers: egress.name_servers.clone(),
            pool_idle_timeout: egress.pool_idle_timeout,
            max_connection_age: egress.max_connection_age,
            max_idle_per_host: egress.max_idle_per_host,
            max_idle_total: egress.max_idle_total,
            proxies: egress.proxies.clone(),
            extra_ca_pem: egress.extra_ca_file.as_ref().map(fs::read).transpose()?,
            ..EgressSettings::default()
        })
    }
}

/// Of `name=value` each. Those without a `=` were refused before.
pub(super) fn properties(items: &[String]) -> BTreeMap<String, String> {
    let pairs = items.iter().filter_map(|item| item.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_defaults_are_the_crates_own() {
        let settings = Settings::from_environment(&[]).expect("the defaults");
        let shown = |value: &dyn std::fmt::Debug| format!("{value:?}");
        assert_eq!(shown(&settings.store("")), shown(&StoreSettings::default()));
        assert_eq!(shown(&settings.intake()), shown(&IntakeSettings::default()));
        assert_eq!(shown(&settings.dispatcher()), shown(&DispatcherSettings::default()));
        assert_eq!(shown(&settings.egress().expect("no file")), shown(&EgressSettings::default()));
    }
}
