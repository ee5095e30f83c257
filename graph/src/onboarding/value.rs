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
    wave: f64,
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
        Self {
            own,
            both,
            wave: weights.wave,
        }
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

    /// Worth of a finished plan of `waves` waves.
    pub(super) fn of_plan(&self, model: &Model, places: &[Place], waves: u32) -> Worth {
        let own = self.own.iter().zip(places);
        let own = own.map(|(own, place)| (own.total(), place.wave()));
        let both = self.both.iter().zip(&model.arcs).map(|(both, arc)| {
            let ends = (places[arc.caller].wave(), places[arc.callee].wave());
            let joined = match ends {
                (Some(caller), Some(callee)) => Some(caller.max(callee)),
                _ => None,
            };
            (*both, joined)
        });
        let (mut area, mut arrived) = (0.0, 0.0);
        for (worth, joined) in own.chain(both) {
            let wave = joined.unwrap_or(0);
            area += worth * f64::from(wave);
            arrived += if wave > 0 { worth } else { 0.0 };
        }
        Worth {
            mean_wave: if arrived > 0.0 { area / arrived } else { 0.0 },
            area,
            objective: area + self.wave * f64::from(waves),
        }
    }
}

/// Worth of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth {
    /// Mean wave at which a unit of protection arrives.
    pub(super) mean_wave: f64,
    /// Worth of each protection times the wave in which it arrives.
    pub(super) area: f64,
    /// `area` and the cost of the waves.
    pub(super) objective: f64,
}

fn credit(places: &[Place], service: usize, partner: usize) -> f64 {
    match places[partner] {
        _ if partner == service => 1.0,
        Place::In(_) => 1.0,
        Place::Pending => 0.5,
        Place::Never => 0.0,
    }
}
