//! An endpoint that answers 200 and remembers which event came how often.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use callbacks_core::delivery::transport::{Outcome, PhaseTimings, Transport, WireRequest, WireResponse};
use parking_lot::Mutex;

/// Deliveries by the number in their payload (`"n"`). Replicas share it.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    seen: Arc<Mutex<HashMap<u64, u32>>>,
    mute: bool,
}

impl Ledger {
    /// One that answers to nothing, as if every endpoint hung.
    pub(crate) fn mute() -> Self {
        Self { mute: true, ..Self::default() }
    }

    /// Different events delivered.
    pub(crate) fn events(&self) -> usize {
        self.seen.lock().len()
    }

    /// Deliveries beyond the first of their event.
    pub(crate) fn extra(&self) -> u32 {
        self.seen.lock().values().map(|count| count - 1).sum()
    }

    /// Which of `0..count` are missing; a few of them.
    pub(crate) fn missing(&self, count: u64) -> Vec<u64> {
        let seen = self.seen.lock();
        (0..count).filter(|n| !seen.contains_key(n)).take(10).collect()
    }
}

impl Transport for Ledger {
    async fn send(&self, request: WireRequest) -> Outcome {
        if self.mute {
            std::future::pending::<()>().await;
        }
        let payload: serde_json::Value = serde_json::from_slice(&request.body).expect("good events are JSON");
        let number = payload["n"].as_u64().expect("good events have a number");
        *self.seen.lock().entry(number).or_default() += 1;
        Outcome::Response(WireResponse {
            status: 200,
            headers: http::HeaderMap::new(),
            body: Bytes::new(),
            truncated: false,
            timings: PhaseTimings::default(),
        })
    }
}
