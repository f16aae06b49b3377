//! What the tests of every crate share; a dev-dependency only, never part of the service.
//!
//! Receivers that stand at the other end of the wire: `webhook_receiver` records and answers by script, `load_receiver` only
//! counts, `hostile_endpoint` misbehaves on raw TCP, `hostile_http2` in HTTP/2, `hostile_tls` in TLS, `chaos_proxy` spoils a
//! good connection, `connect_proxy` makes tunnels, `certificates` lets them speak TLS, `identity_provider` signs tokens and
//! publishes its keys.
//! Stand-ins for what the core is handed: `manual_clock`, `seeded_entropy`, `scripted_transport`. And `samples` of valid input,
//! and the `hostile_corpus` of input that is anything but.
//!
//! Everything listens on loopback, takes a free port and ends when dropped. Databases are not here: a test that needs one gets
//! a real one of its own from the crate that owns the schema.

mod answer;
pub mod certificates;
pub mod chaos_proxy;
pub mod connect_proxy;
pub mod hostile_corpus;
pub mod hostile_endpoint;
pub mod hostile_http2;
pub mod hostile_tls;
pub mod identity_provider;
pub mod load_receiver;
pub mod manual_clock;
pub mod odd_certificates;
mod owned_tasks;
pub mod samples;
pub mod scripted_transport;
pub mod seeded_entropy;
pub mod webhook_receiver;
