//! Clocks that cannot both be right: bounds on how far a server's clock is from its client's.
//!
//! A server half lies inside its client half, so `server.end - client.end <= skew <= server.start - client.start`, where skew is
//! server clock minus client clock. The bounds of all pairs of two instances are intersected. Latency never uses
//! them; they only say which times not to compare.

use std::collections::BTreeMap;

use crate::identity::NodeKey;

/// Bounds from the pairs of two instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SkewBounds {
    pairs: u64,
    lower_ns: i64,
    upper_ns: i64,
}

/// Pairs of two instances before a server counts as ahead. That rests on the end of the client half, which a streamed answer
/// outlives; among so many, one that started at once shows that the clocks agree. They must come in one flush of one shard. A
/// server that starts before its client needs no second witness.
const WITNESSES: u64 = 20;

impl SkewBounds {
    /// Of one pair, by start and duration. `is_whole` says that the client saw the answer to its end.
    pub(crate) fn of_pair(client: (u64, u64), server: (u64, u64), is_whole: bool) -> Self {
        let end = |(start, duration): (u64, u64)| start.saturating_add(duration);
        // An answer that took longer than the call for it does not lie inside of it, whatever the clocks.
        let is_nested = is_whole && server.1 <= client.1;
        Self {
            pairs: 1,
            lower_ns: match is_nested {
                true => difference(end(server), end(client)),
                false => i64::MIN,
            },
            upper_ns: difference(server.0, client.0),
        }
    }

    /// Both bounds of both.
    pub(crate) fn intersect(&mut self, other: Self) {
        self.pairs += other.pairs;
        self.lower_ns = self.lower_ns.max(other.lower_ns);
        self.upper_ns = self.upper_ns.min(other.upper_ns);
    }

    /// What is certain; `None` when the clocks may agree.
    pub(crate) fn skew(self) -> Option<Skew> {
        let is_ahead = self.pairs >= WITNESSES && (1..=self.upper_ns).contains(&self.lower_ns);
        let skew = Skew {
            behind_ns: self.upper_ns.min(0).unsigned_abs(),
            ahead_ns: match is_ahead {
                true => self.lower_ns.unsigned_abs(),
                false => 0,
            },
        };
        (skew != Skew::default()).then_some(skew)
    }
}

/// `a - b`, as far as that fits.
fn difference(a: u64, b: u64) -> i64 {
    match a.checked_sub(b) {
        Some(more) => i64::try_from(more).unwrap_or(i64::MAX),
        None => i64::try_from(b - a).map_or(i64::MIN, |less| -less),
    }
}

/// How far a server's clock was from its client's, at least and at worst. Merging is commutative and idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Skew {
    pub(super) behind_ns: u64,
    pub(super) ahead_ns: u64,
}

impl Skew {
    /// The worse of each.
    pub(crate) fn merge(&mut self, other: Self) {
        self.behind_ns = self.behind_ns.max(other.behind_ns);
        self.ahead_ns = self.ahead_ns.max(other.ahead_ns);
    }

    fn worst_ns(self) -> u64 {
        self.behind_ns.max(self.ahead_ns)
    }

    /// Whole milliseconds that the server's clock is ahead; negative when it is behind.
    pub(crate) fn ahead_ms(self) -> i64 {
        let ms = i64::try_from(self.worst_ns() / 1_000_000).unwrap_or(i64::MAX);
        if self.behind_ns > self.ahead_ns {
            -ms
        } else {
            ms
        }
    }
}

/// Two instances, one of which called the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SkewKey {
    pub(crate) caller: NodeKey,
    pub(crate) callee: NodeKey,
    /// Empty when the resource does not name it.
    pub(crate) caller_instance: String,
    pub(crate) callee_instance: String,
}

/// Pairs of instances kept per caller and callee.
const MAX_INSTANCE_PAIRS: usize = 8;

/// Keeps the worst pairs of instances of each caller and callee; of equal ones the smaller names.
pub(crate) fn keep_worst(skews: &mut BTreeMap<SkewKey, Skew>) {
    let mut ranked: Vec<(SkewKey, Skew)> = std::mem::take(skews).into_iter().collect();
    ranked.sort_by(|(a, x), (b, y)| {
        let ends = (&a.caller, &a.callee).cmp(&(&b.caller, &b.callee));
        let worst = y.worst_ns().cmp(&x.worst_ns());
        ends.then(worst).then_with(|| a.cmp(b))
    });
    let services =
        ranked.chunk_by(|(a, _), (b, _)| (&a.caller, &a.callee) == (&b.caller, &b.callee));
    let kept = services.flat_map(|pairs| pairs.iter().take(MAX_INSTANCE_PAIRS).cloned());
    skews.extend(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    type Times = (u64, u64);

    fn bounds(pairs: &[(Times, Times)]) -> SkewBounds {
        let mut pairs = pairs
            .iter()
            .map(|(client, server)| SkewBounds::of_pair(*client, *server, true));
        let mut all = pairs.next().unwrap();
        pairs.for_each(|one| all.intersect(one));
        all
    }

    const MS: u64 = 1_000_000;

    #[test]
    fn a_server_that_starts_before_its_client_is_behind() {
        let skew = bounds(&[((5000 * MS, 10 * MS), (3001 * MS, 5 * MS))]).skew();
        assert_eq!(skew.map(Skew::ahead_ms), Some(-1999));
    }

    #[test]
    fn a_server_is_ahead_only_when_all_of_many_pairs_agree() {
        let ahead = ((1000 * MS, 10 * MS), (1100 * MS, 5 * MS));
        assert_eq!(bounds(&[ahead; 19]).skew(), None);
        let mut pairs = vec![ahead; 20];
        assert_eq!(bounds(&pairs).skew().map(Skew::ahead_ms), Some(95));
        // One that started at once: the others streamed.
        pairs.push(((1000 * MS, 10 * MS), (1001 * MS, 5 * MS)));
        assert_eq!(bounds(&pairs).skew(), None);
    }

    #[test]
    fn an_answer_longer_than_its_call_says_nothing_of_the_end() {
        let streamed = ((1000 * MS, 10 * MS), (1020 * MS, 500 * MS));
        assert_eq!(bounds(&[streamed; 40]).skew(), None);
    }

    #[test]
    fn times_at_the_ends_of_their_range_do_not_overflow() {
        for (client, server) in [
            ((0, 0), (u64::MAX, u64::MAX)),
            ((u64::MAX, u64::MAX), (0, 0)),
        ] {
            if let Some(skew) = bounds(&[(client, server)]).skew() {
                assert!(skew.ahead_ms() < 0);
            }
        }
    }
}
