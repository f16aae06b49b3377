//! Which messaging system is read by which source.

use std::sync::Arc;

use callbacks_core::clock::Clock;
use callbacks_core::sources::event_source::{EventSource, OpenSource, SourceError, SourcePlan};
use callbacks_core::sources::postgres_outbox::{self, PostgresOutbox};
use futures::future::BoxFuture;

use crate::settings::SourcesSettings;

/// What every source is opened with.
#[derive(Clone)]
pub(crate) struct Opening {
    pub(crate) settings: Arc<SourcesSettings>,
    #[cfg_attr(
        not(any(feature = "kafka", feature = "rabbitmq")),
        expect(dead_code, reason = "the other brokers need no time")
    )]
    pub(crate) clock: Arc<dyn Clock>,
}

/// Opens any subscription's source.
#[must_use]
pub fn opener(settings: SourcesSettings, clock: Arc<dyn Clock>) -> OpenSource {
    let opening = Opening { settings: Arc::new(settings), clock };
    Arc::new(move |plan| open(opening.clone(), plan))
}

fn open(opening: Opening, plan: SourcePlan) -> BoxFuture<'static, Result<Box<dyn EventSource>, SourceError>> {
    match plan.subscription.messaging_system_type.to_ascii_uppercase().as_str() {
        #[cfg(feature = "kafka")]
        "KAFKA" => Box::pin(crate::kafka::open(opening, plan)),
        #[cfg(feature = "rabbitmq")]
        "RABBITMQ" | "RABBIT" | "AMQP" => Box::pin(crate::rabbitmq::open(opening, plan)),
        #[cfg(feature = "nats")]
        "NATS" | "NATS_JETSTREAM" | "JETSTREAM" => Box::pin(crate::nats::open(opening, plan)),
        #[cfg(feature = "redis")]
        "REDIS" | "REDIS_STREAMS" => Box::pin(crate::redis_streams::open(opening, plan)),
        postgres_outbox::SYSTEM | "POSTGRES" | "OUTBOX" => Box::pin(async move {
            if plan.subscription.connection_config.is_some() {
                crate::connection::own_broker_allowed(&opening.settings)?;
            }
            PostgresOutbox::open(plan).await
        }),
        _ => {
            let system = plan.subscription.messaging_system_type.clone();
            Box::pin(async move { Err(SourceError(unsupported(&system))) })
        }
    }
}

fn unsupported(system: &str) -> String {
    let mut known = vec![postgres_outbox::SYSTEM];
    for (name, built) in [
        ("KAFKA", cfg!(feature = "kafka")),
        ("RABBITMQ", cfg!(feature = "rabbitmq")),
        ("NATS", cfg!(feature = "nats")),
        ("REDIS", cfg!(feature = "redis")),
    ] {
        if built {
            known.push(name);
        }
    }
    format!("messagingSystemType {system} is not supported by this build, which reads {}", known.join(", "))
}
