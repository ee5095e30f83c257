//! How many attempts of one trace were under way at once on an edge: bursts that a sample of seconds may miss, such as a
//! job that asks for everything in parallel once a day.

use super::EdgeIds;
use crate::slice::Attempt;

/// Fewer than so many attempts of one edge in one trace decide nothing: every limit is larger.
const LEAST: usize = 8;

/// Attempts of one slice with their starts and ends.
#[derive(Debug, Default)]
pub(super) struct Together(Vec<(EdgeIds, u64, u64)>);

impl Together {
    /// Notes an attempt.
    pub(super) fn attempt(&mut self, edge: EdgeIds, attempt: &Attempt) {
        let end_ns = attempt.end_ns.max(attempt.start_ns);
        self.0.push((edge, attempt.start_ns, end_ns));
    }

    /// The edges with many attempts in the slice, and how many of them were under way at once. Forgets the slice.
    pub(super) fn take(&mut self) -> Vec<(EdgeIds, u64)> {
        let mut found = Vec::new();
        if self.0.len() >= LEAST {
            self.0.sort_unstable();
            let edges = self.0.chunk_by(|a, b| a.0 == b.0);
            let many = edges.filter(|attempts| attempts.len() >= LEAST);
            found.extend(many.map(|attempts| (attempts[0].0, most_at_once(attempts))));
        }
        self.0.clear();
        found
    }
}

fn most_at_once(attempts: &[(EdgeIds, u64, u64)]) -> u64 {
    let mut ends: Vec<u64> = attempts.iter().map(|(_, _, end)| *end).collect();
    ends.sort_unstable();
    let (mut over, mut most) = (0, 0);
    // Sorted by start.
    for (begun, (_, start, _)) in (1..).zip(attempts) {
        while ends.get(over).is_some_and(|end| end <= start) {
            over += 1;
        }
        // One that takes no time is over when it begins.
        most = most.max(begun.max(over) - over);
    }
    most as u64
}
