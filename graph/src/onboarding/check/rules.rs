//! Who has to keep to whom: membership, neighbours, groups, pins and orders.

use std::collections::BTreeSet;

use super::super::problem::MAX_PINNED_WAVE;
use super::calendar;
use super::standing::Rank;
use super::{Judge, ViolationCode};

impl Judge<'_> {
    /// Services whose calls make them adjacent, and whose waves change at the same time.
    pub(super) fn adjacency(&mut self) {
        for number in 0..self.graph.calls.len() {
            let call = self.graph.calls[number];
            let pieces = [call.caller, call.callee].map(|end| self.standing.piece[end]);
            let waves = [call.caller, call.callee].map(|end| self.standing.wave[end]);
            let ([Some(a), Some(b)], [Some(at), Some(other)]) = (pieces, waves) else {
                continue;
            };
            if a == b || !self.is_adjacent(number) || !self.overlap(at, other) {
                continue;
            }
            self.with_neighbours.extend([at, other]);
            if !self.may_be_adjacent(at, other, [a, b]) {
                let text = if at == other {
                    "call each other in one wave".to_owned()
                } else {
                    format!("call each other, and their waves {at} and {other} overlap")
                };
                let ends = [call.caller, call.callee];
                self.say(ViolationCode::Adjacent, Some(at.max(other)), &ends, text);
            }
        }
    }

    /// Pins can leave two neighbours no other waves; the plan has to say so.
    fn may_be_adjacent(&self, a: u32, b: u32, pieces: [usize; 2]) -> bool {
        let pinned = |wave: u32| {
            let mut pieces = pieces.iter().map(|piece| &self.standing.pieces[*piece]);
            pieces.any(|piece| {
                piece.deadline < u32::MAX && piece.deadline == wave && piece.wave == Some(wave)
            })
        };
        let says = |wave: u32| self.plan.is_none() || self.excused_neighbours.contains(&wave);
        [a, b].into_iter().any(|wave| pinned(wave) && says(wave))
    }

    /// What moves in one piece is in one wave.
    pub(super) fn pieces(&mut self) {
        for number in 0..self.standing.pieces.len() {
            let members = self.standing.pieces[number].members.clone();
            let waves: BTreeSet<u32> = members
                .iter()
                .filter_map(|s| self.standing.wave[*s])
                .collect();
            if waves.len() > 1 {
                let waves: Vec<String> = waves.iter().map(u32::to_string).collect();
                let text = format!("move in one piece, and are in waves {}", waves.join(", "));
                self.say(ViolationCode::Together, None, &members, text);
            }
        }
    }

    /// Pairs in order, and services apart, as groups ask for them.
    pub(super) fn groups(&mut self) {
        let groups = &self.options.groups;
        for (first, then) in &groups.before {
            let ends =
                [first, then].map(|id| self.graph.number(id).filter(|s| self.graph.moves(*s)));
            let [Some(first), Some(then)] = ends else {
                continue;
            };
            let waves = [first, then].map(|service| self.standing.wave[service]);
            if let [Some(a), Some(b)] = waves
                && a >= b
            {
                let text = format!("wave {a} is not before wave {b}");
                self.say(ViolationCode::Before, Some(b), &[first, then], text);
            }
        }
        for group in &groups.apart {
            let mut seen = std::collections::BTreeMap::new();
            let members: BTreeSet<usize> = group
                .iter()
                .filter_map(|id| self.graph.number(id))
                .collect();
            for service in members {
                let wave = self.standing.wave[service];
                let Some(wave) = wave.filter(|_| self.graph.moves(service)) else {
                    continue;
                };
                if let Some(other) = seen.insert(wave, service) {
                    let text = "are pinned apart".to_owned();
                    self.say(ViolationCode::Apart, Some(wave), &[other, service], text);
                }
            }
        }
    }

    /// Waves and days that pins ask for.
    pub(super) fn pins(&mut self) {
        for service in 0..self.graph.count() {
            let wave = self.standing.wave[service];
            let Some(wave) = wave.filter(|_| self.graph.moves(service)) else {
                continue;
            };
            let pins = &self.graph.services[service].pins;
            let mut found = Vec::new();
            if let Some(asked) = pins
                .wave
                .filter(|w| wave != *w && wave != (*w).min(MAX_PINNED_WAVE))
            {
                found.push((
                    ViolationCode::NotPinnedWave,
                    format!("is pinned to wave {asked}"),
                ));
            }
            if let Some(from) = pins
                .not_before
                .filter(|from| wave < (*from).min(MAX_PINNED_WAVE))
            {
                found.push((
                    ViolationCode::TooEarly,
                    format!("must not join before wave {from}"),
                ));
            }
            if let Some(to) = pins.not_after.filter(|to| wave > *to) {
                found.push((
                    ViolationCode::TooLate,
                    format!("has to join until wave {to}"),
                ));
            }
            if let Some(dates) = self.dates.get(&wave) {
                if let Some(day) = pins.not_before_day.filter(|day| dates.canary < *day) {
                    found.push((
                        ViolationCode::TooEarly,
                        format!("must not join before {day}"),
                    ));
                }
                if let Some(day) = pins.not_after_day.filter(|day| calendar::end(dates) > *day) {
                    found.push((ViolationCode::TooLate, format!("has to join until {day}")));
                }
            }
            for (code, text) in found {
                self.say(code, Some(wave), &[service], text);
            }
        }
    }

    /// Nobody comes before those pinned first, or after those pinned last.
    pub(super) fn ranks(&mut self) {
        let mut pieces: Vec<(u32, Rank, usize)> = Vec::new();
        for piece in &self.standing.pieces {
            if let Some(wave) = piece.wave {
                pieces.push((wave, piece.rank, piece.members[0]));
            }
        }
        let first_other = pieces
            .iter()
            .filter(|(_, rank, _)| *rank != Rank::First)
            .min()
            .copied();
        let last_other = pieces
            .iter()
            .filter(|(_, rank, _)| *rank != Rank::Last)
            .max()
            .copied();
        for (wave, rank, service) in pieces {
            match (rank, first_other, last_other) {
                (Rank::First, Some((other, _, before)), _) if other < wave => {
                    let text = format!("is pinned first, and another service is in wave {other}");
                    self.say(ViolationCode::First, Some(wave), &[service, before], text);
                }
                (Rank::Last, _, Some((other, _, after))) if other > wave => {
                    let text = format!("is pinned last, and another service is in wave {other}");
                    self.say(ViolationCode::Last, Some(wave), &[service, after], text);
                }
                _ => {}
            }
        }
    }

    /// Every pair that has to be in order is; pairs of one piece cannot be.
    pub(super) fn order(&mut self, order: &[(usize, usize)]) {
        for (first, then) in order {
            let pieces = [first, then].map(|s| self.standing.piece[*s]);
            let waves = [first, then].map(|s| self.standing.wave[*s]);
            if let ([Some(a), Some(b)], [Some(at), Some(other)]) = (pieces, waves)
                && a != b
                && at >= other
            {
                let text = format!("has to be in a wave before {other}, and is in {at}");
                self.say(ViolationCode::Order, Some(at), &[*first, *then], text);
            }
        }
    }
}
