//! Randomness that repeats itself from a seed.

use callbacks_core::entropy::Entropy;
use parking_lot::Mutex;
use uuid::Uuid;

/// 2026-01-01T00:00:00Z in milliseconds: the time that the first generated UUID carries.
const FIRST_MILLISECOND: u64 = 1_767_225_600_000;

/// The same seed gives the same values in the same order (SplitMix64).
#[derive(Debug)]
pub struct SeededEntropy {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    numbers: SplitMix,
    drawn: u64,
}

/// The generator itself, for a test that draws millions.
#[derive(Debug)]
pub struct SplitMix(u64);

impl SeededEntropy {
    /// Starts the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(State { numbers: SplitMix::new(seed), drawn: 0 }) }
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.numbers.draw()
    }
}

impl SplitMix {
    /// Starts the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn uuid_v7(&self) -> Uuid {
        let mut state = self.state.lock();
        let (high, low) = (state.next().to_be_bytes(), state.next().to_be_bytes());
        let millisecond = FIRST_MILLISECOND + state.drawn;
        // A millisecond per draw keeps the ids in order, as real ones are.
        state.drawn += 1;
        let mut random = [0; 10];
        random[..2].copy_from_slice(&high[..2]);
        random[2..].copy_from_slice(&low);
        uuid::Builder::from_unix_timestamp_millis(millisecond, &random).into_uuid()
    }

    fn unit_f64(&self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.state.lock().next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_ids_are_ordered() {
        let (one, two) = (SeededEntropy::new(7), SeededEntropy::new(7));
        let first: Vec<Uuid> = (0..50).map(|_| one.uuid_v7()).collect();
        let second: Vec<Uuid> = (0..50).map(|_| two.uuid_v7()).collect();
        assert_eq!(first, second);
        assert!(first.is_sorted());
        assert!(first.iter().all(|id| id.get_version_num() == 7));
        assert!((0..1000).all(|_| (0.0..1.0).contains(&one.unit_f64())));
    }
}
