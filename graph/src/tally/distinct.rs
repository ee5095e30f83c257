//! Calls of one slice, each counted once per request and destination.
//!
//! A call is one number while its slice is reported: request, caller, host, destination. Sorted, calls of one request to one host
//! follow each other, and nearly always they have one destination; names are compared only where they have several.

use crate::names::NodeId;

/// Calls of the slice that is being reported.
#[derive(Debug, Default)]
pub(super) struct Distinct(Vec<u128>);

/// Calls of one request to one host.
pub(super) struct AtHost<'a> {
    /// The caller, if it called from outside of any request and this is the first that is told of it.
    pub(super) outside: Option<NodeId>,
    calls: &'a [u128],
}

impl AtHost<'_> {
    /// Numbers of the destinations, each once: at least one.
    pub(super) fn destinations(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.calls.iter().map(|call| low(*call))
    }
}

impl Distinct {
    /// Notes a call of a request, if it belongs to any. Hosts and destinations have numbers; a host belongs to one caller.
    pub(super) fn call(
        &mut self,
        request: Option<usize>,
        caller: NodeId,
        (host, destination): (u32, u32),
    ) {
        // Slices are far shorter than 2^32 spans.
        let request = request.map_or(0, |span| span as u128 + 1);
        let caller = u128::from(u32::from(caller));
        let to = u128::from(host) << 32 | u128::from(destination);
        self.0.push(request << 96 | caller << 64 | to);
    }

    /// Tells the destinations of each request, host by host. Forgets the slice.
    pub(super) fn take(&mut self, mut each: impl FnMut(&AtHost<'_>)) {
        self.0.sort_unstable();
        self.0.dedup();
        let mut last_outside = None;
        for calls in self.0.chunk_by(|a, b| a >> 32 == b >> 32) {
            let caller = NodeId::from(low(calls[0] >> 64));
            let is_outside = calls[0] >> 96 == 0;
            // Sorted: the calls of one node outside of any request follow each other.
            let is_first = is_outside && last_outside.replace(caller) != Some(caller);
            each(&AtHost {
                outside: is_first.then_some(caller),
                calls,
            });
        }
        self.0.clear();
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lowest quarter")]
const fn low(number: u128) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = (Option<NodeId>, Vec<u32>);

    fn told(calls: &[(Option<usize>, u32, u32, u32)]) -> Vec<Told> {
        let mut distinct = Distinct::default();
        for (request, caller, host, destination) in calls {
            distinct.call(*request, NodeId::from(*caller), (*host, *destination));
        }
        let mut told = Vec::new();
        distinct.take(|at| told.push((at.outside, at.destinations().collect())));
        distinct.take(|_| panic!("the slice is forgotten"));
        told
    }

    #[test]
    fn calls_of_one_request_to_one_destination_are_one() {
        let calls = [
            (Some(3), 1, 7, 8),
            (Some(0), 1, 7, 7),
            (Some(3), 1, 7, 7),
            (Some(0), 1, 9, 9),
            (Some(3), 1, 7, 8),
        ];
        let expected = [(None, vec![7]), (None, vec![9]), (None, vec![7, 8])];
        assert_eq!(told(&calls), expected);
    }

    #[test]
    fn each_caller_outside_of_any_request_is_told_once() {
        let calls = [
            (None, 2, 5, 5),
            (None, 1, 9, 9),
            (Some(0), 2, 5, 5),
            (None, 2, 6, 6),
        ];
        let [one, two] = [1, 2].map(|caller| Some(NodeId::from(caller)));
        let expected = [
            (one, vec![9]),
            (two, vec![5]),
            (None, vec![6]),
            (None, vec![5]),
        ];
        assert_eq!(told(&calls), expected);
    }

    #[test]
    fn the_largest_numbers_stay_apart() {
        let (large, max) = (u32::MAX as usize - 1, u32::MAX);
        let calls = [
            (Some(large), max, max, max),
            (Some(large), max, max, max - 1),
        ];
        assert_eq!(told(&calls), [(None, vec![max - 1, max])]);
    }
}
