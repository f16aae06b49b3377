//! Randomness as a value that is handed in, so that a run can be repeated from its seed.

use uuid::Uuid;

/// Where the engine gets random values from. A second implementation exists for tests, which draw from a seed.
pub trait Entropy: Send + Sync + 'static {
    /// A new time-ordered identifier (UUID version 7, RFC 9562 section 5.7).
    fn uuid_v7(&self) -> Uuid;

    /// A number drawn evenly from `0.0..1.0`; what jitter is made of.
    fn unit_f64(&self) -> f64;
}

/// The randomness of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn uuid_v7(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn unit_f64(&self) -> f64 {
        rand::random::<f64>()
    }
}
