//! What every source of events can do, and how one is opened.

use std::sync::Arc;

use callbacks_interfaces::event_subscription::EventSubscription;
use futures::future::BoxFuture;
use time::OffsetDateTime;

use super::message::Arrival;

/// How much a pump takes at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appetite {
    /// Most messages.
    pub messages: usize,
    /// Octets after which a batch is full; a single message may be larger.
    pub octets: usize,
}

/// Messages that are stored and acknowledged together.
#[derive(Debug)]
pub struct SourceBatch {
    /// The source's own number of it, by which it is settled.
    pub number: u64,
    /// The messages, at least one.
    pub arrivals: Vec<Arrival>,
}

/// How a consumer is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// Whether the broker can be reached.
    pub connected: bool,
    /// What is read, such as `orders/3`.
    pub partitions: Vec<String>,
    /// Messages not yet read; `None` = the broker does not tell.
    pub lag: Option<i64>,
    /// Seconds by which reading is behind; `None` = not known.
    pub lag_seconds: Option<f64>,
    /// The latest error and when it happened.
    pub error: Option<(String, OffsetDateTime)>,
    /// Changes of `partitions` by the broker.
    pub rebalances: u64,
}

/// A source failed: it is closed and opened anew after a pause. The message may be shown to whoever owns the subscription,
/// so it never carries a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

impl SourceError {
    /// From whatever failed.
    pub fn new(problem: &impl ToString) -> Self {
        Self(problem.to_string())
    }
}

/// A connected consumer of one broker. One pump owns it.
pub trait EventSource: Send {
    /// Waits for messages. The pump drops the future whenever something else is to be done, so whatever was received
    /// must be kept for the next call.
    fn pull(&mut self, appetite: Appetite) -> BoxFuture<'_, Result<SourceBatch, SourceError>>;

    /// Says that everything of a batch is stored. Batches are settled in any order; the source acknowledges to the broker
    /// in the order it delivered them. A batch of an assignment that was lost meanwhile is not acknowledged: it comes
    /// again, here or elsewhere, and is recognised.
    fn settle(&mut self, number: u64) -> BoxFuture<'_, Result<(), SourceError>>;

    /// Never resolves. Awaited instead of `pull` while the intake is behind, so that a source can stay a member of its
    /// group without reading on.
    fn hold(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// How it is doing. Asked every second; the answer may be some seconds old.
    fn standing(&mut self) -> BoxFuture<'_, Standing>;

    /// Leaves the broker, after a last acknowledgement of what was settled.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// One consumer of a subscription.
#[derive(Debug, Clone)]
pub struct SourcePlan {
    /// The subscription, with the credentials of its broker.
    pub subscription: Arc<EventSubscription>,
    /// Which of its consumers this is, from 0.
    pub consumer: u32,
    /// Names this replica towards brokers that want names.
    pub replica: uuid::Uuid,
}

/// Opens the source of a plan. Where the broker is away this may fail at once or come back with a source that connects
/// later; a plan that can never work fails every time, with a sentence that says what to change.
pub type OpenSource =
    Arc<dyn Fn(SourcePlan) -> BoxFuture<'static, Result<Box<dyn EventSource>, SourceError>> + Send + Sync>;
