//! Votes of the address book: which node answered calls to an address or a name, and when.
//!
//! Kept apart from the edges, because a vote needs less than an edge (no sketches, no method) and more (the path word, and
//! every stretch of time instead of one window). Merging is commutative and associative; what votes mean is decided
//! in `resolve/book.rs`.

use std::net::IpAddr;

use crate::identity::NodeKey;
use crate::peer::Address;
use crate::resolve::policy::{IP_REACH_NS, NAME_QUIET_NS};

/// What a paired call dialled, and who answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VoteKey {
    pub(crate) caller: NodeKey,
    pub(crate) callee: NodeKey,
    /// Namespace and name that the caller gives its peer.
    pub(crate) name: Option<(String, String)>,
    /// The dialled name; the socket only where there is no name.
    pub(crate) address: Option<Address>,
    /// First words of the path; empty when there are none.
    pub(crate) word: String,
    /// Fully qualified RPC service; empty when there is none.
    pub(crate) rpc_service: String,
}

impl VoteKey {
    /// Votes closer than this are one spell.
    fn gap_ns(&self) -> u64 {
        gap_ns(self.address.as_ref().map(|address| &*address.host))
    }

    /// True when there is anything to find the callee by.
    pub(crate) fn says_something(&self) -> bool {
        self.name.is_some() || self.address.is_some() || !self.rpc_service.is_empty()
    }
}

/// Votes for a host closer than this are one spell.
pub(super) fn gap_ns(host: Option<&str>) -> u64 {
    let is_ip = host.is_some_and(|host| host.parse::<IpAddr>().is_ok());
    if is_ip { IP_REACH_NS } else { NAME_QUIET_NS }
}

/// Paired calls of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Votes {
    pub(crate) count: u64,
    pub(crate) spells: Spells,
}

impl Votes {
    /// Adds a call that started at this time.
    pub(crate) fn add(&mut self, start_ns: u64) {
        self.count += 1;
        self.spells.add(start_ns, start_ns, IP_REACH_NS);
    }

    /// Adds votes as if each came by [`add`](Self::add).
    pub(crate) fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.spells.merge(&other.spells, IP_REACH_NS);
    }

    /// Adds votes for the same key.
    pub(crate) fn merge(&mut self, other: &Self, key: &VoteKey) {
        self.count += other.count;
        self.spells.merge(&other.spells, key.gap_ns());
    }
}

/// Stretches of time, first and last moment each, sorted and further apart than a gap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Spells(Vec<(u64, u64)>);

impl Spells {
    /// Spells kept per flush; a clock that jumps about makes them one.
    const MAX: usize = 256;

    /// Adds a stretch. Stretches at most `gap_ns` apart become one; the result does not depend on their order.
    #[inline]
    pub(crate) fn add(&mut self, first_ns: u64, last_ns: u64, gap_ns: u64) {
        let last_ns = last_ns.max(first_ns);
        // Nearly every call falls into the newest stretch.
        match self.0.last_mut() {
            Some((start, end)) if *start <= first_ns && first_ns <= end.saturating_add(gap_ns) => {
                *end = last_ns.max(*end);
            }
            _ => self.join((first_ns, last_ns), gap_ns),
        }
    }

    #[cold]
    fn join(&mut self, (mut first, mut last): (u64, u64), gap_ns: u64) {
        let from = self
            .0
            .partition_point(|(_, end)| end.saturating_add(gap_ns) < first);
        let mut to = from;
        while let Some((start, end)) = self.0.get(to).copied() {
            if start > last.saturating_add(gap_ns) {
                break;
            }
            first = first.min(start);
            last = last.max(end);
            to += 1;
        }
        self.0.splice(from..to, [(first, last)]);
    }

    /// Adds the stretches of another set.
    pub(crate) fn merge(&mut self, other: &Self, gap_ns: u64) {
        for (first, last) in &other.0 {
            self.add(*first, *last, gap_ns);
        }
    }

    /// Keeps memory in bounds: too many stretches become one.
    pub(crate) fn cap(&mut self) {
        if self.0.len() > Self::MAX
            && let (Some((first, _)), Some((_, last))) = (self.0.first(), self.0.last())
        {
            self.0 = vec![(*first, *last)];
        }
    }

    /// All stretches, in order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    /// True when a stretch lies at most `reach_ns` from the time between `first_ns` and `last_ns`.
    pub(crate) fn reach(&self, (first_ns, last_ns): (u64, u64), reach_ns: u64) -> bool {
        self.iter().any(|(start, end)| {
            start <= last_ns.saturating_add(reach_ns) && first_ns <= end.saturating_add(reach_ns)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spells(points: &[u64], gap: u64) -> Spells {
        let mut spells = Spells::default();
        points
            .iter()
            .for_each(|point| spells.add(*point, *point, gap));
        spells
    }

    #[test]
    fn stretches_join_over_gaps_in_any_order() {
        let expected = vec![(1, 9), (20, 22)];
        for order in [
            [1, 5, 9, 20, 22],
            [22, 9, 1, 20, 5],
            [9, 20, 5, 22, 1],
            [1, 9, 22, 20, 5],
        ] {
            assert_eq!(spells(&order, 4).0, expected, "{order:?}");
        }
        let mut left = spells(&[1, 9], 4);
        left.merge(&spells(&[5, 22, 20], 4), 4);
        assert_eq!(left.0, expected);
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        let mut spells = spells(&[u64::MAX, 0], 10);
        spells.add(u64::MAX - 5, 3, u64::MAX);
        assert_eq!(spells.0, [(0, u64::MAX)]);
        assert!(spells.reach((5, 5), u64::MAX));
    }

    #[test]
    fn too_many_stretches_become_one() {
        let points: Vec<u64> = (0..300).map(|point| point * 100).collect();
        let mut spells = spells(&points, 1);
        spells.cap();
        assert_eq!(spells.0, [(0, 29_900)]);
    }
}
