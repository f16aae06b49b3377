//! Gates: configurations with `phase=BEFORE`, asked while a producer waits whether its event may happen
//! (servo-webhooks' `before:` hooks).
//!
//! `vote` is the decision, pure: an outcome is a reply, a reply with `onError` is a vote, votes are a decision.
//! `gatekeeper` asks: every gate concerned at once, each within its own time, through the doors every delivery goes
//! through; it records one execution an ask, and only then answers.
//!
//! Deliberately absent: retries (the producer waits), and the event itself, which its producer publishes afterwards.

mod ask;
mod gatekeeper;
mod vote;

pub use gatekeeper::GateError;
pub(crate) use gatekeeper::Gatekeeper;
