//! The best placement of a handful of pieces, by dynamic programming over what is in.
//!
//! The area above the protection curve is the sum over waves of the worth that is not in before the wave, so the future depends on
//! the set of pieces that are in and on the number of the wave alone. Cost: O(waves * 3^pieces).

use super::{Placement, WaveLimits, number};

/// Most pieces that are worth waiting for.
pub const MAX_EXACT: usize = 14;

/// A wave for each piece at the least objective among placements that keep every limit and have no empty wave; none when there
/// is no such placement, or with more than [`MAX_EXACT`] pieces.
#[must_use]
pub fn exact(placement: &Placement) -> Option<Vec<usize>> {
    let count = placement.pieces.len();
    if count > MAX_EXACT {
        return None;
    }
    let sets = Sets::new(placement);
    let all = (1_usize << count) - 1;
    // Per wave and set: the least cost so far, and the set before it.
    let mut layers = vec![vec![(f64::INFINITY, 0); all + 1]];
    layers[0][0].0 = 0.0;
    let mut best = (f64::INFINITY, 0);
    if count == 0 {
        return Some(Vec::new());
    }
    for wave in 1..=count {
        let next = sets.step(&layers[wave - 1], placement.limits(wave));
        let cost = next[all].0 + placement.wave_cost * number(wave);
        if cost < best.0 {
            best = (cost, wave);
        }
        layers.push(next);
    }
    best.0.is_finite().then(|| trace(&layers, best.1, count))
}

/// From the last wave back to the first.
fn trace(layers: &[Vec<(f64, usize)>], last: usize, count: usize) -> Vec<usize> {
    let mut waves = vec![0; count];
    let mut set = (1_usize << count) - 1;
    for wave in (1..=last).rev() {
        let before = layers[wave][set].1;
        for (piece, at) in waves.iter_mut().enumerate() {
            if (set & !before) & (1 << piece) != 0 {
                *at = wave;
            }
        }
        set = before;
    }
    waves
}

/// What is known of every set of pieces.
struct Sets<'a> {
    placement: &'a Placement,
    /// Worth that is still missing when this set is in.
    missing: Vec<f64>,
    /// Pieces that have to be in before all of this set can be.
    before: Vec<usize>,
    count: usize,
}

impl<'a> Sets<'a> {
    fn new(placement: &'a Placement) -> Self {
        let count = placement.pieces.len();
        let inside = |set: usize| -> f64 {
            let pieces = placement.pieces.iter().enumerate();
            let pieces = pieces.filter(|(piece, _)| set & (1 << piece) != 0);
            pieces
                .map(|(_, piece)| {
                    let bonds = piece.bonds.iter().filter(|(o, _)| set & (1 << o) != 0);
                    piece.worth + 0.5 * bonds.map(|(_, worth)| worth).sum::<f64>()
                })
                .sum()
        };
        let all = (1_usize << count) - 1;
        let whole = inside(all);
        let before = |set: usize| {
            let pieces = placement.pieces.iter().enumerate();
            let pieces = pieces.filter(|(piece, _)| set & (1 << piece) != 0);
            pieces
                .flat_map(|(_, piece)| &piece.before)
                .fold(0, |sum, first| sum | (1 << first))
        };
        Self {
            placement,
            missing: (0..=all).map(|set| whole - inside(set)).collect(),
            before: (0..=all).map(before).collect(),
            count,
        }
    }

    /// One more wave on top of every set.
    fn step(&self, now: &[(f64, usize)], limits: WaveLimits) -> Vec<(f64, usize)> {
        let all = now.len() - 1;
        let fits: Vec<bool> = (0..=all).map(|set| self.fits(set, limits)).collect();
        let mut next = vec![(f64::INFINITY, 0); now.len()];
        for (set, (cost, _)) in now.iter().enumerate() {
            if !cost.is_finite() {
                continue;
            }
            let cost = cost + self.missing[set];
            let rest = all & !set;
            let mut wave = rest;
            while wave != 0 {
                let with = set | wave;
                let in_time = self.before[wave] & !set == 0;
                if fits[wave] && in_time && cost < next[with].0 {
                    next[with] = (cost, set);
                }
                wave = (wave - 1) & rest;
            }
        }
        next
    }

    fn fits(&self, set: usize, limits: WaveLimits) -> bool {
        let members = (0..self.count).filter(|piece| set & (1 << piece) != 0);
        self.placement.fits(&members.collect::<Vec<_>>(), limits)
    }
}
