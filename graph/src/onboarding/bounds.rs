//! What no plan can be better than: lower bounds on waves and area, so that a reader sees how far a plan is from the best possible.
//!
//! Place in the flow: [`Problem`] -> `bounds` -> the head of the plan; the laxity of the portfolio aims at the bound on waves. Every
//! bound is the optimum of a plan with some limits left out, so it holds for every plan without exceptions, made by hand or not.
//! A plan with an exception may be better.

use super::board::ROUNDING;
use super::outcome::Bounds;
use super::problem::{Item, Problem};

mod area;
mod waves;

/// Bounds on every exception-free plan of the problem.
pub(super) fn bounds(problem: &Problem<'_>) -> Bounds {
    let waves = waves(problem);
    let area = area::area(&Relaxed::new(problem));
    Bounds {
        waves,
        area,
        objective: area + problem.options.weights.wave * waves as f64,
    }
}

/// A bound on the waves of every exception-free plan of the problem.
pub(super) fn waves(problem: &Problem<'_>) -> usize {
    waves::waves(&Relaxed::new(problem))
}

/// The problem with waves counted from 1, and what the bounds ask about it.
struct Relaxed<'a> {
    problem: &'a Problem<'a>,
    /// By item: the first wave that risk, traffic, pins and order allow.
    release: Vec<u32>,
    /// Waves until the limits no longer change, at least.
    horizon: u32,
    /// The largest traffic limit of a wave.
    most_traffic: f64,
}

impl<'a> Relaxed<'a> {
    fn new(problem: &'a Problem<'a>) -> Self {
        let ramp = &problem.options.ramp;
        let listed = ramp.risk_ceilings.len().max(ramp.traffic_caps.len());
        let steady = u32::try_from(listed).unwrap_or(u32::MAX).saturating_add(1);
        let done = problem.options.waves_done;
        let mut relaxed = Self {
            problem,
            release: Vec::new(),
            horizon: steady.saturating_sub(done).max(1),
            most_traffic: 0.0,
        };
        let limits = (1..=relaxed.horizon).map(|wave| relaxed.limits(wave).traffic);
        relaxed.most_traffic = limits.fold(0.0, f64::max);
        relaxed.release = problem
            .items
            .iter()
            .map(|item| relaxed.own_release(item))
            .collect();
        for item in &problem.order {
            let before = problem.items[*item].before.iter();
            let after = before
                .map(|first| relaxed.release[*first].saturating_add(1))
                .max();
            relaxed.release[*item] = relaxed.release[*item].max(after.unwrap_or(1));
        }
        relaxed
    }

    /// Limits of a wave counted from 1.
    fn limits(&self, wave: u32) -> super::options::Limits {
        self.problem
            .limits(self.problem.options.waves_done.saturating_add(wave))
    }

    /// The first wave in which an item alone keeps all limits; the first after the ramp where none does.
    fn own_release(&self, item: &Item) -> u32 {
        let from = item
            .window
            .0
            .saturating_sub(self.problem.options.waves_done)
            .max(1);
        let allowed = |wave: &u32| {
            let limits = self.limits(*wave);
            let is_frozen = item.frozen.iter().any(|(_, from, to)| {
                let wave = wave.saturating_add(self.problem.options.waves_done);
                (*from..=*to).contains(&wave)
            });
            !is_frozen
                && item.risk <= limits.risk + ROUNDING
                && (!limits.ramp || item.touched <= limits.traffic + ROUNDING)
        };
        let mut waves = from..=from.max(self.horizon);
        waves
            .find(allowed)
            .unwrap_or_else(|| from.max(self.horizon))
    }

    /// Whether an item is above the traffic limit of every wave: after the ramp it stands alone.
    fn is_oversize(&self, item: &Item) -> bool {
        item.touched > self.most_traffic + ROUNDING
    }

    /// Services that fit into a wave.
    fn size(&self, wave: u32) -> usize {
        self.limits(wave).size
    }

    /// Traffic that fits into a wave; an oversize item after the ramp takes all of it.
    fn traffic(&self, wave: u32) -> f64 {
        let limits = self.limits(wave);
        if limits.ramp {
            limits.traffic
        } else {
            self.most_traffic
        }
    }

    /// Most of the traffic of a wave that an item takes.
    fn takes(&self, item: &Item) -> f64 {
        item.touched.min(self.most_traffic)
    }

    /// Waves from one caller to its callee at least.
    fn distance(&self) -> u32 {
        let in_flight = self.problem.options.in_flight;
        in_flight.ramp.min(in_flight.after).max(1)
    }
}
