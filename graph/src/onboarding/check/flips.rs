//! What is switched on when: features with both ends, retries, refusing plaintext, and what a way back has to undo.

use std::collections::{BTreeMap, BTreeSet};

use super::super::options::MeshMode;
use super::super::outcome::{
    EdgeRef, Plan, PlannedService, RollbackStep, Strict, StrictBlock, Wave,
};
use super::{Judge, ViolationCode, close};

impl<'a> Judge<'a> {
    pub(super) fn flips(&mut self, plan: &Plan) {
        let ready = self.ready_by_wave();
        let safe = self.safe_by_wave();
        for wave in &plan.waves {
            self.strict_list(wave, ready.get(&wave.wave));
            self.retries_on(wave, safe.get(&wave.wave));
            for stated in &wave.services {
                let Some(service) = self.graph.number(&stated.service) else {
                    continue;
                };
                // A service in several waves is judged where it joins first.
                if self.standing.wave[service] == Some(wave.wave) {
                    self.strict(service, stated);
                    self.turns_on(service, stated);
                    self.retries_off(service, stated);
                    self.rollback(service, stated);
                }
            }
        }
    }

    fn ready_by_wave(&self) -> BTreeMap<u32, BTreeSet<&'a str>> {
        let mut ready: BTreeMap<u32, BTreeSet<&'a str>> = BTreeMap::new();
        for service in 0..self.graph.count() {
            if let Some(wave) = self.strict_from(service) {
                ready
                    .entry(wave)
                    .or_default()
                    .insert(self.graph.ids[service]);
            }
        }
        ready
    }

    fn strict_list(&mut self, wave: &Wave, known: Option<&BTreeSet<&str>>) {
        let stated: BTreeSet<&str> = wave.strict_ready.iter().map(String::as_str).collect();
        let same = known.map_or(stated.is_empty(), |known| *known == stated);
        if !same {
            let text =
                "`strict_ready` is not who can refuse plaintext from this wave on".to_owned();
            self.say(ViolationCode::Strict, Some(wave.wave), &[], text);
        }
    }

    /// Calls by wave on which retries may be switched on after it. Without a budget: the callee can shed from that wave on, and the
    /// caller was in before. With one: the caller joins, and the callee cannot shed yet.
    fn safe_by_wave(&self) -> BTreeMap<u32, BTreeSet<(&'a str, &'a str)>> {
        let mut safe: BTreeMap<u32, BTreeSet<(&'a str, &'a str)>> = BTreeMap::new();
        let mut insert = |wave: u32, caller: usize, callee: &'a str| {
            let calls = safe.entry(wave).or_default();
            calls.insert((self.graph.ids[caller], callee));
        };
        for call in &self.graph.calls {
            let (caller, callee) = (self.wave(call.caller), self.wave(call.callee));
            let id = self.graph.ids[call.callee];
            match (caller, callee) {
                (Some(caller), Some(callee)) if caller < callee && !self.has_budget() => {
                    insert(callee, call.caller, id);
                }
                (Some(wave), callee) if self.has_budget() && callee.is_none_or(|at| wave < at) => {
                    insert(wave, call.caller, id);
                }
                _ => {}
            }
        }
        for caller in (0..self.graph.count()).filter(|_| self.has_budget()) {
            if let Some(wave) = self.wave(caller) {
                for callee in &self.graph.exits[caller] {
                    insert(wave, caller, callee);
                }
            }
        }
        safe
    }

    fn wave(&self, service: usize) -> Option<u32> {
        self.standing.wave[service]
    }

    /// Whether a retry budget holds retries by itself.
    fn has_budget(&self) -> bool {
        let budget = self.options.retry_budget;
        budget.is_some_and(|budget| budget.is_finite() && budget > 0.0)
    }

    fn retries_on(&mut self, wave: &Wave, known: Option<&BTreeSet<(&str, &str)>>) {
        let stated = ends(&wave.retries_on);
        if !known.map_or(stated.is_empty(), |known| *known == stated) {
            let text = "`retries_on` is not the calls on which retries are safe from this wave on"
                .to_owned();
            self.say(ViolationCode::Retries, Some(wave.wave), &[], text);
        }
    }

    fn strict(&mut self, service: usize, stated: &PlannedService) {
        let from = self.strict_from(service);
        let right = match &stated.strict {
            Strict::Ready { wave, waits_for } => {
                let waiting: BTreeSet<&str> = waits_for.iter().map(String::as_str).collect();
                from == Some(*wave) && waiting == self.later_callers(service)
            }
            Strict::Never { because } => from.is_none() && self.are_reasons(service, because),
        };
        if !right {
            let wave = self.standing.wave[service];
            let text = "`strict` is not what its callers allow".to_owned();
            self.say(ViolationCode::Strict, wave, &[service], text);
        }
    }

    fn later_callers(&self, service: usize) -> BTreeSet<&str> {
        let calls = self.graph.incoming[service].iter();
        let callers = calls.map(|call| self.graph.calls[*call].caller);
        let later =
            callers.filter(|caller| self.standing.wave[*caller] > self.standing.wave[service]);
        later.map(|caller| self.graph.ids[caller]).collect()
    }

    fn are_reasons(&self, service: usize, because: &[StrictBlock]) -> bool {
        let true_one = |reason: &StrictBlock| match reason {
            StrictBlock::EntryTraffic => self.graph.entry(service) > 0.0,
            StrictBlock::Orphans { spans } => {
                *spans > 0 && self.graph.services[service].orphans == *spans
            }
            StrictBlock::OutsideCaller { node } => {
                self.graph.outside_callers[service].contains(&node.as_str())
            }
            StrictBlock::UnplannedCaller { service: caller } => {
                let number = self.graph.number(caller);
                let mut calls = self.graph.incoming[service].iter();
                calls.any(|call| Some(self.graph.calls[*call].caller) == number)
                    && number.is_some_and(|caller| self.standing.wave[caller].is_none())
            }
        };
        !because.is_empty() && because.iter().all(true_one)
    }

    /// Features of both ends come on with the later end; client features cover every call that is made.
    fn turns_on(&mut self, service: usize, stated: &PlannedService) {
        let graph = &self.graph;
        let wave = self.standing.wave[service].unwrap_or(0);
        let ids = |call: &usize| {
            let call = graph.calls[*call];
            (graph.ids[call.caller], graph.ids[call.callee])
        };
        let own = graph.outgoing[service]
            .iter()
            .chain(&graph.incoming[service]);
        let now = own.filter(|call| {
            let call = graph.calls[**call];
            self.standing.is_in(call.caller, wave) && self.standing.is_in(call.callee, wave)
        });
        let both: BTreeSet<(&str, &str)> = now.map(ids).collect();
        let exits = graph.exits[service].iter();
        let exits = exits.map(|callee| (graph.ids[service], *callee));
        let client: BTreeSet<(&str, &str)> = graph.outgoing[service]
            .iter()
            .map(ids)
            .chain(exits)
            .collect();
        let shed = graph.share_of_all(graph.requests[service]);
        let mut wrong = Vec::new();
        if ends(&stated.turns_on.both) != both {
            wrong.push("turns_on.both");
        }
        if ends(&stated.turns_on.client) != client {
            wrong.push("turns_on.client");
        }
        if !close(stated.turns_on.shed, shed) {
            wrong.push("turns_on.shed");
        }
        for field in wrong {
            let text = format!("`{field}` is not what its wave switches on");
            self.say(ViolationCode::ServiceFacts, Some(wave), &[service], text);
        }
    }

    fn retries_off(&mut self, service: usize, stated: &PlannedService) {
        let graph = &self.graph;
        let wave = self.standing.wave[service].unwrap_or(0);
        let calls = graph.outgoing[service].iter();
        let callees = calls.map(|call| graph.calls[*call].callee);
        let later = callees.filter(|callee| !self.standing.is_in(*callee, wave));
        let later = later.map(|callee| (graph.ids[callee], self.standing.wave[callee]));
        let exits = graph.exits[service].iter().map(|callee| (*callee, None));
        let needed: BTreeSet<(&str, Option<u32>)> = later.chain(exits).collect();
        let off = stated.retries_off.iter();
        let off: BTreeSet<(&str, Option<u32>)> =
            off.map(|off| (off.callee.as_str(), off.until)).collect();
        let right = if self.has_budget() {
            off.is_empty()
        } else {
            off == needed
        };
        if !right {
            let text = "`retries_off` is not the calls whose callee cannot shed yet".to_owned();
            self.say(ViolationCode::Retries, Some(wave), &[service], text);
        }
    }

    /// A callee that refuses plaintext would refuse this caller without its sidecar.
    fn rollback(&mut self, service: usize, stated: &PlannedService) {
        let only_strict = self.options.mesh_mode == MeshMode::StrictOnly;
        let calls = self.graph.outgoing[service].iter();
        let callees: BTreeSet<usize> = calls.map(|call| self.graph.calls[*call].callee).collect();
        for callee in callees.into_iter().filter(|callee| *callee != service) {
            let id = self.graph.ids[callee];
            let from = if only_strict {
                self.wave(callee)
            } else {
                self.strict_from(callee)
            };
            let says = |step: &RollbackStep| match step {
                RollbackStep::Permissive {
                    callee,
                    from: stated,
                } => !only_strict && callee == id && Some(*stated) == from,
                RollbackStep::CalleeFirst { callee, .. } => only_strict && callee == id,
                _ => false,
            };
            if from.is_some() && !stated.rollback.iter().any(says) {
                let text =
                    "the second refuses plaintext, and the way back of the first does not say so"
                        .to_owned();
                let wave = self.wave(service);
                self.say(ViolationCode::Rollback, wave, &[service, callee], text);
            }
        }
        if !matches!(stated.rollback.last(), Some(RollbackStep::RemoveLabel)) {
            let text = "the way back does not end with its label".to_owned();
            self.say(
                ViolationCode::Rollback,
                self.wave(service),
                &[service],
                text,
            );
        }
    }
}

fn ends(edges: &[EdgeRef]) -> BTreeSet<(&str, &str)> {
    let ends = edges.iter();
    ends.map(|edge| (edge.caller.as_str(), edge.callee.as_str()))
        .collect()
}
