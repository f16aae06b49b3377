//! The process around the parts: what must live before them (settings are read by then), how they are joined, and how
//! all of it ends.
//!
//! `telemetry` gives logs and metrics, `database` the store (and with `embedded_postgres` a server to connect to),
//! `door` who must show an API key, `open_files` how many clients there may be, `wiring` joins the crates. Deliberately absent:
//! decisions about events, deliveries or requests. Those are core's and web's.

pub(crate) mod database;
mod door;
pub(crate) mod embedded_postgres;
mod open_files;
pub(crate) mod signals;
pub(crate) mod telemetry;
pub(crate) mod wiring;
