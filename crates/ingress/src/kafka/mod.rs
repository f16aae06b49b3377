//! Apache Kafka through librdkafka.
//!
//! `topics` says what is subscribed to, `properties` with which settings, `group_context` hears what the group and the
//! brokers do, and `consumer` reads. Offsets are stored when their events are, and committed by librdkafka's own timer, at
//! every rebalance and when it leaves: a commit made by us would block the thread while brokers are away, for six seconds
//! and more.

mod consumer;
mod group_context;
mod properties;
mod topics;

pub(crate) use consumer::open;
pub(crate) use properties::refused_property;
