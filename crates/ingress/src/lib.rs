//! Brokers: the way in for events that happen elsewhere. One file a broker, each behind a cargo feature.
//!
//! The core decides when to read, what an event is and when it is safe (`callbacks_core::sources`); this crate only speaks
//! the brokers' protocols. `registry` opens the source a subscription names, with what its `connection` says; each broker's
//! source pulls messages, and acknowledges what the `watermark` says is stored without a gap.
//!
//! **Invariant: nothing is acknowledged to a broker before the core says that it is stored, and nothing out of order.**
//!
//! Deliberately absent: the database, the making of events, retries of what the intake refuses. To add a broker: a file
//! with an `EventSource`, a line in `registry`, and its place in the conformance suite of this crate's tests.

// What panics stops more than the work it was given; tests may.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::panic, clippy::unreachable))]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice))]

pub mod connection;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
#[cfg(feature = "redis")]
mod redis_streams;
pub mod registry;
pub mod settings;
mod watermark;
