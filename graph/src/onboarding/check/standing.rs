//! Who joins when, and what holds whom back: the wave list in the form in which every rule asks for it.
//!
//! A piece is what has to join in one wave: a service, services pinned together, or a circle of calls in a mesh without a permissive
//! mode. Everything is taken from the input, the options, the dates of the waves and the wave of each service; nothing from the
//! code that plans.

use std::collections::BTreeMap;

use super::super::dates::WaveDates;
use super::super::input::Pins;
use super::super::options::{Limits, PlanOptions};
use super::super::problem::MAX_PINNED_WAVE;
use super::calendar;
use super::graph::Graph;
use super::{CLOSE, Judge};

/// What stands against a piece in a wave of which nothing else is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// Nothing.
    Free,
    /// The ramp of risk, traffic or size.
    Ramp,
    /// A pin, a freeze, an order, or a neighbour in flight.
    Held,
}

/// Pinned to the beginning or the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    First,
    Middle,
    Last,
}

/// Waves and pieces.
#[derive(Debug)]
pub(super) struct Standing {
    /// By service: the wave in which it joins, 0 when it is in; none when it never does or the plan forgot it.
    pub(super) wave: Vec<Option<u32>>,
    /// Services by wave.
    pub(super) members: BTreeMap<u32, Vec<usize>>,
    /// By service that moves.
    pub(super) piece: Vec<Option<usize>>,
    pub(super) pieces: Vec<Piece>,
    /// Last wave of pieces of a smaller rank, for each rank.
    last_before: BTreeMap<Rank, u32>,
}

/// What moves in one piece.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) members: Vec<usize>,
    /// The latest of its members' waves; none when all were forgotten.
    pub(super) wave: Option<u32>,
    pub(super) rank: Rank,
    /// Pieces that have to be in earlier waves.
    pub(super) before: Vec<usize>,
    /// Last wave that pins leave it.
    pub(super) deadline: u32,
}

impl Standing {
    /// `wave` and `piece` are as in the result; `order` holds pairs of which the first has to be in an earlier wave.
    pub(super) fn new(
        (graph, options): (&Graph<'_>, &PlanOptions),
        (wave, piece): (Vec<Option<u32>>, Vec<Option<usize>>),
        order: impl Iterator<Item = (usize, usize)>,
        dates: &BTreeMap<u32, &WaveDates>,
    ) -> Self {
        let count = piece.iter().flatten().max().map_or(0, |last| last + 1);
        let mut members = BTreeMap::new();
        let mut standing = Self {
            pieces: (0..count).map(|_| Piece::new()).collect(),
            last_before: BTreeMap::new(),
            piece,
            members: BTreeMap::new(),
            wave,
        };
        for service in 0..graph.count() {
            let Some(number) = standing.piece[service] else {
                continue;
            };
            let own = standing.wave[service];
            if let Some(wave) = own {
                let members: &mut Vec<usize> = members.entry(wave).or_default();
                members.push(service);
            }
            let pins = &graph.services[service].pins;
            let piece = &mut standing.pieces[number];
            piece.wave = piece.wave.max(own);
            let mut last = deadline(pins, dates);
            let frozen = |wave: u32| {
                let dates = dates.get(&wave);
                dates.is_some_and(|d| calendar::freeze_on(graph, options, (service, d)).is_some())
            };
            while last < u32::MAX && frozen(last) {
                last -= 1;
            }
            piece.deadline = piece.deadline.min(last);
            piece.rank = rank(piece, pins);
            piece.members.push(service);
        }
        standing.members = members;
        standing.connect(order);
        standing.hand_down_deadlines();
        standing
    }

    fn connect(&mut self, order: impl Iterator<Item = (usize, usize)>) {
        for (first, then) in order {
            if let (Some(first), Some(then)) = (self.piece[first], self.piece[then])
                && first != then
            {
                self.pieces[then].before.push(first);
            }
        }
        for piece in &self.pieces {
            let wave = piece.wave.unwrap_or(u32::MAX);
            for rank in [Rank::Middle, Rank::Last] {
                if piece.rank < rank {
                    let last = self.last_before.entry(rank).or_default();
                    *last = wave.max(*last);
                }
            }
        }
    }

    /// What has to come before a piece with a deadline has an earlier one.
    fn hand_down_deadlines(&mut self) {
        let mut late_first: Vec<usize> = (0..self.pieces.len()).collect();
        late_first.sort_by_key(|piece| std::cmp::Reverse(self.pieces[*piece].wave));
        for piece in late_first {
            let deadline = self.pieces[piece].deadline.saturating_sub(1);
            if deadline < u32::MAX - 1 {
                for first in self.pieces[piece].before.clone() {
                    let own = &mut self.pieces[first].deadline;
                    *own = deadline.min(*own);
                }
            }
        }
        for rank in [Rank::Middle, Rank::First] {
            let later = self.pieces.iter().filter(|piece| piece.rank > rank);
            let deadline = later.map(|piece| piece.deadline).min().unwrap_or(u32::MAX);
            for piece in self.pieces.iter_mut().filter(|piece| piece.rank == rank) {
                piece.deadline = piece.deadline.min(deadline);
            }
        }
    }

    /// Whether a service is in after a wave.
    pub(super) fn is_in(&self, service: usize, wave: u32) -> bool {
        self.wave[service].is_some_and(|joined| joined <= wave)
    }
}

impl Piece {
    const fn new() -> Self {
        Self {
            members: Vec::new(),
            wave: None,
            rank: Rank::Middle,
            before: Vec::new(),
            deadline: u32::MAX,
        }
    }
}

fn rank(piece: &Piece, pins: &Pins) -> Rank {
    match (piece.rank, pins) {
        (Rank::First, _) | (_, Pins { first: true, .. }) => Rank::First,
        (Rank::Last, _) | (_, Pins { last: true, .. }) => Rank::Last,
        _ => Rank::Middle,
    }
}

/// Last wave that the pins of a service leave it; a day counts as the last wave that is known to end in time.
fn deadline(pins: &Pins, dates: &BTreeMap<u32, &WaveDates>) -> u32 {
    let day = pins.not_after_day.map(|day| {
        let in_time = dates
            .iter()
            .filter(|(_, dates)| calendar::end(dates) <= day);
        in_time.map(|(wave, _)| *wave).max().unwrap_or(u32::MAX)
    });
    let waves = [pins.wave, pins.not_after].into_iter().flatten();
    let waves = waves.map(|wave| wave.min(MAX_PINNED_WAVE));
    waves.chain(day).min().unwrap_or(u32::MAX)
}

impl Judge<'_> {
    pub(super) fn limits(&self, wave: u32) -> Limits {
        self.options.ramp.limits(wave, self.in_scope)
    }

    /// How many waves may change at once while this one starts.
    pub(super) fn in_flight(&self, wave: u32) -> u32 {
        let in_flight = if self.limits(wave).ramp {
            self.options.in_flight.ramp
        } else {
            self.options.in_flight.after
        };
        in_flight.max(1)
    }

    /// Whether two waves change at the same time for some days.
    pub(super) fn overlap(&self, a: u32, b: u32) -> bool {
        a.abs_diff(b) < self.in_flight(a.max(b))
    }

    /// Whether a call makes its ends adjacent.
    pub(super) fn is_adjacent(&self, call: usize) -> bool {
        let call = self.graph.calls[call];
        let share = self.graph.share_of_calls(call.rate);
        call.caller != call.callee && share >= self.options.adjacent_share
    }

    /// What stands against a piece in an otherwise empty wave, where all earlier waves are as planned.
    pub(super) fn hold(&self, number: usize, wave: u32) -> Hold {
        let piece = &self.standing.pieces[number];
        let mut members = piece.members.iter();
        let last_before = self.standing.last_before.get(&piece.rank);
        if members.any(|service| self.is_held(*service, wave))
            || piece
                .before
                .iter()
                .any(|first| self.standing.pieces[*first].wave >= Some(wave))
            || last_before.is_some_and(|last| *last >= wave)
            || self.has_neighbour_in_flight(number, wave)
        {
            return Hold::Held;
        }
        let limits = self.limits(wave);
        let mut members = piece.members.iter();
        let risky = members.any(|service| self.risks[*service] > limits.risk - CLOSE);
        let bulky = piece.members.len() > 1 && self.is_bulky(&piece.members, limits);
        let much = self.touched(&piece.members) > limits.traffic - CLOSE;
        if risky || (limits.ramp && (bulky || much)) {
            Hold::Ramp
        } else {
            Hold::Free
        }
    }

    pub(super) fn is_held(&self, service: usize, wave: u32) -> bool {
        let pins = &self.graph.services[service].pins;
        let dates = self.dates.get(&wave);
        let early = dates.and_then(|dates| Some(dates.canary < pins.not_before_day?));
        let late = dates.and_then(|dates| Some(calendar::end(dates) > pins.not_after_day?));
        let pinned = [pins.wave, pins.not_before].into_iter().flatten();
        let from = pinned.map(|wave| wave.min(MAX_PINNED_WAVE)).max();
        let until = [pins.wave, pins.not_after].into_iter().flatten().min();
        early == Some(true)
            || late == Some(true)
            || from.is_some_and(|from| wave < from)
            || until.is_some_and(|until| wave > until)
            || dates.is_some_and(|dates| self.freeze_on(service, dates).is_some())
    }

    fn has_neighbour_in_flight(&self, number: usize, wave: u32) -> bool {
        let mut members = self.standing.pieces[number].members.iter();
        members.any(|service| {
            let out = self.graph.outgoing[*service].iter();
            let out = out.map(|call| (*call, self.graph.calls[*call].callee));
            let into = self.graph.incoming[*service].iter();
            let into = into.map(|call| (*call, self.graph.calls[*call].caller));
            let mut near = out.chain(into).filter(|(call, _)| self.is_adjacent(*call));
            near.any(|(_, other)| {
                let Some(piece) = self.standing.piece[other].filter(|piece| *piece != number)
                else {
                    return false;
                };
                // Who comes later is in the way only where its pins leave it no other wave.
                let is_fixed = |at: u32| at < wave || self.standing.pieces[piece].deadline <= at;
                let at = self.standing.wave[other].filter(|at| is_fixed(*at));
                at.is_some_and(|at| at > 0 && self.overlap(at, wave))
            })
        })
    }

    /// Whether services that move in one piece are more than a wave may hold.
    pub(super) fn is_bulky(&self, members: &[usize], limits: Limits) -> bool {
        members.len() > limits.size
            || self
                .efforts(members)
                .values()
                .any(|(effort, _)| *effort > limits.team)
    }

    /// Effort by team, and the number of its services.
    pub(super) fn efforts(&self, members: &[usize]) -> BTreeMap<&str, (usize, usize)> {
        let mut efforts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for service in members {
            let known = self.graph.services[*service];
            if let Some(team) = known.team.as_deref() {
                let sum = efforts.entry(team).or_default();
                let effort = usize::try_from(known.effort.max(1)).unwrap_or(usize::MAX);
                *sum = (sum.0.saturating_add(effort), sum.1 + 1);
            }
        }
        efforts
    }

    /// Share of all traffic that enters or leaves services of one piece; calls between them count once.
    pub(super) fn touched(&self, members: &[usize]) -> f64 {
        let graph = &self.graph;
        let mut rate = 0.0;
        for service in members {
            rate += graph.requests[*service] + graph.out[*service];
            if members.len() == 1 {
                continue;
            }
            for call in &graph.outgoing[*service] {
                let callee = graph.calls[*call].callee;
                if members.binary_search(&callee).is_ok() {
                    rate -= graph.calls[*call].rate;
                }
            }
        }
        graph.share_of_all(rate.max(0.0))
    }
}
