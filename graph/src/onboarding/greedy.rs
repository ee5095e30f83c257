//! One pass of list scheduling: wave by wave, the best candidates as far as the limits allow.
//!
//! Place in the flow: [`Problem`] + [`Rule`] -> `schedule` -> a full [`Board`]. When nothing is eligible at all, the least risky item
//! goes alone, which makes the wave an exception; when everything left is held back by pins, freezes or waves in flight, the wave
//! stays empty. Ties are broken by the order of ids. Cost: O(waves * (items log items + arcs)).

use std::cmp::Ordering;

use super::board::{Board, NOWHERE, Obstacle};
use super::options::Ranking;
use super::problem::Problem;

/// Places every item by one rule.
pub(super) fn schedule<'a>(problem: &'a Problem<'a>, ranking: Ranking) -> Board<'a> {
    let mut board = Board::new(problem);
    let mut wave = problem.first_wave();
    while board.wave_of.contains(&NOWHERE) {
        fill(&mut board, wave, ranking);
        wave += 1;
    }
    board
}

fn fill(board: &mut Board<'_>, wave: u32, ranking: Ranking) {
    let waiting = (0..board.wave_of.len()).filter(|item| board.wave_of[*item] == NOWHERE);
    let (mut candidates, mut held) = (Vec::new(), Vec::new());
    for item in waiting {
        match board.ineligible(item, wave) {
            None => candidates.push(Candidate::new(board, item, ranking)),
            Some(obstacle) => held.push((item, obstacle)),
        }
    }
    let is_empty = candidates.is_empty();
    candidates.sort_by(Candidate::best_first);
    for candidate in candidates {
        if board.no_room(candidate.item, wave).is_none() {
            board.place(candidate.item, wave);
        }
    }
    if is_empty && let Some(item) = exception(board, wave, &held) {
        board.place(item, wave);
    }
}

/// Nobody is eligible: the least risky item that only the ramp holds back.
fn exception(board: &Board<'_>, wave: u32, held: &[(usize, Obstacle)]) -> Option<usize> {
    let by_ramp = |obstacle: &Obstacle| {
        matches!(
            obstacle,
            Obstacle::RiskCeiling(_) | Obstacle::TrafficRamp(_) | Obstacle::SizeRamp(_)
        )
    };
    let risk = |item: usize| board.problem.items[item].risk;
    let free = held.iter().filter(|(_, obstacle)| by_ramp(obstacle));
    let free = free
        .map(|(item, _)| *item)
        .filter(|item| board.no_room(*item, wave).is_none());
    free.min_by(|a, b| risk(*a).total_cmp(&risk(*b)).then(a.cmp(b)))
}

struct Candidate {
    item: usize,
    gain: f64,
    score: f64,
}

impl Candidate {
    fn new(board: &Board<'_>, item: usize, ranking: Ranking) -> Self {
        let known = &board.problem.items[item];
        let gain = gain(board, item);
        let mut score = gain;
        if ranking.share_exponent != 0.0 {
            // A service without traffic must not score infinity.
            score *= known.touched.max(1e-9).powf(-ranking.share_exponent);
        }
        if ranking.risk_exponent != 0.0 {
            score *= (known.risk + 0.05).powf(-ranking.risk_exponent);
        }
        let score = if score.is_nan() { 0.0 } else { score };
        Self { item, gain, score }
    }

    fn best_first(a: &Self, b: &Self) -> Ordering {
        let by_score = b.score.total_cmp(&a.score);
        let by_gain = b.gain.total_cmp(&a.gain);
        by_score.then(by_gain).then(a.item.cmp(&b.item))
    }
}

/// Worth of moving an item next. Calls to an item that still waits count half: without that look-ahead the greedy choice would be
/// blind to what needs both ends.
fn gain(board: &Board<'_>, item: usize) -> f64 {
    let known = &board.problem.items[item];
    let bonds = known
        .bonds
        .iter()
        .map(|(other, worth)| match board.wave_of[*other] {
            NOWHERE => 0.5 * worth,
            _ => *worth,
        });
    known.worth + bonds.sum::<f64>()
}
