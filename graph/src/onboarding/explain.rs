//! From a schedule to the reader's view of it: per wave and per service, what happens and why.

use super::curves;
use super::dag::Dag;
use super::input::{PlanService, Severity};
use super::model::{Calls, Model, total};
use super::outcome::{
    Amplification, EdgeRef, Gain, PlannedService, RetriesOff, Strict, StrictBlock, TurnsOn,
    Unplanned, Wave,
};
use super::risk::Risk;
use super::schedule::Schedule;
use super::value::Place;

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
    pub(super) schedule: &'a Schedule,
    pub(super) strict: Vec<Strict>,
}

impl<'a> Explainer<'a> {
    pub(super) fn new(model: &'a Model, facts: &'a Facts, schedule: &'a Schedule) -> Self {
        Self {
            model,
            facts,
            schedule,
            strict: curves::strictness(model, &schedule.places),
        }
    }

    pub(super) fn waves(&self) -> Vec<Wave> {
        (1..)
            .zip(&self.schedule.waves)
            .map(|(wave, draft)| Wave {
                wave,
                limits: draft.limits,
                touched: draft.touched,
                alone: draft.alone,
                exceptions: draft.exceptions.clone(),
                strict_ready: self.strict_ready(wave),
                services: draft
                    .members
                    .iter()
                    .map(|(service, gain)| self.service(*service, *gain))
                    .collect(),
            })
            .collect()
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
            blocked: self.schedule.blocked[number].clone(),
            turns_on: self.turns_on(number),
            retries_off: self.retries_off(number),
            strict: self.strict[number].clone(),
            hazards: service.hazards.clone(),
            evidence: service.evidence,
            requests: service.requests,
        }
    }

    fn place(&self, number: usize) -> Place {
        self.schedule.places[number]
    }

    fn turns_on(&self, number: usize) -> TurnsOn {
        let model = self.model;
        let wave = self.place(number).wave().unwrap_or(0);
        let mut client: Vec<EdgeRef> = model.outgoing[number]
            .iter()
            .map(|arc| arc_ref(model, *arc))
            .collect();
        // Exits are sorted by caller: its own are one run.
        let first = model.exits.partition_point(|exit| exit.caller < number);
        let own = model.exits[first..]
            .iter()
            .take_while(|exit| exit.caller == number);
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

    fn retries_off(&self, number: usize) -> Vec<RetriesOff> {
        let model = self.model;
        let own = self.place(number).wave().unwrap_or(0);
        let mut later: Vec<RetriesOff> = model.outgoing[number]
            .iter()
            .map(|arc| model.arcs[*arc].callee)
            .filter(|callee| !self.place(*callee).by(own))
            .map(|callee| RetriesOff {
                callee: model.ids[callee].clone(),
                until: self.place(callee).wave(),
            })
            .collect();
        let first = model.exits.partition_point(|exit| exit.caller < number);
        let exits = model.exits[first..]
            .iter()
            .take_while(|exit| exit.caller == number);
        later.extend(exits.map(|exit| RetriesOff {
            callee: exit.callee.clone(),
            until: None,
        }));
        later.sort_by(|a, b| a.callee.cmp(&b.callee));
        later
    }

    /// Services that the plan does not move, and who cannot become strict because of them.
    pub(super) fn unplanned(&self) -> Vec<Unplanned> {
        (0..self.model.ids.len())
            .filter(|number| self.place(*number) == Place::Never)
            .map(|number| Unplanned {
                service: self.model.ids[number].clone(),
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

    /// Calls between services whose caller joins before its callee, as a share of all calls.
    pub(super) fn caller_first(&self) -> f64 {
        let early = self.model.arcs.iter().filter(|arc| {
            let caller = self.place(arc.caller).wave();
            let callee = self.place(arc.callee).wave();
            caller.is_some_and(|caller| callee.is_none_or(|callee| caller < callee))
        });
        self.model
            .share_of_calls(total(early.map(|arc| arc.calls.rate)))
    }
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
    dag.cut.iter().map(|arc| arc_ref(model, *arc)).collect()
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
