//! Batches that are being stored, and up to where they are without a gap. Pure.

use std::collections::VecDeque;

/// Settled in any order, released in the order they began.
#[derive(Debug)]
pub(crate) struct Watermark<T> {
    /// The number of the first one in `waiting`.
    first: u64,
    waiting: VecDeque<Waiting<T>>,
}

#[derive(Debug)]
struct Waiting<T> {
    receipt: T,
    settled: bool,
}

impl<T> Default for Watermark<T> {
    fn default() -> Self {
        Self { first: 0, waiting: VecDeque::new() }
    }
}

impl<T> Watermark<T> {
    /// Begins a batch, of which `receipt` is what the broker is to be told; gives its number.
    pub(crate) fn begin(&mut self, receipt: T) -> u64 {
        self.waiting.push_back(Waiting { receipt, settled: false });
        self.first + self.waiting.len() as u64 - 1
    }

    /// Settles a batch; gives the receipts that may be acknowledged now, oldest first. An unknown number changes nothing.
    pub(crate) fn settle(&mut self, number: u64) -> Vec<T> {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(waiting) = index.and_then(|index| self.waiting.get_mut(index)) {
            waiting.settled = true;
        }
        let mut released = Vec::new();
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.settled) {
            self.first += 1;
            released.push(waiting.receipt);
        }
        released
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_gap_holds_back_what_is_behind_it() {
        let mut watermark = Watermark::default();
        let numbers: Vec<u64> = ["a", "b", "c"].into_iter().map(|receipt| watermark.begin(receipt)).collect();
        assert_eq!(watermark.settle(numbers[2]), Vec::<&str>::new());
        assert_eq!(watermark.settle(numbers[0]), ["a"]);
        assert_eq!(watermark.settle(numbers[1]), ["b", "c"]);
        assert_eq!(watermark.settle(numbers[1]), Vec::<&str>::new());
    }

    proptest! {
        /// However batches begin and settle, each is released exactly once, in order, and never before it and all
        /// older ones are settled.
        #[test]
        fn released_once_in_order_and_never_early(steps in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..200)) {
            let mut watermark = Watermark::default();
            let (mut open, mut settled, mut released): (Vec<u64>, Vec<u64>, Vec<u64>) = Default::default();
            let mut begun = 0;
            for (begin, which) in steps {
                if begin || open.is_empty() {
                    open.push(watermark.begin(begun));
                    begun += 1;
                } else {
                    let number = open.swap_remove(which.index(open.len()));
                    settled.push(number);
                    released.extend(watermark.settle(number));
                }
                prop_assert!(released.iter().all(|number| settled.contains(number)));
                prop_assert_eq!(&released, &(0..released.len() as u64).collect::<Vec<_>>());
            }
            for number in open {
                released.extend(watermark.settle(number));
            }
            prop_assert_eq!(released, (0..begun).collect::<Vec<_>>());
        }
    }
}
