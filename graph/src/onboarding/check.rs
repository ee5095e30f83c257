//! An independent judge: does a plan keep what it promises?
//!
//! ```text
//! PlanInput -> Graph (read anew) ----------\
//! Plan -> waves by service -> Standing ------> Judge -> caps, rules, order, dates, flips, curves, head -> violations
//!     \-> arcs that were cut -> Flow (risk) /
//! ```
//! Everything is recomputed from the input, the options and the waves in the plainest way, without the code that made the plan. It serves
//! the tests, and anyone who edits a plan by hand: [`check`] judges a plan with every number in it, [`revalidate`] waves alone,
//! [`check_moves`] a plan against the one before. A plan is a file that people edit: wave numbers, names and lists of any kind make
//! violations, no panic and no endless loop. It repairs nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::dag::Dag;
use super::dates::{Calendar, Timetable, WaveDates};
use super::input::PlanInput;
use super::model::Model;
use super::options::PlanOptions;
use super::outcome::{ExceptionCause, LimitName, Plan, Wave};
use super::problem::MAX_PINNED_WAVE;

mod calendar;
mod caps;
mod curves;
mod facts;
mod flips;
mod graph;
mod head;
mod moves;
mod pieces;
mod propagation;
mod rules;
mod standing;
mod violation;

pub use moves::check_moves;
pub use violation::{Violation, ViolationCode};

use self::graph::Graph;
use self::propagation::Flow;
use self::standing::Standing;

/// Largest difference that counts as equal, for values around 1.
const CLOSE: f64 = 1e-9;

/// All violations of `plan`, sorted; none for every plan made by [`plan`](super::plan()) from the same input.
///
/// It takes the options and the arcs that break circles from the plan; those arcs are judged as well. O((services + edges) log) for a
/// plan without exceptions, and one look at every service more for each wave that has one.
#[must_use]
pub fn check(input: &PlanInput, plan: &Plan) -> Vec<Violation> {
    let graph = Graph::new(input);
    let options = plan.options.effective();
    let mut found = BTreeSet::new();
    let waves = numbered((&graph, &options), plan, &mut found);
    let piece = pieces::pieces(&graph, &options);
    let broken = propagation::numbers(&graph, &plan.broken_arcs);
    let order = pieces::but_for(&graph, &options, &broken);
    let cut = propagation::numbers(&graph, &plan.cut_arcs);
    let flow = Flow::new(&graph, &cut, options.assumed_attempts);
    let timetable = timetable(&options, &waves);
    let planned = plan.calendar.iter().flat_map(|calendar| &calendar.waves);
    let dates = timetable.iter().flat_map(|calendar| &calendar.waves);
    let dates: BTreeMap<u32, &WaveDates> = dates
        .chain(planned)
        .map(|dates| (dates.wave, dates))
        .collect();
    let pairs = pieces::pinned(&graph, &options).into_iter();
    let pairs = pairs.chain(order.iter().copied());
    let standing = Standing::new((&graph, &options), (waves, piece), pairs, &dates);
    let mut judge = Judge::new(
        (graph, &options, Some(plan)),
        standing,
        dates,
        flow.as_ref(),
    );
    judge.found = found;
    judge.tolerated = planned_before(plan);
    judge.assignment(&order);
    judge.arcs(plan, flow.is_some());
    judge.broken_arcs(plan);
    judge.stated(plan, flow.as_ref());
    judge.curves(plan);
    judge.flips(plan);
    judge.head(plan);
    match &plan.calendar {
        Some(calendar) => judge.calendar(plan, calendar),
        None if timetable.is_some() && !plan.waves.is_empty() => {
            let text = "there is a first day, and no calendar".to_owned();
            judge.say(ViolationCode::Dates, None, &[], text);
        }
        None => {}
    }
    judge.found.into_iter().collect()
}

/// All violations of waves alone (by node id), sorted: what a plan that people edited comes to, whatever numbers stand beside it.
///
/// A limit may be broken where the planner would be allowed to: for what is pinned there, for what is larger than a limit in one
/// piece, and for one piece alone when no other could have joined. Inside a circle of calls no order is asked for.
#[must_use]
pub fn revalidate(
    input: &PlanInput,
    options: &PlanOptions,
    assignment: &BTreeMap<String, u32>,
) -> Vec<Violation> {
    revalidate_repair(input, options, assignment, &BTreeSet::new())
}

/// As [`revalidate`], with waves that may be above their limits by the tolerance of the options: those that [`planned_before`] names.
#[must_use]
pub fn revalidate_repair(
    input: &PlanInput,
    options: &PlanOptions,
    assignment: &BTreeMap<String, u32>,
    planned_before: &BTreeSet<u32>,
) -> Vec<Violation> {
    let options = &options.effective();
    let graph = Graph::new(input);
    let mut found = BTreeSet::new();
    let entries = assignment
        .iter()
        .map(|(service, wave)| (service.as_str(), *wave));
    let waves = assigned(&graph, options, entries, &mut found);
    let piece = pieces::pieces(&graph, options);
    let circle = pieces::ordered_circles(&graph, options, &piece);
    let mut order = pieces::ordered(&graph, options);
    order.retain(|(first, then)| circle[*first] != circle[*then] || waves[*first] < waves[*then]);
    let model = Model::new(input);
    let dag = Dag::new(&model);
    let ends = |arc: &usize| (model.arcs[*arc].caller, model.arcs[*arc].callee);
    let cut: BTreeSet<(usize, usize)> = dag.cut.iter().map(ends).collect();
    let numbers = graph.calls.iter().enumerate();
    let cut = numbers.filter(|(_, call)| cut.contains(&(call.caller, call.callee)));
    let cut: BTreeSet<usize> = cut.map(|(number, _)| number).collect();
    let flow = Flow::new(&graph, &cut, options.assumed_attempts);
    let timetable = timetable(options, &waves);
    let dates = timetable.iter().flat_map(|calendar| &calendar.waves);
    let dates: BTreeMap<u32, &WaveDates> = dates.map(|dates| (dates.wave, dates)).collect();
    let pairs = pieces::pinned(&graph, options).into_iter();
    let pairs = pairs.chain(order.iter().copied());
    let standing = Standing::new((&graph, options), (waves, piece), pairs, &dates);
    let mut judge = Judge::new((graph, options, None), standing, dates, flow.as_ref());
    judge.found = found;
    judge.tolerated.clone_from(planned_before);
    judge.assignment(&order);
    judge.found.into_iter().collect()
}

/// Waves of a repaired plan that it says are above a limit only because they were planned before the numbers moved.
#[must_use]
pub fn planned_before(plan: &Plan) -> BTreeSet<u32> {
    let waves = plan.waves.iter().filter(|wave| {
        let mut exceptions = wave.exceptions.iter();
        plan.replan.is_some() && exceptions.any(|e| e.because == ExceptionCause::PlannedBefore)
    });
    waves.map(|wave| wave.wave).collect()
}

/// Wave of every service that a plan moves, for [`revalidate`]: where a service is in several waves, the first one counts.
#[must_use]
pub fn assignment(plan: &Plan) -> BTreeMap<String, u32> {
    let mut waves = BTreeMap::new();
    for wave in &plan.waves {
        for service in &wave.services {
            waves.entry(service.service.clone()).or_insert(wave.wave);
        }
    }
    waves
}

/// Waves of a plan by service, and whether they are numbered as they should be.
fn numbered(
    (graph, options): (&Graph<'_>, &PlanOptions),
    plan: &Plan,
    found: &mut BTreeSet<Violation>,
) -> Vec<Option<u32>> {
    let first = options.waves_done.saturating_add(1);
    for (expected, wave) in (first..=u32::MAX).zip(&plan.waves) {
        if wave.wave != expected {
            found.insert(Violation {
                wave: Some(wave.wave),
                code: ViolationCode::WaveNumbers,
                services: Vec::new(),
                found: format!("stands where wave {expected} should be"),
            });
        }
    }
    let entries = plan.waves.iter().flat_map(|wave| {
        let services = wave.services.iter();
        services.map(|service| (service.service.as_str(), wave.wave))
    });
    assigned(graph, options, entries, found)
}

/// By service: 0 when it is in, the first wave that moves it, none when nothing does.
fn assigned<'a>(
    graph: &Graph<'_>,
    options: &PlanOptions,
    entries: impl Iterator<Item = (&'a str, u32)>,
    found: &mut BTreeSet<Violation>,
) -> Vec<Option<u32>> {
    let done = (0..graph.count()).map(|service| graph.is_done(service).then_some(0));
    let mut waves: Vec<Option<u32>> = done.collect();
    let mut say = |code, wave, service: &str, text: &str| {
        found.insert(Violation {
            wave: Some(wave),
            code,
            services: vec![service.to_owned()],
            found: text.to_owned(),
        });
    };
    for (service, wave) in entries {
        let Some(number) = graph.number(service).filter(|s| graph.moves(*s)) else {
            say(ViolationCode::MustNotMove, wave, service, "must not move");
            continue;
        };
        if wave <= options.waves_done {
            let text = "joins in a wave that is over";
            say(ViolationCode::WaveNumbers, wave, service, text);
        }
        match waves[number] {
            Some(_) => say(
                ViolationCode::NotOnce,
                wave,
                service,
                "is in another wave already",
            ),
            // Wave 0 would read as being in.
            None => waves[number] = Some(wave.max(1)),
        }
    }
    waves
}

/// Dates of all waves in question, and of those that a pin can name: a plan has no dates of waves that it does not need.
fn timetable(options: &PlanOptions, waves: &[Option<u32>]) -> Option<Calendar> {
    let last = waves.iter().flatten().max().copied().unwrap_or(0);
    Timetable::new(options)?.calendar(last.max(MAX_PINNED_WAVE), &[])
}

/// Whether two numbers of a plan are the same but for rounding.
fn close(a: f64, b: f64) -> bool {
    let size = a.abs().max(b.abs()).max(1.0);
    (a - b).abs() <= CLOSE * size || (a.is_nan() && b.is_nan()) || a == b
}

/// Everything that the rules are asked with.
struct Judge<'a> {
    graph: Graph<'a>,
    options: &'a PlanOptions,
    /// None where waves are judged alone.
    plan: Option<&'a Plan>,
    standing: Standing,
    dates: BTreeMap<u32, &'a WaveDates>,
    in_scope: usize,
    /// By service.
    risks: Vec<f64>,
    criticality: Vec<f64>,
    exposure: Vec<f64>,
    strict_from: Vec<Option<u32>>,
    /// Waves in which services change at the same time as their neighbours.
    with_neighbours: BTreeSet<u32>,
    /// Those of which the plan says so.
    excused_neighbours: BTreeSet<u32>,
    /// Waves that may be above a limit by the tolerance, because they were planned before the numbers moved.
    tolerated: BTreeSet<u32>,
    found: BTreeSet<Violation>,
}

impl<'a> Judge<'a> {
    fn new(
        (graph, options, plan): (Graph<'a>, &'a PlanOptions, Option<&'a Plan>),
        standing: Standing,
        dates: BTreeMap<u32, &'a WaveDates>,
        flow: Option<&Flow>,
    ) -> Self {
        let count = graph.count();
        let of = |part: &dyn Fn(&Flow, usize) -> f64| -> Vec<f64> {
            let value = |service| flow.map_or(0.0, |flow| part(flow, service));
            (0..count).map(value).collect()
        };
        let stated = plan.iter().flat_map(|plan| &plan.waves);
        let adjacent = stated.filter(|wave| {
            let mut exceptions = wave.exceptions.iter();
            exceptions.any(|exception| exception.limit == LimitName::Adjacent)
        });
        Self {
            in_scope: graph.in_scope(),
            risks: of(&Flow::score),
            criticality: of(&|flow, service| flow.criticality[service]),
            exposure: of(&|flow, service| flow.exposure[service]),
            strict_from: curves::strict_from(&graph, &standing.wave),
            graph,
            options,
            plan,
            standing,
            dates,
            with_neighbours: BTreeSet::new(),
            excused_neighbours: adjacent.map(|wave| wave.wave).collect(),
            tolerated: BTreeSet::new(),
            found: BTreeSet::new(),
        }
    }

    fn say(&mut self, code: ViolationCode, wave: Option<u32>, services: &[usize], found: String) {
        let services = services
            .iter()
            .map(|service| self.graph.ids[*service].to_owned());
        self.found.insert(Violation {
            wave,
            code,
            services: services.collect(),
            found,
        });
    }

    /// What holds for waves whatever stands beside them.
    fn assignment(&mut self, order: &[(usize, usize)]) {
        for service in 0..self.graph.count() {
            let is_known = self.standing.wave[service].is_some();
            if self.graph.moves(service) && !is_known {
                let text = "is in no wave".to_owned();
                self.say(ViolationCode::NotOnce, None, &[service], text);
            }
        }
        self.pieces();
        self.groups();
        self.pins();
        self.ranks();
        self.order(order);
        self.adjacency();
        self.freezes();
        let stated = self.plan.iter().flat_map(|plan| &plan.waves);
        let stated: BTreeMap<u32, &Wave> = stated.map(|wave| (wave.wave, wave)).collect();
        let waves = std::mem::take(&mut self.standing.members);
        for (wave, members) in &waves {
            self.caps(*wave, members, stated.get(wave).copied());
        }
        let first = self.options.waves_done.saturating_add(1);
        self.gaps(first, waves.keys().copied());
        self.standing.members = waves;
    }
}
