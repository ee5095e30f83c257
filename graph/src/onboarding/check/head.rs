//! The head of the plan against its waves: numbers, bounds, and who is left out with which consequences.

use std::collections::{BTreeMap, BTreeSet};

use super::super::input::{Severity, Status};
use super::super::outcome::{ExceptionCause, Inverted, Plan, SCHEMA, Wave};
use super::{CLOSE, Judge, ViolationCode, close};

impl Judge<'_> {
    pub(super) fn head(&mut self, plan: &Plan) {
        self.summary(plan);
        self.bounds(plan);
        self.traffic(plan);
        self.left_out(plan);
        let inverted = self.inverted();
        let stated: BTreeMap<(&str, &str), &Inverted> = plan
            .inverted
            .iter()
            .map(|edge| ((edge.caller.as_str(), edge.callee.as_str()), edge))
            .collect();
        let waves = stated.iter().map(|(ends, edge)| (*ends, edge.waves));
        let waves: BTreeMap<(&str, &str), (u32, Option<u32>)> = waves.collect();
        if waves != inverted || stated.len() != plan.inverted.len() {
            let text = "`inverted` is not the calls whose caller comes first".to_owned();
            self.say(ViolationCode::Summary, None, &[], text);
        }
    }

    /// Area above the protection curve in waves, and all worth that arrives.
    fn area(&self) -> (f64, f64) {
        let weights = self.options.weights;
        let graph = &self.graph;
        let mut parts = Vec::new();
        for service in 0..graph.count() {
            if let Some(wave) = self.standing.wave[service] {
                let worth = weights.shed * graph.share_of_all(graph.requests[service])
                    + weights.client * graph.share_of_calls(graph.out[service])
                    + weights.exposure * self.exposure[service];
                parts.push((worth, wave));
            }
        }
        for call in &graph.calls {
            let ends = [call.caller, call.callee].map(|end| self.standing.wave[end]);
            if let [Some(caller), Some(callee)] = ends {
                let worth = weights.both * graph.share_of_calls(call.rate);
                parts.push((worth, caller.max(callee)));
            }
        }
        let (mut area, mut worth) = (0.0, 0.0);
        for (part, wave) in parts.into_iter().filter(|(_, wave)| *wave > 0) {
            area += part * f64::from(wave.saturating_sub(self.options.waves_done));
            worth += part;
        }
        (area, worth)
    }

    fn summary(&mut self, plan: &Plan) {
        let (area, worth) = self.area();
        let waves = plan.waves.len();
        // What an earlier plan excuses is counted apart.
        let planned_before = |wave: &&Wave| {
            let mut causes = wave.exceptions.iter().map(|exception| &exception.because);
            causes.all(|cause| *cause == ExceptionCause::PlannedBefore)
        };
        let (tolerated, exceptions): (Vec<&Wave>, Vec<&Wave>) = plan
            .waves
            .iter()
            .filter(|wave| !wave.exceptions.is_empty())
            .partition(planned_before);
        let moved = self.standing.members.values().map(Vec::len).sum::<usize>();
        let inverted = self.graph.calls.iter().filter(|call| {
            let caller = self.standing.wave[call.caller].filter(|wave| *wave > 0);
            let callee = self.standing.wave[call.callee];
            caller.is_some_and(|caller| callee.is_none_or(|callee| caller < callee))
        });
        let inverted: f64 = inverted.map(|call| call.rate).sum();
        let stated = plan.summary;
        let mean = if worth > 0.0 { area / worth } else { 0.0 };
        let cost = self.options.weights.wave * waves as f64;
        let right = [
            ("schema", plan.schema == SCHEMA),
            ("services", stated.services == self.graph.count()),
            ("planned", stated.planned == moved),
            ("waves", stated.waves == waves),
            ("exceptions", stated.exceptions == exceptions.len()),
            ("tolerated", stated.tolerated == tolerated.len()),
            ("area", close(stated.area, area)),
            ("objective", close(stated.objective, area + cost)),
            ("mean_wave", close(stated.mean_wave, mean)),
            (
                "caller_first",
                close(stated.caller_first, self.graph.share_of_calls(inverted)),
            ),
        ];
        for (field, _) in right.into_iter().filter(|(_, is_right)| !is_right) {
            let text = format!("`{field}` is not what the waves come to");
            self.say(ViolationCode::Summary, None, &[], text);
        }
    }

    /// An exception may beat a bound; nothing else may.
    fn bounds(&mut self, plan: &Plan) {
        if plan.waves.iter().any(|wave| !wave.exceptions.is_empty()) {
            return;
        }
        let (bounds, stated) = (plan.bounds, plan.summary);
        let above = |bound: f64, value: f64| bound > value + CLOSE * value.abs().max(1.0);
        let broken = [
            ("waves", bounds.waves > plan.waves.len()),
            ("area", above(bounds.area, stated.area)),
            ("objective", above(bounds.objective, stated.objective)),
        ];
        for (field, _) in broken.into_iter().filter(|(_, is_broken)| *is_broken) {
            let text = format!("the bound on `{field}` is above the plan");
            self.say(ViolationCode::Bound, None, &[], text);
        }
    }

    fn traffic(&mut self, plan: &Plan) {
        let graph = &self.graph;
        let stated = plan.traffic;
        let right = [
            ("entry", close(stated.entry, graph.origin.iter().sum())),
            ("by_services", close(stated.by_services, graph.by_services)),
            ("all", close(stated.all, graph.all)),
            (
                "to_outside",
                close(stated.to_outside, graph.share_of_all(graph.to_outside)),
            ),
        ];
        for (field, _) in right.into_iter().filter(|(_, is_right)| !is_right) {
            let text = format!("`traffic.{field}` is not what the graph says");
            self.say(ViolationCode::Summary, None, &[], text);
        }
    }

    /// Who is in, who never is, why, and who cannot refuse plaintext because of that.
    fn left_out(&mut self, plan: &Plan) {
        let graph = &self.graph;
        let services = 0..graph.count();
        let done = services
            .clone()
            .filter(|s| graph.is_done(*s))
            .map(|s| graph.ids[s]);
        let done_right = done.eq(plan.done.iter().map(String::as_str));
        let never: Vec<usize> = services
            .filter(|s| !graph.is_done(*s) && !graph.moves(*s))
            .collect();
        let mut stated: BTreeMap<&str, _> = plan
            .unplanned
            .iter()
            .map(|u| (u.service.as_str(), u))
            .collect();
        let mut right = stated.len() == plan.unplanned.len();
        for service in never {
            right &= stated.remove(graph.ids[service]).is_some_and(|stated| {
                let lost: BTreeSet<&str> = stated.strict_lost.iter().map(String::as_str).collect();
                stated.blockers == self.blockers(service) && lost == self.strict_lost(service)
            });
        }
        let right = [
            ("done", done_right),
            ("unplanned", right && stated.is_empty()),
        ];
        for (field, _) in right.into_iter().filter(|(_, is_right)| !is_right) {
            let text = format!("`{field}` is not what the status of the services says");
            self.say(ViolationCode::Summary, None, &[], text);
        }
    }

    fn blockers(&self, service: usize) -> Vec<&str> {
        let known = self.graph.services[service];
        let hazards = known
            .hazards
            .iter()
            .filter(|_| known.status != Status::Done);
        let blocking = hazards.filter(|hazard| hazard.severity == Severity::Blocker);
        blocking.map(|hazard| hazard.code.as_str()).collect()
    }

    fn strict_lost(&self, service: usize) -> BTreeSet<&str> {
        let calls = self.graph.outgoing[service].iter();
        let callees = calls.map(|call| self.graph.calls[*call].callee);
        let lost = callees.filter(|callee| self.standing.wave[*callee].is_some());
        lost.map(|callee| self.graph.ids[callee]).collect()
    }

    fn inverted(&self) -> BTreeMap<(&str, &str), (u32, Option<u32>)> {
        let mut inverted = BTreeMap::new();
        for call in &self.graph.calls {
            let (caller, callee) = (
                self.standing.wave[call.caller],
                self.standing.wave[call.callee],
            );
            if let Some(wave) = caller.filter(|wave| *wave > 0)
                && callee.is_none_or(|callee| wave < callee)
            {
                let ids = (self.graph.ids[call.caller], self.graph.ids[call.callee]);
                inverted.insert(ids, (wave, callee));
            }
        }
        inverted
    }
}
