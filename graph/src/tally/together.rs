//! How many attempts of one trace were under way at once on an edge: bursts that a sample of seconds may miss, such as a
//! job that asks for everything in parallel once a day.

/// Fewer than so many attempts of one edge in one trace decide nothing: every limit is larger.
const LEAST: u32 = 8;

/// Attempts of one slice with their starts and ends.
#[derive(Debug, Default)]
pub(super) struct Together {
    /// By edge, as its owner numbers them.
    attempts: Vec<(u32, u64, u64)>,
    slice: u32,
    /// Some edge has [`LEAST`] attempts in the slice.
    has_many: bool,
    /// Reused for the ends of the attempts of an edge.
    ends: Vec<u64>,
}

/// Attempts of an edge in the slice that touched it last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InSlice {
    slice: u32,
    attempts: u32,
}

impl Together {
    /// Notes an attempt of the edge with this number, which has `seen` in this or an earlier slice.
    pub(super) fn attempt(
        &mut self,
        edge: u32,
        (start_ns, end_ns): (u64, u64),
        seen: &mut InSlice,
    ) {
        if seen.slice != self.slice {
            *seen = InSlice {
                slice: self.slice,
                attempts: 0,
            };
        }
        seen.attempts = seen.attempts.saturating_add(1);
        self.has_many |= seen.attempts >= LEAST;
        self.attempts.push((edge, start_ns, end_ns));
    }

    /// Tells the edges with many attempts in the slice, and how many of them were under way at once. Forgets the slice.
    pub(super) fn take(&mut self, mut found: impl FnMut(u32, u64)) {
        if self.has_many {
            self.attempts.sort_unstable();
            for attempts in self.attempts.chunk_by(|a, b| a.0 == b.0) {
                if attempts.len() >= LEAST as usize {
                    found(attempts[0].0, most_at_once(attempts, &mut self.ends));
                }
            }
        }
        self.attempts.clear();
        self.has_many = false;
        self.slice = self.slice.wrapping_add(1);
    }
}

fn most_at_once(attempts: &[(u32, u64, u64)], ends: &mut Vec<u64>) -> u64 {
    ends.clear();
    ends.extend(attempts.iter().map(|(_, _, end)| *end));
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
