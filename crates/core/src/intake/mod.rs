//! The one door in. The acceptor routes an event and takes room for its deliveries; the flushers store what has gathered,
//! many events in one commit, answer the producers, and only then hand the deliveries to their lanes.

pub mod acceptor;
pub mod error;
pub(crate) mod flusher;
pub mod received_event;
pub mod settings;
