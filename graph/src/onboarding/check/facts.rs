//! What a plan says about its waves and services, against the graph.

use std::collections::{BTreeMap, BTreeSet};

use super::super::options::Order;
use super::super::outcome::{Blocked, EdgeRef, Plan, PlannedService, Wave};
use super::graph::Graph;
use super::pieces;
use super::propagation::{self, Flow};
use super::{CLOSE, Judge, ViolationCode, close};

impl Judge<'_> {
    /// Every number that stands beside a wave or a service.
    pub(super) fn stated(&mut self, plan: &Plan, flow: Option<&Flow>) {
        let waves = std::mem::take(&mut self.standing.members);
        for wave in &plan.waves {
            let members = waves.get(&wave.wave).map_or(&[][..], Vec::as_slice);
            self.wave_facts(wave, members);
            for stated in &wave.services {
                if let (Some(service), Some(flow)) = (self.graph.number(&stated.service), flow) {
                    self.service_facts(service, stated, flow);
                }
            }
        }
        self.standing.members = waves;
    }

    /// Arcs that are left out to break circles lie inside of them, and leave none.
    pub(super) fn arcs(&mut self, plan: &Plan, is_acyclic: bool) {
        if !is_acyclic {
            let text = "the calls outside of `cut_arcs` still make a circle".to_owned();
            self.say(ViolationCode::BrokenArc, None, &[], text);
        }
        let cut = propagation::numbers(&self.graph, &plan.cut_arcs);
        let named: BTreeSet<(&str, &str)> = ends(&plan.cut_arcs).collect();
        if cut.len() != named.len() {
            let text = "`cut_arcs` names calls that the graph does not have".to_owned();
            self.say(ViolationCode::BrokenArc, None, &[], text);
        }
        for number in cut {
            let call = self.graph.calls[number];
            if !is_in_circle(&self.graph, call.caller, call.callee) {
                let text = "are not part of a circle of calls".to_owned();
                let ends = [call.caller, call.callee];
                self.say(ViolationCode::BrokenArc, None, &ends, text);
            }
        }
    }

    /// Arcs that a hard order does not keep to lie in circles of what is asked for.
    pub(super) fn broken_arcs(&mut self, plan: &Plan) {
        let circle = pieces::ordered_circles(&self.graph, self.options, &self.standing.piece);
        let broken = propagation::numbers(&self.graph, &plan.broken_arcs);
        let named: BTreeSet<(&str, &str)> = ends(&plan.broken_arcs).collect();
        let is_soft = self.options.hard_order() == Order::Soft;
        if broken.len() != named.len() || (is_soft && !named.is_empty()) {
            let text = "`broken_arcs` names calls that no order asks for".to_owned();
            self.say(ViolationCode::BrokenArc, None, &[], text);
        }
        for number in broken {
            let call = self.graph.calls[number];
            let pieces = [call.caller, call.callee].map(|end| self.standing.piece[end]);
            let is_inside = pieces[0].is_some() && pieces[0] == pieces[1];
            if !is_inside && circle[call.caller] != circle[call.callee] {
                let text = "could be in order, and are named among `broken_arcs`".to_owned();
                let ends = [call.caller, call.callee];
                self.say(ViolationCode::BrokenArc, None, &ends, text);
            }
        }
    }

    /// Numbers and lists of a wave that follow from its services.
    pub(super) fn wave_facts(&mut self, stated: &Wave, members: &[usize]) {
        let load = self.load(stated.wave, members);
        let mut wrong: BTreeSet<&str> = BTreeSet::new();
        if !close(stated.touched, load.touched) {
            wrong.insert("touched");
        }
        if stated.limits != load.limits {
            wrong.insert("limits");
        }
        let above = load.touched - load.limits.traffic;
        let alone = above > 0.0 && !load.limits.ramp && !members.is_empty();
        if stated.alone != alone && above.abs() > CLOSE {
            wrong.insert("alone");
        }
        let efforts = self.efforts(members).into_iter();
        let efforts: BTreeMap<&str, usize> =
            efforts.map(|(team, (effort, _))| (team, effort)).collect();
        let claimed = stated.team_load.iter();
        let claimed = claimed.map(|(team, effort)| {
            (
                team.as_str(),
                usize::try_from(*effort).unwrap_or(usize::MAX),
            )
        });
        if claimed.collect::<BTreeMap<&str, usize>>() != efforts {
            wrong.insert("team_load");
        }
        let blast: f64 = members
            .iter()
            .map(|service| self.criticality[*service])
            .sum();
        if !close(stated.blast_radius, blast.min(1.0)) {
            wrong.insert("blast_radius");
        }
        for field in wrong {
            let text = format!("`{field}` is not what the services of the wave come to");
            self.say(ViolationCode::WaveFacts, Some(stated.wave), &[], text);
        }
    }

    fn service_facts(&mut self, service: usize, stated: &PlannedService, flow: &Flow) {
        let known = self.graph.services[service];
        let wave = self.standing.wave[service].unwrap_or(0);
        let first = self.options.waves_done.saturating_add(1);
        if let Some(text) = flow.differs(service, &stated.risk) {
            self.say(
                ViolationCode::RiskParts,
                Some(wave),
                &[service],
                text.to_owned(),
            );
        }
        let amplification = &stated.amplification;
        let right = [
            ("team", stated.team == known.team),
            ("tier", stated.tier == known.tier),
            ("hazards", stated.hazards == known.hazards),
            ("requests", stated.requests == known.requests),
            (
                "touched",
                close(stated.touched, self.graph.touched(service)),
            ),
            (
                "criticality",
                close(stated.criticality, flow.criticality[service]),
            ),
            (
                "criticality_estimated",
                stated.criticality_estimated == known.criticality.is_none(),
            ),
            (
                "amplification.mean",
                close(amplification.mean, flow.mean[service]),
            ),
            (
                "amplification.worst_path",
                close(amplification.worst_path, flow.worst_path[service]),
            ),
            ("blocked", are_all_waves(&stated.blocked, first, wave)),
        ];
        for (field, _) in right.into_iter().filter(|(_, is_right)| !is_right) {
            let text = format!("`{field}` is not what the graph says");
            self.say(ViolationCode::ServiceFacts, Some(wave), &[service], text);
        }
    }
}

/// Whether runs of waves cover everything from the first wave to the one before `wave`.
fn are_all_waves(runs: &[Blocked], first: u32, wave: u32) -> bool {
    let next = runs.iter().try_fold(first, |next, run| {
        let is_next = run.from == next && run.to >= run.from;
        is_next.then(|| run.to.checked_add(1)).flatten()
    });
    next == Some(wave.max(first))
}

fn is_in_circle(graph: &Graph<'_>, caller: usize, callee: usize) -> bool {
    caller != callee && graph.circle[caller] == graph.circle[callee]
}

fn ends(arcs: &[EdgeRef]) -> impl Iterator<Item = (&str, &str)> {
    arcs.iter()
        .map(|arc| (arc.caller.as_str(), arc.callee.as_str()))
}
