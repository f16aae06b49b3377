//! The registries as an independent judge: rows of CSV, longest prefix decides, arithmetic on numbers. It shares nothing with
//! the rule under test.

/// A block of addresses. IPv4 blocks are 32 bits wide, IPv6 blocks 128.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    pub(crate) first: u128,
    pub(crate) last: u128,
    length: u32,
    reachable: bool,
}

/// All blocks of one family.
pub(crate) struct Oracle {
    pub(crate) blocks: Vec<Block>,
    /// Addresses from which on the answer is this one, in order.
    answers: Vec<(u128, bool)>,
}

impl Oracle {
    fn new(blocks: Vec<Block>, reachable_otherwise: bool) -> Self {
        let forbidden = |address: u128| {
            let held = blocks.iter().filter(|block| (block.first..=block.last).contains(&address));
            let best = held.max_by_key(|block| (block.length, !block.reachable));
            !best.map_or(reachable_otherwise, |block| block.reachable)
        };
        let mut turns: Vec<u128> =
            blocks.iter().flat_map(|block| [block.first, block.last.saturating_add(1)]).collect();
        turns.push(0);
        turns.sort_unstable();
        turns.dedup();
        let answers = turns.into_iter().map(|turn| (turn, forbidden(turn))).collect();
        Self { blocks, answers }
    }

    /// All addresses up to `last` that may not be dialled, as ranges in order that do not touch.
    pub(crate) fn forbidden_up_to(&self, last: u128) -> Vec<(u128, u128)> {
        let ends = self.answers.iter().skip(1).map(|(from, _)| from - 1).chain([last]);
        let ranges =
            self.answers.iter().zip(ends).filter(|((from, forbidden), _)| *forbidden && *from <= last);
        joined(ranges.map(|((from, _), end)| (*from, end)))
    }

    /// Whether an address of this family may not be dialled.
    pub(crate) fn forbids(&self, address: u128) -> bool {
        let after = self.answers.partition_point(|(from, _)| *from <= address);
        self.answers[after - 1].1
    }
}

/// Ranges in order, those that touch made one.
pub(crate) fn joined(ranges: impl Iterator<Item = (u128, u128)>) -> Vec<(u128, u128)> {
    let mut joined: Vec<(u128, u128)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some((_, end)) if *end + 1 == first => *end = last,
            _ => joined.push((first, last)),
        }
    }
    joined
}

pub(crate) fn ipv4() -> Oracle {
    Oracle::new(blocks(include_str!("iana_ipv4.csv"), 32), true)
}

pub(crate) fn ipv6() -> Oracle {
    Oracle::new(blocks(include_str!("iana_ipv6.csv"), 128), false)
}

fn blocks(registry: &str, width: u32) -> Vec<Block> {
    let rows = registry.lines().chain(include_str!("stricter.csv").lines());
    rows.filter(|row| !row.starts_with('#')).filter_map(|row| block(row, width)).collect()
}

/// Reads a row; `None` when it is of the other family.
fn block(row: &str, width: u32) -> Option<Block> {
    let (network, rest) = row.split_once(',').expect("a block and more");
    let (address, length) = network.split_once('/').expect("an address and a length");
    if address.contains(':') != (width == 128) {
        return None;
    }
    let first = if width == 32 { ipv4_number(address) } else { ipv6_number(address) };
    let length: u32 = length.parse().expect("a length");
    let size = 1_u128.checked_shl(width - length).map_or(u128::MAX, |size| size - 1);
    let reachable = rest.rsplit_once(',').map(|(_, answer)| answer) == Some("True");
    Some(Block { first, last: first + size, length, reachable })
}

fn ipv4_number(text: &str) -> u128 {
    text.split('.').fold(0, |number, part| number * 256 + part.parse::<u128>().expect("an octet"))
}

fn ipv6_number(text: &str) -> u128 {
    let words = |text: &str| -> Vec<u128> {
        let parts = text.split(':').filter(|part| !part.is_empty());
        parts.map(|part| u128::from_str_radix(part, 16).expect("a group")).collect()
    };
    let (head, tail) =
        text.split_once("::").map_or((words(text), Vec::new()), |(head, tail)| (words(head), words(tail)));
    let gap = vec![0; 8 - head.len() - tail.len()];
    [head, gap, tail].concat().into_iter().fold(0, |number, word| number * 65_536 + word)
}
