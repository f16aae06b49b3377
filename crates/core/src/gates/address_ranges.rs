//! A table of networks, first match first, flattened into ranges that do not overlap: one binary search instead of a walk.

/// Numbers that addresses are.
pub(super) trait Number: Copy + Ord {
    /// The number after this one; `None` after the last.
    fn next(self) -> Option<Self>;
}

impl Number for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Number for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// Ranges in ascending order, each with the address after its last one (none at the very end) and the reason of the first
/// network that holds it.
#[derive(Debug)]
pub(super) struct AddressRanges<N>(Vec<(N, Option<N>, &'static str)>);

impl<N: Number> AddressRanges<N> {
    /// Flattens networks given by their first and last address.
    pub(super) fn flatten(networks: &[(N, N, &'static str)]) -> Self {
        let mut starts: Vec<N> = networks.iter().map(|(first, ..)| *first).collect();
        starts.extend(networks.iter().filter_map(|(_, last, _)| last.next()));
        starts.sort_unstable();
        starts.dedup();
        // Between two starts nothing changes, so each piece reaches up to the next start, which must not be reached itself.
        let nexts = starts.iter().skip(1).copied().map(Some).chain([None]);
        let pieces = starts.iter().zip(nexts).filter_map(|(&start, next)| {
            let holder = networks.iter().find(|(first, last, _)| (*first..=*last).contains(&start));
            holder.map(|(.., reason)| (start, next, *reason))
        });
        Self(pieces.collect())
    }

    /// The ranges: first, what follows the last, reason.
    pub(super) fn pieces(&self) -> &[(N, Option<N>, &'static str)] {
        &self.0
    }

    /// The reason of the network that holds the address.
    pub(super) fn reason(&self, address: N) -> Option<&'static str> {
        let after = self.0.partition_point(|(first, ..)| *first <= address);
        let (_, end, reason) = self.0.get(after.checked_sub(1)?)?;
        end.is_none_or(|end| address < end).then_some(*reason)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn flattened_networks_answer_like_a_walk(
            networks in prop::collection::vec((0_u32..200, 0_u32..60, prop::sample::select(vec!["a", "b", "c"])), 0..12),
        ) {
            let networks: Vec<_> = networks.into_iter().map(|(first, size, reason)| (first, first + size, reason)).collect();
            let flat = AddressRanges::flatten(&networks);
            for address in 0..300 {
                let walked = networks.iter().find(|(first, last, _)| (*first..=*last).contains(&address));
                prop_assert_eq!(flat.reason(address), walked.map(|(.., reason)| *reason), "{}", address);
            }
        }

        #[test]
        fn the_last_address_of_all_is_held(first in any::<u32>()) {
            let flat = AddressRanges::flatten(&[(first, u32::MAX, "end")]);
            prop_assert_eq!(flat.reason(u32::MAX), Some("end"));
            prop_assert_eq!(flat.reason(first), Some("end"));
            prop_assert_eq!(flat.reason(first.wrapping_sub(1)), (first == 0).then_some("end"));
        }
    }
}
