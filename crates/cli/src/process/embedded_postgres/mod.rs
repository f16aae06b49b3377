//! The private PostgreSQL: what `callbacks serve` uses when no database is configured.
//!
//! Called by the wiring before anything else. A folder goes in, a URL comes out, and until `stop` (or the end of
//! this process) one postmaster of the machine's own PostgreSQL runs in that folder: durable (fsync and
//! synchronous commit are on), reachable through a Unix socket in a 0700 folder only, and kept between runs.
//!
//! One OS thread (`supervisor`) owns the folder's lock and the child. It makes the cluster once (`cluster`), sweeps
//! up what a crash left behind (`previous_run`), starts the child (`postmaster`), and starts it again when it dies.
//! Deliberately absent: TCP, passwords, downloads of binaries, upgrades between major versions, replication. Who
//! needs those has a database of their own to name in `database.url`.

mod account;
mod binaries;
mod cluster;
mod error;
mod folder;
mod postmaster;
mod previous_run;
mod supervisor;
#[cfg(test)]
mod tests;

pub(crate) use error::EmbeddedPostgresError;
pub(crate) use supervisor::{EmbeddedPostgres, EmbeddedSettings};
