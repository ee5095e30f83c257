//! From services to items, with everything that the search asks about them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::dag::Dag;
use super::super::dates::{Freeze, Timetable};
use super::super::input::PlanService;
use super::super::value::Place;
use super::{Item, Problem, Rank, summed};

impl Problem<'_> {
    /// Puts together what moves in one piece: pins say so, or the mesh has no permissive mode and services call each other in a
    /// circle.
    pub(super) fn group(&mut self, dag: &Dag) {
        let mut sets = Sets::new(self.places.len());
        for group in &self.options.groups.together {
            let services: Vec<usize> = group.iter().filter_map(|id| self.mover(id)).collect();
            for pair in services.windows(2) {
                sets.join(pair[0], pair[1]);
            }
        }
        if self.has_atomic_circles() {
            for component in &dag.components {
                let mut movers = component.iter().filter(|service| self.moves(**service));
                if let Some(first) = movers.next() {
                    movers.for_each(|other| sets.join(*first, *other));
                }
            }
        }
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for service in (0..self.places.len()).filter(|service| self.moves(*service)) {
            members.entry(sets.root(service)).or_default().push(service);
        }
        let mut members: Vec<Vec<usize>> = members.into_values().collect();
        members.sort();
        for (number, members) in members.into_iter().enumerate() {
            for service in &members {
                self.item_of[*service] = Some(number);
            }
            let item = self.item(members);
            self.items.push(item);
        }
    }

    fn moves(&self, service: usize) -> bool {
        self.places[service] == Place::Pending
    }

    /// Number of a service that moves.
    pub(super) fn mover(&self, id: &str) -> Option<usize> {
        let service = self.model.index(id)?;
        self.moves(service).then_some(service)
    }

    /// Item of a service that moves.
    pub(super) fn item_named(&self, id: &str) -> Option<usize> {
        self.item_of[self.mover(id)?]
    }

    fn item(&self, members: Vec<usize>) -> Item {
        let services = || members.iter().map(|s| &self.model.services[*s]);
        let team = |service: &PlanService| {
            let name = service.team.as_deref()?;
            self.teams.binary_search(&name).ok()
        };
        let mut efforts: BTreeMap<usize, u32> = BTreeMap::new();
        for service in services() {
            if let Some(team) = team(service) {
                let sum = efforts.entry(team).or_default();
                *sum = sum.saturating_add(service.effort.max(1));
            }
        }
        let risk = members.iter().map(|s| self.risks[*s]).fold(0.0, f64::max);
        Item {
            touched: self.model.touched_by(&members),
            risk,
            teams: efforts.into_iter().collect(),
            neighbours: Vec::new(),
            apart: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            window: (self.first_wave(), u32::MAX),
            frozen: Vec::new(),
            rank: rank(services()),
            worth: 0.0,
            bonds: Vec::new(),
            callers: self.callers(&members),
            levels: (0, 0),
            lead: 0,
            chain: 1,
            members,
        }
    }

    fn callers(&self, members: &[usize]) -> usize {
        let arcs = members.iter().flat_map(|s| &self.model.incoming[*s]);
        let callers: BTreeSet<usize> = arcs.map(|arc| self.model.arcs[*arc].caller).collect();
        let outside = members.iter().map(|s| self.model.outside_callers[*s].len());
        callers.len() + outside.sum::<usize>()
    }

    /// Neighbours and pairs apart.
    pub(super) fn connect(&mut self) {
        let mut neighbours = vec![BTreeSet::new(); self.items.len()];
        for arc in &self.model.arcs {
            let ends = (self.item_of[arc.caller], self.item_of[arc.callee]);
            let (Some(caller), Some(callee)) = ends else {
                continue;
            };
            let share = self.model.share_of_calls(arc.calls.rate);
            if caller != callee && share >= self.options.adjacent_share {
                neighbours[caller].insert(callee);
                neighbours[callee].insert(caller);
            }
        }
        let lists = neighbours.into_iter().zip(self.apart());
        for (item, (neighbours, apart)) in self.items.iter_mut().zip(lists) {
            item.neighbours = neighbours.into_iter().collect();
            item.apart = apart.into_iter().collect();
        }
    }

    fn apart(&self) -> Vec<BTreeSet<usize>> {
        let mut apart = vec![BTreeSet::new(); self.items.len()];
        for group in &self.options.groups.apart {
            let items: BTreeSet<usize> =
                group.iter().filter_map(|id| self.item_named(id)).collect();
            for item in &items {
                apart[*item].extend(items.iter().filter(|other| *other != item));
            }
        }
        apart
    }

    /// Waves that freezes take from items.
    pub(super) fn freeze(&mut self, dates: &Timetable) {
        for number in 0..self.items.len() {
            self.items[number].frozen = self.frozen(number, dates);
        }
    }

    fn frozen(&self, number: usize, dates: &Timetable) -> Vec<(usize, u32, u32)> {
        let holds = |freeze: &Freeze| {
            let mut members = self.items[number].members.iter();
            members.any(|service| {
                let team = self.model.services[*service].team.as_ref();
                let id = &self.model.ids[*service];
                freeze.services.contains(id) || team.is_some_and(|team| freeze.teams.contains(team))
            })
        };
        let freezes = self.options.freezes.iter().enumerate();
        let mut frozen = Vec::new();
        for (index, freeze) in freezes.filter(|(_, freeze)| holds(freeze)) {
            let waves = dates.frozen(freeze).into_iter();
            frozen.extend(waves.map(|(from, to)| (index, from, to)));
        }
        frozen
    }

    /// Worth of the items and of the calls between them.
    pub(super) fn weigh(&mut self) {
        let mut worth: Vec<f64> = self.items.iter().map(|_| 0.0).collect();
        for (number, item) in self.items.iter().enumerate() {
            worth[number] = item.members.iter().map(|s| self.value.own(*s)).sum();
        }
        let mut bonds = vec![Vec::new(); self.items.len()];
        for (number, arc) in self.model.arcs.iter().enumerate() {
            let both = self.value.both(number);
            let ends = [arc.caller, arc.callee].map(|end| (self.item_of[end], self.places[end]));
            match ends {
                [(Some(a), _), (Some(b), _)] if a != b => {
                    bonds[a].push((b, both));
                    bonds[b].push((a, both));
                }
                [(Some(a), _), (Some(_), _)] => worth[a] += both,
                [(Some(a), _), (None, Place::In(_))] | [(None, Place::In(_)), (Some(a), _)] => {
                    worth[a] += both;
                }
                _ => {}
            }
        }
        for ((item, worth), bonds) in self.items.iter_mut().zip(worth).zip(bonds) {
            item.worth = worth;
            item.bonds = summed(bonds.into_iter());
        }
    }
}

/// One that is pinned first and one that is pinned last contradict each other; that is found elsewhere.
fn rank<'a>(mut services: impl Iterator<Item = &'a PlanService> + Clone) -> Rank {
    if services.clone().any(|service| service.pins.first) {
        Rank::First
    } else if services.any(|service| service.pins.last) {
        Rank::Last
    } else {
        Rank::Middle
    }
}

/// Sets that are joined: the smallest member names its set.
struct Sets(Vec<usize>);

impl Sets {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn root(&mut self, mut of: usize) -> usize {
        while self.0[of] != of {
            self.0[of] = self.0[self.0[of]];
            of = self.0[of];
        }
        of
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
