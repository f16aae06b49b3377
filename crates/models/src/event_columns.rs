//! Events turned into columns, because one array a column is how a statement takes many rows.

use std::borrow::Cow;

use callbacks_interfaces::ids::ExecutionId;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::acceptance::NewEvent;
use crate::storable_text::{storable, storable_option};

/// The columns of `events`. The targets of all events lie in one array, each event naming its slice of it (from 1,
/// both ends included): PostgreSQL has no arrays of arrays of different lengths, and a slice costs a third of a cast.
#[derive(Default)]
pub(crate) struct EventColumns<'a> {
    pub(crate) ids: Vec<Uuid>,
    pub(crate) tenants: Vec<&'a str>,
    pub(crate) event_ids: Vec<Option<Cow<'a, str>>>,
    pub(crate) sources: Vec<Cow<'a, str>>,
    pub(crate) source_event_ids: Vec<Option<Uuid>>,
    pub(crate) event_types: Vec<&'a str>,
    pub(crate) content_types: Vec<Option<Cow<'a, str>>>,
    pub(crate) occurred_at: Vec<Option<OffsetDateTime>>,
    pub(crate) headers: Vec<Option<Cow<'a, str>>>,
    pub(crate) payloads: Vec<&'a [u8]>,
    pub(crate) targets: Vec<Uuid>,
    pub(crate) first_targets: Vec<i32>,
    pub(crate) last_targets: Vec<i32>,
    /// Whether a delivery of the event stays in the worker's memory.
    pub(crate) held: Vec<bool>,
}

impl<'a> EventColumns<'a> {
    /// `instead` holds what is stored in place of payloads, by the event's position.
    pub(crate) fn of(events: &'a [NewEvent], instead: &'a [Option<Vec<u8>>]) -> Self {
        let mut columns = Self::default();
        for (index, event) in events.iter().enumerate() {
            let instead = instead.get(index).and_then(Option::as_deref);
            columns.push(event, instead.unwrap_or(&event.payload));
        }
        columns
    }

    fn push(&mut self, event: &'a NewEvent, payload: &'a [u8]) {
        self.ids.push(event.row_id.uuid());
        self.tenants.push(event.tenant.as_str());
        self.event_ids.push(storable_option(event.event_id.as_deref()));
        self.sources.push(storable(&event.source));
        self.source_event_ids.push(event.source_event_id);
        self.event_types.push(event.event_type.as_str());
        self.content_types.push(storable_option(event.content_type.as_deref()));
        self.occurred_at.push(event.occurred_at);
        self.headers.push(storable_option(event.headers.as_deref()));
        self.payloads.push(payload);
        self.first_targets.push(position(self.targets.len() + 1));
        self.targets.extend(event.targets.iter().map(|target| target.uuid()));
        self.last_targets.push(position(self.targets.len()));
        self.held.push(event.targets.len() > event.queued.len());
    }
}

/// The rows that go to `delivery_queue`.
#[derive(Default)]
pub(crate) struct QueuedColumns {
    pub(crate) event_row_ids: Vec<Uuid>,
    pub(crate) configuration_ids: Vec<Uuid>,
    pub(crate) hold_reasons: Vec<Option<&'static str>>,
}

impl QueuedColumns {
    pub(crate) fn of(events: &[NewEvent]) -> Self {
        let mut columns = Self::default();
        for event in events {
            for (configuration, reason) in &event.queued {
                columns.event_row_ids.push(event.row_id.uuid());
                columns.configuration_ids.push(configuration.uuid());
                columns.hold_reasons.push(*reason);
            }
        }
        columns
    }
}

/// The executions of configurations that were skipped.
#[derive(Default)]
pub(crate) struct SkippedColumns<'a> {
    pub(crate) ids: Vec<Uuid>,
    pub(crate) event_row_ids: Vec<Uuid>,
    pub(crate) configuration_ids: Vec<Uuid>,
    pub(crate) reasons: Vec<Cow<'a, str>>,
}

impl<'a> SkippedColumns<'a> {
    pub(crate) fn of(events: &'a [NewEvent]) -> Self {
        let mut columns = Self::default();
        for event in events {
            for skipped in &event.skipped {
                columns.ids.push(ExecutionId::now_v7().uuid());
                columns.event_row_ids.push(event.row_id.uuid());
                columns.configuration_ids.push(skipped.configuration_id.uuid());
                columns.reasons.push(storable(&skipped.reason));
            }
        }
        columns
    }
}

/// A flush is bounded far below what an `integer` counts.
fn position(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
