//! From a schedule to the reader's view of it: per wave and per service, what happens and why.

mod retries;
mod rollback;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::board::{Board, NOWHERE, ROUNDING};
use super::canary::{self, Circumstances};
use super::curves;
use super::dag::Dag;
use super::input::{PlanService, Severity};
use super::model::{Calls, Exit, Model};
use super::outcome::{
    Amplification, Blocked, EdgeRef, Gain, PlannedService, Strict, StrictBlock, TurnsOn, Unplanned,
    Wave,
};
use super::risk::Risk;
use super::value::{Place, Value};
use super::why;
pub(super) use retries::budget;

/// Everything known about the services before scheduling, by number.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) criticality: Vec<f64>,
    pub(super) amplification: Vec<Amplification>,
    pub(super) risks: Vec<Risk>,
}

/// Turns a schedule into the waves of the plan.
#[derive(Debug)]
pub(super) struct Explainer<'a> {
    pub(super) model: &'a Model,
    pub(super) facts: &'a Facts,
    pub(super) value: &'a Value,
    pub(super) board: &'a Board<'a>,
    /// Where every service ends.
    pub(super) places: Vec<Place>,
    pub(super) strict: Vec<Strict>,
}

impl<'a> Explainer<'a> {
    pub(super) fn new(
        (model, value): (&'a Model, &'a Value),
        facts: &'a Facts,
        board: &'a Board<'a>,
    ) -> Self {
        let places = places_after(board);
        Self {
            model,
            facts,
            value,
            board,
            strict: curves::strictness(model, &places),
            places,
        }
    }

    pub(super) fn waves(&self) -> Vec<Wave> {
        let problem = self.board.problem;
        let mut places = problem.places.clone();
        let mut waves = Vec::new();
        for wave in problem.first_wave()..=self.board.last_wave() {
            let items = self.board.load(wave).items.iter();
            let members: Vec<usize> = items
                .flat_map(|item| problem.items[*item].members.iter().copied())
                .collect();
            waves.push(self.wave(wave, &members, &places));
            for service in members {
                places[service] = Place::In(wave);
            }
        }
        waves
    }

    /// `before` is where every service stands before the wave.
    fn wave(&self, wave: u32, members: &[usize], before: &[Place]) -> Wave {
        let gain = |service: &usize| (*service, self.value.gain(self.model, before, *service));
        let mut gains: Vec<(usize, Gain)> = members.iter().map(gain).collect();
        gains.sort_by(|(a, gain_a), (b, gain_b)| {
            let by_gain = gain_b.total().total_cmp(&gain_a.total());
            by_gain.then(a.cmp(b))
        });
        let (limits, touched) = (self.board.problem.limits(wave), self.board.touched(wave));
        let blast: f64 = members.iter().map(|s| self.facts.criticality[*s]).sum();
        Wave {
            wave,
            limits,
            touched,
            blast_radius: blast.min(1.0),
            team_load: self.team_load(members),
            alone: touched > limits.traffic + ROUNDING && !limits.ramp,
            exceptions: self.board.exceptions(wave),
            retries_on: self.retries_on(wave, members),
            strict_ready: self.strict_ready(wave),
            services: gains
                .into_iter()
                .map(|(service, gain)| self.service(service, gain))
                .collect(),
        }
    }

    fn team_load(&self, members: &[usize]) -> BTreeMap<String, u32> {
        let mut load = BTreeMap::new();
        for service in members.iter().map(|s| &self.model.services[*s]) {
            if let Some(team) = &service.team {
                let sum: &mut u32 = load.entry(team.clone()).or_default();
                *sum = sum.saturating_add(service.effort.max(1));
            }
        }
        load
    }

    fn strict_ready(&self, wave: u32) -> Vec<String> {
        let ready =
            |strict: &Strict| matches!(strict, Strict::Ready { wave: at, .. } if *at == wave);
        let services = self.model.ids.iter().zip(&self.strict);
        services
            .filter(|(_, strict)| ready(strict))
            .map(|(id, _)| id.clone())
            .collect()
    }

    fn service(&self, number: usize, gain: Gain) -> PlannedService {
        let service: &PlanService = &self.model.services[number];
        PlannedService {
            service: self.model.ids[number].clone(),
            team: service.team.clone(),
            tier: service.tier,
            gain,
            risk: self.facts.risks[number].clone(),
            touched: self.model.touched(number),
            criticality: self.facts.criticality[number],
            criticality_estimated: service.criticality.is_none(),
            amplification: self.facts.amplification[number],
            blocked: self.blocked(number),
            turns_on: self.turns_on(number),
            retries_off: self.retries_off(number),
            strict: self.strict[number].clone(),
            hazards: service.hazards.clone(),
            evidence: service.evidence,
            requests: service.requests,
            unseen: unseen(service.requests),
            health: service.health,
            canary: canary::canary(&service.health, self.circumstances(number)),
            rollback: self.rollback(number),
        }
    }

    fn blocked(&self, number: usize) -> Vec<Blocked> {
        let item = self.board.problem.item_of[number];
        item.map_or_else(Vec::new, |item| why::blocked(self.board, item))
    }

    fn circumstances(&self, number: usize) -> Circumstances {
        let own = self.place(number).wave().unwrap_or(0);
        let callers = self.model.incoming[number]
            .iter()
            .map(|arc| self.model.arcs[*arc].caller);
        let meshed = callers.filter(|caller| {
            let wave = self.place(*caller).wave();
            *caller != number && wave.is_some_and(|wave| wave < own)
        });
        Circumstances {
            meshed_callers: meshed.count(),
            becomes_strict: matches!(self.strict[number], Strict::Ready { .. }),
        }
    }

    fn place(&self, number: usize) -> Place {
        self.places[number]
    }

    fn turns_on(&self, number: usize) -> TurnsOn {
        let model = self.model;
        let wave = self.place(number).wave().unwrap_or(0);
        let mut client: Vec<EdgeRef> = model.outgoing[number]
            .iter()
            .map(|arc| arc_ref(model, *arc))
            .collect();
        let own = exits_of(model, number);
        client.extend(own.map(|exit| edge_ref(model, number, &exit.callee, &exit.calls)));
        client.sort_by(|a, b| a.callee.cmp(&b.callee));
        let outgoing = model.outgoing[number]
            .iter()
            .filter(|arc| self.place(model.arcs[**arc].callee).by(wave));
        let incoming = model.incoming[number].iter().filter(|arc| {
            let caller = model.arcs[**arc].caller;
            caller != number && self.place(caller).by(wave)
        });
        let mut both: Vec<usize> = outgoing.chain(incoming).copied().collect();
        both.sort_unstable();
        TurnsOn {
            shed: model.share_of_all(model.in_rate[number]),
            client,
            both: both.into_iter().map(|arc| arc_ref(model, arc)).collect(),
        }
    }

    /// Services that the plan does not move, and who cannot become strict because of them.
    pub(super) fn unplanned(&self) -> Vec<Unplanned> {
        (0..self.model.ids.len())
            .filter(|number| self.place(*number) == Place::Never)
            .map(|number| Unplanned {
                service: self.model.ids[number].clone(),
                because: None,
                blockers: blockers(&self.model.services[number]),
                strict_lost: self.strict_lost(number),
            })
            .collect()
    }

    fn strict_lost(&self, number: usize) -> Vec<String> {
        let arcs = self.model.outgoing[number].iter();
        let callees = arcs.map(|arc| self.model.arcs[*arc].callee);
        callees
            .filter(|callee| self.place(*callee).wave().is_some())
            .filter(|callee| {
                matches!(&self.strict[*callee], Strict::Never { because }
                    if because.iter().any(|b| matches!(b, StrictBlock::UnplannedCaller { .. })))
            })
            .map(|callee| self.model.ids[callee].clone())
            .collect()
    }
}

/// Calls of a service to what cannot join: exits are sorted by caller, so its own are one run.
fn exits_of(model: &Model, number: usize) -> impl Iterator<Item = &Exit> {
    let first = model.exits.partition_point(|exit| exit.caller < number);
    let own = model.exits[first..].iter();
    own.take_while(move |exit| exit.caller == number)
}

/// The rule of three: what none of n requests showed happens in less than 3 / n of them, with 95 % confidence.
fn unseen(requests: u64) -> Option<f64> {
    (requests > 3).then(|| 3.0 / requests as f64)
}

/// Where every service ends.
pub(super) fn places_after(board: &Board<'_>) -> Vec<Place> {
    let problem = board.problem;
    let items = problem.item_of.iter().zip(&problem.places);
    let place = |(item, before): (&Option<usize>, &Place)| match item.map(|i| board.wave_of[i]) {
        None | Some(NOWHERE) => *before,
        Some(wave) => Place::In(wave),
    };
    items.map(place).collect()
}

/// Codes of the hazards that keep a pending service out of the plan.
pub(super) fn blockers(service: &PlanService) -> Vec<String> {
    let hazards = service.hazards.iter();
    hazards
        .filter(|hazard| hazard.severity == Severity::Blocker)
        .map(|hazard| hazard.code.clone())
        .collect()
}

/// Calls that were cut to break cycles.
pub(super) fn cut_arcs(model: &Model, dag: &Dag) -> Vec<EdgeRef> {
    arc_refs(model, &dag.cut)
}

/// Calls by number.
pub(super) fn arc_refs(model: &Model, numbers: &[usize]) -> Vec<EdgeRef> {
    numbers.iter().map(|arc| arc_ref(model, *arc)).collect()
}

fn arc_ref(model: &Model, number: usize) -> EdgeRef {
    let arc = &model.arcs[number];
    edge_ref(model, arc.caller, &model.ids[arc.callee], &arc.calls)
}

fn edge_ref(model: &Model, caller: usize, callee: &str, calls: &Calls) -> EdgeRef {
    EdgeRef {
        caller: model.ids[caller].clone(),
        callee: callee.to_owned(),
        share: model.share_of_calls(calls.rate),
        confidence: calls.confidence,
    }
}
