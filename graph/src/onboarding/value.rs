//! What a move is worth, and what a whole plan is worth.
//!
//! Each unit of protection has a weight; a plan is judged by the wave in which each unit arrives, plus a small cost per
//! wave. Calls that need both ends count half for the end that moves first: without that look-ahead the greedy choice would be
//! blind to them. A partner that never moves counts nothing.

use super::model::Model;
use super::options::Weights;
use super::outcome::Gain;

/// Where a service stands while a plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Joins in this wave; 0 means it is in already.
    In(u32),
    /// Still to be placed.
    Pending,
    /// Never joins in this plan.
    Never,
}

impl Place {
    /// Wave of a service that is in.
    pub(super) const fn wave(self) -> Option<u32> {
        match self {
            Self::In(wave) => Some(wave),
            Self::Pending | Self::Never => None,
        }
    }

    /// Whether the service is in after `wave`.
    pub(super) fn by(self, wave: u32) -> bool {
        self.wave().is_some_and(|joined| joined <= wave)
    }
}

/// Worth of services and arcs under given weights.
#[derive(Debug)]
pub(super) struct Value {
    /// Parts that depend on the service alone; `both` is 0 here.
    own: Vec<Gain>,
    /// Worth of both ends of each arc being in.
    both: Vec<f64>,
}

impl Value {
    pub(super) fn new(model: &Model, exposure: &[f64], weights: Weights) -> Self {
        let own = (0..model.ids.len())
            .map(|service| Gain {
                shed: weights.shed * model.share_of_all(model.in_rate[service]),
                client: weights.client * model.share_of_calls(model.out_rate[service]),
                both: 0.0,
                exposure: weights.exposure * exposure[service],
            })
            .collect();
        let both = model
            .arcs
            .iter()
            .map(|arc| weights.both * model.share_of_calls(arc.calls.rate))
            .collect();
        Self { own, both }
    }

    /// Worth of a service alone.
    pub(super) fn own(&self, service: usize) -> f64 {
        self.own[service].total()
    }

    /// Worth of both ends of an arc being in.
    pub(super) fn both(&self, arc: usize) -> f64 {
        self.both[arc]
    }

    /// Worth of moving `service` next.
    pub(super) fn gain(&self, model: &Model, places: &[Place], service: usize) -> Gain {
        let mut gain = self.own[service];
        for number in &model.incoming[service] {
            let caller = model.arcs[*number].caller;
            gain.both += self.both[*number] * credit(places, service, caller);
        }
        for number in &model.outgoing[service] {
            let callee = model.arcs[*number].callee;
            if callee != service {
                gain.both += self.both[*number] * credit(places, service, callee);
            }
        }
        gain
    }

    /// Worth of all protection that the plan brings: each part with the wave in which it arrives.
    pub(super) fn arrivals(&self, model: &Model, places: &[Place]) -> Vec<(f64, u32)> {
        let own = self.own.iter().zip(places);
        let own = own.filter_map(|(own, place)| Some((own.total(), place.wave()?)));
        let both = self.both.iter().zip(&model.arcs).filter_map(|(both, arc)| {
            let ends = (places[arc.caller].wave()?, places[arc.callee].wave()?);
            Some((*both, ends.0.max(ends.1)))
        });
        own.chain(both).filter(|(_, wave)| *wave > 0).collect()
    }
}

fn credit(places: &[Place], service: usize, partner: usize) -> f64 {
    match places[partner] {
        _ if partner == service => 1.0,
        Place::In(_) => 1.0,
        Place::Pending => 0.5,
        Place::Never => 0.0,
    }
}
