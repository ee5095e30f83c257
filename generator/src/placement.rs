//! Placing pieces in waves, as plain numbers: the problem behind an onboarding plan, and reference answers to it.
//!
//! ```text
//! graph + risks --> Placement --> exact() for a handful of pieces, anneal() for dozens, by_order() for baselines
//! ```
//! It is a second formulation, made from the specification alone, so that a planner is judged by code that shares nothing with it.
//! Nothing here is fast enough, or careful enough about pins and freezes, to make a plan that people follow.

mod anneal;
mod exact;
mod list;

pub use anneal::{Annealing, anneal};
pub use exact::{MAX_EXACT, exact};
pub use list::by_order;

/// Slack of comparisons with limits.
const ROUNDING: f64 = 1e-12;

/// Pieces and the limits of the waves.
#[derive(Debug, Clone)]
pub struct Placement {
    /// What is placed.
    pub pieces: Vec<Piece>,
    /// Limits of wave 1, 2, ...; the last entry holds for all later waves.
    pub limits: Vec<WaveLimits>,
    /// Cost of one wave.
    pub wave_cost: f64,
}

/// What moves in one piece.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Worth that arrives with it.
    pub worth: f64,
    /// Worth that arrives when it and another piece are in; listed at both.
    pub bonds: Vec<(usize, f64)>,
    /// Share of all traffic that it touches.
    pub touched: f64,
    /// Risk, 0 to 1.
    pub risk: f64,
    /// Team.
    pub team: Option<usize>,
    /// Pieces that must not be in its wave, listed at both.
    pub neighbours: Vec<usize>,
    /// Pieces that have to be in earlier waves.
    pub before: Vec<usize>,
}

/// Limits of one wave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WaveLimits {
    /// Most pieces.
    pub size: usize,
    /// Most touched traffic.
    pub traffic: f64,
    /// Highest risk of a piece.
    pub risk: f64,
    /// Most pieces of one team.
    pub team: usize,
    /// Whether a piece above the traffic limit has to wait; after the ramp it goes alone.
    pub ramp: bool,
}

impl Placement {
    /// Limits of a wave, from 1.
    #[must_use]
    pub fn limits(&self, wave: usize) -> WaveLimits {
        let last = self.limits.len() - 1;
        self.limits[wave.saturating_sub(1).min(last)]
    }

    /// Area above the protection curve and cost of the waves, of a wave per piece.
    #[must_use]
    pub fn objective(&self, waves: &[usize]) -> f64 {
        let last = waves.iter().copied().max().unwrap_or_default();
        self.area(waves) + self.wave_cost * number(last)
    }

    /// Worth of each protection times the wave in which it arrives.
    #[must_use]
    pub fn area(&self, waves: &[usize]) -> f64 {
        let mut area = 0.0;
        for (piece, wave) in self.pieces.iter().zip(waves) {
            area += piece.worth * number(*wave);
            // Each bond is listed twice.
            let bonds = piece.bonds.iter();
            area += bonds
                .map(|(other, worth)| 0.5 * worth * number((*wave).max(waves[*other])))
                .sum::<f64>();
        }
        area
    }

    /// What stands against these waves, in words; empty when every limit is kept.
    #[must_use]
    pub fn faults(&self, waves: &[usize]) -> Vec<String> {
        let last = waves.iter().copied().max().unwrap_or_default();
        let mut faults = Vec::new();
        for wave in 1..=last {
            let members = (0..waves.len()).filter(|piece| waves[*piece] == wave);
            let members: Vec<usize> = members.collect();
            let limits = self.limits(wave);
            if members.is_empty() {
                faults.push(format!("wave {wave} is empty"));
            }
            if !self.fits(&members, limits) {
                faults.push(format!("wave {wave} breaks a limit"));
            }
        }
        for (piece, known) in self.pieces.iter().enumerate() {
            if known
                .before
                .iter()
                .any(|first| waves[*first] >= waves[piece])
            {
                faults.push(format!("{piece} comes too early"));
            }
        }
        faults
    }

    /// Whether some pieces can be a wave, as far as limits and neighbours go.
    fn fits(&self, members: &[usize], limits: WaveLimits) -> bool {
        let pieces = || members.iter().map(|piece| &self.pieces[*piece]);
        if members.len() > limits.size || pieces().any(|p| p.risk > limits.risk + ROUNDING) {
            return false;
        }
        let alone = members.len() == 1 && !limits.ramp;
        let touched: f64 = pieces().map(|piece| piece.touched).sum();
        if touched > limits.traffic + ROUNDING && !alone {
            return false;
        }
        let mut teams: Vec<usize> = pieces().filter_map(|piece| piece.team).collect();
        teams.sort_unstable();
        let crowded = teams
            .chunk_by(|a, b| a == b)
            .any(|team| team.len() > limits.team);
        let adjacent = pieces().any(|piece| {
            let mut neighbours = piece.neighbours.iter();
            neighbours.any(|other| members.contains(other))
        });
        !crowded && !adjacent
    }
}

/// Waves and counts as a number to calculate with: none is large.
fn number(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
