//! A delivery held in this worker's memory, and what it occupies while it is.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use callbacks_interfaces::ids::{ConfigurationId, EventRowId};
use callbacks_models::settlement::EventRef;
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::OwnedSemaphorePermit;

use super::memory_gauge::HeldMemory;

/// A stored event with its payload, shared by all its deliveries in memory.
#[derive(Debug)]
pub(crate) struct EventInHand {
    /// Its row, tenant and type.
    pub(crate) reference: EventRef,
    /// The id receivers see: the producer's own, or the row's.
    pub(crate) public_id: String,
    /// Who produced it; empty when nobody said.
    pub(crate) source: String,
    /// When it happened, as its producer says, or else when it was accepted.
    pub(crate) occurred_at: OffsetDateTime,
    /// The payload's media type, where it was said.
    pub(crate) content_type: Option<String>,
    /// What else its producer said about it, as a JSON object.
    pub(crate) headers: Option<String>,
    /// The bytes as received.
    pub(crate) payload: Bytes,
}

/// What a producer said about an event beside its payload.
#[derive(Debug, Default)]
pub(crate) struct SaidAbout {
    pub(crate) source: String,
    pub(crate) occurred_at: Option<OffsetDateTime>,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Option<String>,
}

impl EventInHand {
    pub(crate) fn new(reference: EventRef, said: SaidAbout, payload: Bytes) -> Self {
        let public_id = reference.event_id.clone().unwrap_or_else(|| reference.row_id.to_string());
        let occurred_at = said.occurred_at.unwrap_or(reference.accepted_at);
        let SaidAbout { source, content_type, headers, .. } = said;
        Self { reference, public_id, source, occurred_at, content_type, headers, payload }
    }
}

/// One event on its way to one configuration, in this worker's hands.
#[derive(Debug)]
pub(crate) struct DeliveryInHand {
    pub(crate) event: Arc<EventInHand>,
    pub(crate) configuration: ConfigurationId,
    /// The number of the attempt to make next, from 1.
    pub(crate) attempt: u16,
    /// Attempts made before the last replay, which granted its retries anew.
    pub(crate) attempts_before: u16,
    /// The stored event has lost its payload (retention overtook the delivery): it can only be refused.
    pub(crate) payload_lost: bool,
    pub(crate) lease: Lease,
    pub(crate) room: Room,
}

/// Why this worker may work on a delivery: which row says so, and since which registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) held_by: LeaseRow,
    /// The worker's registration the lease belongs to; an older one is worthless.
    pub(crate) epoch: u64,
}

/// The row that holds a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseRow {
    /// A first attempt: the row of its intake batch.
    IntakeBatch(i64),
    /// A claimed row of the delivery queue.
    DeliveryQueue,
}

/// What a delivery occupies while it is in memory; freed when dropped, which is after its outcome is committed.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) _slot: OwnedSemaphorePermit,
    pub(crate) _memory: HeldMemory,
    /// Set for claimed deliveries.
    pub(crate) _claim: Option<ClaimMark>,
}

/// The rows of the queue table this worker knows it has claimed. A claim whose answer was lost leaves rows leased that are
/// not among them; those are given back.
#[derive(Debug, Default)]
pub(crate) struct ClaimedRows(Mutex<HashSet<(EventRowId, ConfigurationId)>>);

impl ClaimedRows {
    /// Notes a claimed row for as long as the mark lives.
    pub(crate) fn mark(self: &Arc<Self>, event: EventRowId, configuration: ConfigurationId) -> ClaimMark {
        self.0.lock().insert((event, configuration));
        ClaimMark { rows: Arc::clone(self), row: (event, configuration) }
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<(EventRowId, ConfigurationId)> {
        self.0.lock().iter().copied().collect()
    }
}

/// One claimed row that this worker has in hand.
#[derive(Debug)]
pub(crate) struct ClaimMark {
    rows: Arc<ClaimedRows>,
    row: (EventRowId, ConfigurationId),
}

impl Drop for ClaimMark {
    fn drop(&mut self) {
        self.rows.0.lock().remove(&self.row);
    }
}
