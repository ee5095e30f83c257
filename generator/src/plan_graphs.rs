//! Made-up service graphs for planning: who calls whom how often, owned by whom, and how dangerous to touch.
//!
//! ```text
//! seed --> PlanGraph (services, calls with rates) --> the planner under test
//! ```
//! No spans here: planning starts where inference ends. Only whole numbers, `+ - * /`, square roots and comparisons are used, so a seed gives the
//! same bits on every machine. Names are in no order that means something, because planners break ties by name.

mod circles;
mod power_law;
mod small;
mod ticket_shop;

pub use circles::{Circle, Weighing};
pub use power_law::power_law;
pub use small::small;
pub use ticket_shop::ticket_shop;

use crate::random::Random;

/// A graph to plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanGraph {
    /// Services; the order means nothing.
    pub services: Vec<Service>,
    /// Calls, at most one entry per caller and callee, and none to oneself.
    pub calls: Vec<Call>,
}

/// A service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Node id.
    pub id: String,
    /// Requests from outside.
    pub entry_rate: f64,
    /// Owner.
    pub team: String,
    /// Tier 0 (most critical) to 3.
    pub tier: u8,
    /// Severities of its hazards: 1 low, 2 medium, 3 high.
    pub hazards: Vec<u8>,
    /// How well it was observed, 0 to 1.
    pub evidence: f64,
}

/// Calls from one service to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Call {
    /// Index of the caller.
    pub caller: usize,
    /// Index of the callee.
    pub callee: usize,
    /// Calls, in the unit of the entry rates.
    pub rate: f64,
    /// Attempts per call while the callee fails.
    pub attempts: f64,
    /// Share of the caller's requests that make such a call.
    pub hit_ratio: f64,
}

impl PlanGraph {
    /// The same graph with every rate (entry rates too) times a random factor of `1 - permille / 1000` to `1 + permille / 1000`.
    #[must_use]
    pub fn noisy(&self, seed: u64, permille: u32) -> Self {
        let mut random = Random::new(seed);
        let mut factor = || 1.0 + (2.0 * unit(&mut random) - 1.0) * f64::from(permille) / 1000.0;
        let mut noisy = self.clone();
        for service in &mut noisy.services {
            service.entry_rate *= factor();
        }
        for call in &mut noisy.calls {
            call.rate *= factor();
        }
        noisy
    }

    /// Largest number of callers of one service.
    #[must_use]
    pub fn largest_fan_in(&self) -> usize {
        let mut callers = vec![0; self.services.len()];
        for call in &self.calls {
            callers[call.callee] += 1;
        }
        callers.into_iter().max().unwrap_or_default()
    }
}

/// Uniform in `0..1`, with 32 random bits.
fn unit(random: &mut Random) -> f64 {
    let bits = u32::try_from(random.bits() >> 32).unwrap_or_default();
    f64::from(bits) / 4_294_967_296.0
}

/// Between `1 / 2^doublings` and `2^doublings`, as likely in every octave.
fn log_uniform(random: &mut Random, doublings: usize) -> f64 {
    let mut value = 1.0 + unit(random);
    for _ in 0..random.below(doublings) {
        value *= 2.0;
    }
    if random.chance(500) {
        1.0 / value
    } else {
        value
    }
}

/// A name without meaning that is unique for its number.
fn name(seed: u64, number: usize) -> String {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    let word = crate::random::mix(&[seed, number]) >> 48;
    format!("service/{word:04x}-{number}")
}

/// Zero, one, or two hazards.
fn hazards(random: &mut Random) -> Vec<u8> {
    let shares: [(u8, u64); 3] = [(1, 180), (2, 120), (3, 40)];
    let drawn = shares
        .into_iter()
        .filter(|(_, share)| random.chance(*share));
    drawn.map(|(severity, _)| severity).collect()
}

/// Tiers, most of them low.
fn tier(random: &mut Random) -> u8 {
    *random.pick(&[0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3])
}

#[cfg(test)]
mod tests;
