//! An event's way out. Outcome (on the wire) → verdict (its meaning under the policy) → settlement (what is written).
//!
//! Each configuration has a lane. First attempts come to it from the intake, straight after their commit; everything else
//! (retries, overflow, ended holds, replays, recovered work) comes from the queue table through the claimer. The
//! dispatcher's workers take deliveries off a lane one by one, attempt them, and hand the outcomes to the recorder, which
//! alone writes them. There is deliberately no second scheduler.

pub(crate) mod attempt;
pub(crate) mod claimer;
pub(crate) mod dispatcher;
pub(crate) mod domain_budgets;
pub(crate) mod in_hand;
pub(crate) mod lane;
pub(crate) mod lanes;
pub(crate) mod memory_gauge;
pub(crate) mod open_batches;
pub(crate) mod recorder;
pub mod retry_after;
pub(crate) mod schedule;
pub mod settings;
pub(crate) mod settlement_watch;
pub(crate) mod status_changes;
pub mod tls_identity;
pub mod transport;
pub mod verdict;
