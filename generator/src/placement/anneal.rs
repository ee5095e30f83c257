//! A long random search for dozens of pieces: the best that is known, to measure a planner against.
//!
//! Threshold accepting (Dueck and Scheuer, 1990) over moves of one piece, swaps of two, and swaps of whole waves. Broken limits cost
//! instead of being forbidden, because feasible placements lie far apart. Restarts from the best; everything follows from the seed.

use super::{Placement, number};
use crate::random::Random;

/// Cost of one broken rule, as a multiple of all worth: what moving everything by two waves costs. With less the search ends among
/// placements that break rules, or stays where it began.
const PENALTY: f64 = 2.0;

/// Effort of the search.
#[derive(Debug, Clone, Copy)]
pub struct Annealing {
    /// Seed.
    pub seed: u64,
    /// Moves per round.
    pub moves: usize,
    /// Rounds, each from the best placement of all before.
    pub rounds: usize,
}

/// The best placement found that keeps every limit, from a given one; none when none was found.
#[must_use]
pub fn anneal(placement: &Placement, start: &[usize], effort: Annealing) -> Option<Vec<usize>> {
    let mut random = Random::new(effort.seed);
    let bonds = placement.pieces.iter().flat_map(|piece| &piece.bonds);
    let worth: f64 = placement.pieces.iter().map(|piece| piece.worth).sum();
    let worth = worth + 0.5 * bonds.map(|(_, worth)| worth).sum::<f64>();
    let mut best: Option<(f64, Vec<usize>)> = None;
    if placement.faults(start).is_empty() {
        best = Some((placement.objective(start), start.to_vec()));
    }
    for round in 0..effort.rounds {
        let from = match &best {
            Some((_, waves)) if round % 3 != 0 => waves.clone(),
            _ => start.to_vec(),
        };
        // Every other round is hot, the rest refine.
        let heat = worth * if round % 2 == 0 { 0.3 } else { 0.1 };
        let mut state = State::new(placement, from, PENALTY * worth);
        for step in 0..effort.moves {
            let left = 1.0 - number(step) / number(effort.moves);
            let threshold = heat * left * left * left;
            if !state.try_move(&mut random, threshold) || state.faults() > 0.0 {
                continue;
            }
            let found = state.objective();
            let is_better = best.as_ref().is_none_or(|(cost, _)| found < cost - 1e-9);
            if is_better && placement.faults(&state.waves).is_empty() {
                best = Some((placement.objective(&state.waves), state.waves.clone()));
            }
        }
    }
    best.map(|(_, waves)| waves)
}

struct State<'a> {
    placement: &'a Placement,
    waves: Vec<usize>,
    members: Vec<Vec<usize>>,
    /// Cost of what each wave breaks.
    broken: Vec<f64>,
    /// Pairs in the wrong order.
    disorder: usize,
    area: f64,
    /// Whether two pieces are neighbours, by first and second.
    adjacent: Vec<bool>,
    /// Pieces that have to be in later waves.
    after: Vec<Vec<usize>>,
    /// Cost of one broken rule.
    penalty: f64,
}

impl<'a> State<'a> {
    fn new(placement: &'a Placement, waves: Vec<usize>, penalty: f64) -> Self {
        let (count, most) = (waves.len(), waves.iter().copied().max().unwrap_or(1) + 3);
        let mut members = vec![Vec::new(); most + 1];
        for (piece, wave) in waves.iter().enumerate() {
            members[*wave].push(piece);
        }
        let mut after = vec![Vec::new(); count];
        let mut adjacent = vec![false; count * count];
        for (piece, known) in placement.pieces.iter().enumerate() {
            for first in &known.before {
                after[*first].push(piece);
            }
            for other in &known.neighbours {
                adjacent[piece * count + other] = true;
            }
        }
        let mut state = Self {
            placement,
            area: placement.area(&waves),
            waves,
            members,
            broken: Vec::new(),
            disorder: 0,
            adjacent,
            after,
            penalty,
        };
        state.broken = (0..=most).map(|wave| state.broken(wave)).collect();
        let early = |piece: usize| {
            let before = placement.pieces[piece].before.iter();
            before
                .filter(|first| state.is_early(**first, piece))
                .count()
        };
        state.disorder = (0..count).map(early).sum();
        state
    }

    /// What is broken, an empty wave between others included.
    fn faults(&self) -> f64 {
        let last = self.last();
        let used = self.members[..=last].iter().skip(1);
        let empty = used.filter(|members| members.is_empty()).count();
        let waves: f64 = self.broken.iter().sum();
        self.penalty * (waves + number(self.disorder + empty))
    }

    fn last(&self) -> usize {
        let last = self.members.iter().rposition(|members| !members.is_empty());
        last.unwrap_or_default()
    }

    /// The objective of the placement, whatever it breaks.
    fn objective(&self) -> f64 {
        self.area + self.placement.wave_cost * number(self.last())
    }

    fn cost(&self) -> f64 {
        self.objective() + self.faults()
    }

    fn try_move(&mut self, random: &mut Random, threshold: f64) -> bool {
        let (cost, area, disorder) = (self.cost(), self.area, self.disorder);
        let moves = self.proposal(random);
        let old: Vec<(usize, usize)> = moves.iter().map(|(p, _)| (*p, self.waves[*p])).collect();
        let ends = moves.iter().chain(&old).map(|(_, wave)| *wave);
        let mut touched: Vec<usize> = ends.collect();
        touched.sort_unstable();
        touched.dedup();
        let broken: Vec<f64> = touched.iter().map(|wave| self.broken[*wave]).collect();
        self.apply(&moves);
        for wave in &touched {
            self.broken[*wave] = self.broken(*wave);
        }
        // Mostly about the threshold, now and then a multiple of it.
        let uniform = number(random.below(1000)) / 1000.0;
        let slack = threshold * (uniform / (1.05 - uniform)).min(6.0);
        let change = self.cost() - cost;
        if change <= slack {
            return change != 0.0;
        }
        self.apply(&old);
        for (wave, broken) in touched.into_iter().zip(broken) {
            self.broken[wave] = broken;
        }
        (self.area, self.disorder) = (area, disorder);
        false
    }

    fn proposal(&self, random: &mut Random) -> Vec<(usize, usize)> {
        let (count, most) = (self.waves.len(), self.members.len() - 1);
        let piece = random.below(count);
        match random.below(20) {
            0 => self.rotation(1 + random.below(most), 1 + random.below(most)),
            1..9 => vec![(piece, 1 + random.below(most))],
            9..12 => {
                let near = self.waves[piece] + random.below(3);
                vec![(piece, near.saturating_sub(1).clamp(1, most))]
            }
            12..18 => {
                let other = random.below(count);
                vec![(piece, self.waves[other]), (other, self.waves[piece])]
            }
            _ => {
                let (b, c) = (random.below(count), random.below(count));
                if piece == b || b == c || piece == c {
                    return Vec::new();
                }
                let at = |piece: usize| self.waves[piece];
                vec![(piece, at(b)), (b, at(c)), (c, at(piece))]
            }
        }
    }

    /// Moves a whole wave to another place; those in between close up.
    fn rotation(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        let shifted = |wave: usize| {
            if wave == from {
                to
            } else if from < wave && wave <= to {
                wave - 1
            } else if to <= wave && wave < from {
                wave + 1
            } else {
                wave
            }
        };
        let waves = self.waves.iter().enumerate();
        let moves = waves.map(|(piece, wave)| (piece, shifted(*wave)));
        moves
            .filter(|(piece, to)| self.waves[*piece] != *to)
            .collect()
    }

    fn apply(&mut self, moves: &[(usize, usize)]) {
        for (piece, to) in moves {
            let from = self.waves[*piece];
            if from == *to {
                continue;
            }
            let known = &self.placement.pieces[*piece];
            self.area += known.worth * (number(*to) - number(from));
            for (other, worth) in &known.bonds {
                let at = self.waves[*other];
                self.area += worth * (number(at.max(*to)) - number(at.max(from)));
            }
            self.disorder -= self.disorder_of(*piece);
            self.members[from].retain(|other| other != piece);
            self.members[*to].push(*piece);
            self.waves[*piece] = *to;
            self.disorder += self.disorder_of(*piece);
        }
    }

    /// How much a wave breaks, order left aside.
    fn broken(&self, wave: usize) -> f64 {
        let members = &self.members[wave];
        let limits = self.placement.limits(wave);
        let mut broken = members.len().saturating_sub(limits.size);
        let mut touched = 0.0;
        for (at, piece) in members.iter().enumerate() {
            let known = &self.placement.pieces[*piece];
            touched += known.touched;
            broken += usize::from(known.risk > limits.risk + 1e-12);
            let row = piece * self.waves.len();
            let mut mates = 0;
            for other in &members[..at] {
                broken += usize::from(self.adjacent[row + other]);
                mates += usize::from(self.placement.pieces[*other].team == known.team);
            }
            broken += usize::from(known.team.is_some() && mates >= limits.team);
        }
        let alone = members.len() == 1 && !limits.ramp;
        let excess = if touched > limits.traffic + 1e-12 && !alone {
            0.3 + 4.0 * (touched - limits.traffic)
        } else {
            0.0
        };
        number(broken) + excess
    }

    /// Pairs of a piece and another in the wrong order.
    fn disorder_of(&self, piece: usize) -> usize {
        let before = self.placement.pieces[piece].before.iter();
        let before = before.filter(|first| self.is_early(**first, piece));
        let after = self.after[piece].iter();
        let after = after.filter(|then| self.is_early(piece, **then));
        before.count() + after.count()
    }

    /// Whether the second piece is not in a later wave than the first.
    fn is_early(&self, first: usize, then: usize) -> bool {
        self.waves[first] >= self.waves[then]
    }
}
