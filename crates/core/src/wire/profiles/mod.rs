//! One file a profile: the headers that make a delivery look like one of a known system. All of them send the id of the
//! delivery, which is the same for every attempt.

pub(super) mod cloud_events;
pub(super) mod custom;
pub(super) mod dealix;
pub(super) mod delivery_headers;
pub(super) mod firefly;
pub(super) mod pyfly;
pub(super) mod servo;
pub(super) mod standard_webhooks;
pub(super) mod svc_infra;
