//! What keeps the service going besides events: this worker's lease and the takeover of dead ones, partitions and retention, replays.

pub(crate) mod replays;
pub mod retention;
pub(crate) mod worker_lease;

pub use worker_lease::WorkerSettings;
