//! Every source against the broker it is for: deliver, restart the consumer in the middle, kill the service between commit
//! and acknowledgement, restart the broker, replay everything. Nothing is lost, nothing is delivered twice.
//!
//! The brokers are real ones, started by `scripts/brokers/start.sh` (which `make test` calls) and named by the environment.
//! Only Kafka has a stand-in, librdkafka's mock cluster, for where Maven Central cannot be reached; the suite says so.

mod brokers;
mod crash;
mod database;
#[cfg(feature = "kafka")]
mod kafka;
mod ledger;
#[cfg(feature = "nats")]
mod nats;
mod outbox;
mod patience;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
#[cfg(feature = "redis")]
mod redis_streams;
mod replica;
mod suite;
