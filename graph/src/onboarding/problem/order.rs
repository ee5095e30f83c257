//! What has to come before what: pins, and the calls of a hard order as far as they make no circle.
//!
//! A hard order keeps every arc of the graph without cycles, unless services that are pinned together turn arcs around them into a
//! circle. What it does not keep is listed in [`Problem::broken`]. Pins that make a circle contradict each other.

use std::collections::BTreeSet;

use super::super::dag::{Dag, TopologicalOrder};
use super::super::model::total;
use super::super::options::Order;
use super::super::value::Place;
use super::conflicts::{self, PlanError};
use super::{Problem, StrictSet};

impl Problem<'_> {
    /// # Errors
    /// Pins ask for a circle.
    pub(super) fn precede(&mut self, dag: &Dag) -> Result<(), PlanError> {
        let all: Vec<usize> = (0..self.items.len()).collect();
        let mut order = TopologicalOrder::new(&all);
        let mut before = vec![BTreeSet::new(); self.items.len()];
        for (number, (first, then)) in self.options.groups.before.iter().enumerate() {
            let ends = (self.item_named(first), self.item_named(then));
            let (Some(first), Some(then)) = ends else {
                continue;
            };
            if first == then || !order.add(first, then) {
                return Err(conflicts::circle(self, number));
            }
            before[then].insert(first);
        }
        for number in self.hard_arcs() {
            let arc = self.model.arcs[number];
            let ends = (self.item_of[arc.caller], self.item_of[arc.callee]);
            let (Some(caller), Some(callee)) = ends else {
                continue;
            };
            let (first, then) = match self.options.hard_order() {
                Order::CalleeFirst => (callee, caller),
                Order::Soft | Order::CallerFirst => (caller, callee),
            };
            if first == then {
                continue;
            }
            if dag.kept[number] && order.add(first, then) {
                before[then].insert(first);
            } else {
                self.broken.push(number);
            }
        }
        self.broken.sort_unstable();
        self.order = order.nodes();
        for (item, before) in before.iter().enumerate() {
            for first in before {
                self.items[*first].after.push(item);
            }
            self.items[item].before = before.iter().copied().collect();
        }
        self.chains();
        Ok(())
    }

    /// Arcs of a hard order, the heaviest first.
    fn hard_arcs(&self) -> Vec<usize> {
        if self.options.hard_order() == Order::Soft {
            return Vec::new();
        }
        let mut arcs: Vec<usize> = (0..self.model.arcs.len()).collect();
        let rate = |arc: usize| self.model.arcs[arc].calls.rate;
        arcs.sort_by(|a, b| rate(*b).total_cmp(&rate(*a)));
        arcs
    }

    fn chains(&mut self) {
        for item in self.order.clone() {
            let before = self.items[item].before.iter();
            let lead = before.map(|first| self.items[*first].lead + 1).max();
            self.items[item].lead = lead.unwrap_or(0);
        }
        for item in self.order.clone().into_iter().rev() {
            let after = self.items[item].after.iter();
            let chain = after.map(|later| self.items[*later].chain + 1).max();
            self.items[item].chain = chain.unwrap_or(1);
        }
    }

    /// Levels of the call graph, and what strictness needs.
    pub(super) fn survey(&mut self, dag: &Dag) {
        let model = self.model;
        let mut above = vec![0_u32; model.ids.len()];
        for service in &dag.order {
            for number in &model.outgoing[*service] {
                let callee = model.arcs[*number].callee;
                if dag.kept[*number] {
                    above[callee] = above[callee].max(above[*service] + 1);
                }
            }
        }
        let mut below = vec![0_u32; model.ids.len()];
        for service in dag.order.iter().rev() {
            for number in &model.outgoing[*service] {
                let callee = model.arcs[*number].callee;
                if dag.kept[*number] {
                    below[*service] = below[*service].max(below[callee] + 1);
                }
            }
        }
        for item in &mut self.items {
            let most = |levels: &[u32]| item.members.iter().map(|s| levels[*s]).max().unwrap_or(0);
            item.levels = (most(&below), most(&above));
        }
        let services = 0..model.ids.len();
        self.strict_sets = services.filter_map(|s| self.strict_set(s)).collect();
        let all = total(self.strict_sets.iter().map(|set| set.share));
        self.sets_of = vec![Vec::new(); self.items.len()];
        for (number, set) in self.strict_sets.iter_mut().enumerate() {
            set.share /= all;
            for item in &set.items {
                self.sets_of[*item].push(number);
            }
        }
    }

    fn strict_set(&self, service: usize) -> Option<StrictSet> {
        let known = &self.model.services[service];
        let is_known = known.entry_rate <= 0.0
            && known.orphans == 0
            && self.model.outside_callers[service].is_empty();
        let arcs = self.model.incoming[service].iter();
        let callers = arcs.map(|arc| self.model.arcs[*arc].caller);
        let services: Vec<usize> = callers.chain([service]).collect();
        let share = self.model.share_of_calls(self.model.in_rate[service]);
        if !is_known || share <= 0.0 || services.iter().any(|s| self.places[*s] == Place::Never) {
            return None;
        }
        let items: BTreeSet<usize> = services.iter().filter_map(|s| self.item_of[*s]).collect();
        let items = items.into_iter().collect();
        Some(StrictSet { items, share })
    }
}
