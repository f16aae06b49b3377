//! The last N calls of an endpoint and their rates, in constant time per call.

/// A ring of outcomes with running totals.
#[derive(Debug, Clone)]
pub(super) struct CallWindow {
    /// The calls, oldest overwritten first; grows up to `capacity`, so that a quiet endpoint costs nothing.
    calls: Vec<Call>,
    capacity: u32,
    minimum: u32,
    oldest: usize,
    failed: u32,
    slow: u32,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    failed: bool,
    slow: bool,
}

impl CallWindow {
    /// A window over `capacity` calls that knows no rate below `minimum` calls.
    pub(super) fn new(capacity: u32, minimum: u32) -> Self {
        Self {
            calls: Vec::new(),
            capacity,
            minimum: minimum.clamp(1, capacity.max(1)),
            oldest: 0,
            failed: 0,
            slow: 0,
        }
    }

    /// A window that remembers nothing.
    pub(super) fn none() -> Self {
        Self::new(0, 0)
    }

    pub(super) fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Calls in the window.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn push(&mut self, failed: bool, slow: bool) {
        let call = Call { failed, slow };
        if self.len() < self.capacity {
            self.calls.push(call);
        } else if let Some(slot) = self.calls.get_mut(self.oldest) {
            self.failed -= u32::from(slot.failed);
            self.slow -= u32::from(slot.slow);
            *slot = call;
            self.oldest = (self.oldest + 1) % self.calls.len();
        } else {
            return;
        }
        self.failed += u32::from(failed);
        self.slow += u32::from(slow);
    }

    /// Failed calls in percent, once there are enough calls.
    pub(super) fn failure_rate(&self) -> Option<f32> {
        self.rate(self.failed)
    }

    /// Slow calls in percent, once there are enough calls.
    pub(super) fn slow_call_rate(&self) -> Option<f32> {
        self.rate(self.slow)
    }

    fn rate(&self, part: u32) -> Option<f32> {
        // Counts up to 10,000 are exact in f32, and the order of operations is Resilience4j's.
        (self.len() >= self.minimum).then(|| part as f32 * 100.0 / self.len() as f32)
    }
}
