//! Where the rollout really is: an earlier plan against who is in the mesh today, on the traffic of today.
//!
//! ```text
//! Plan (promised) + PlanInput (fresh rates, statuses of today) + Due -> Progress
//! ```
//! Three points are kept apart, because mixing them hides what went wrong: what the plan promised (on the traffic it was made
//! from), what its waves would give on the traffic of today, and what is really in force. The first and the second differ when the
//! graph changed, the second and the third when services are not where they should be. It judges coverage and nothing else:
//! whether a canary passed, or an incident is open, is not in any trace. It decides nothing about the next plan.

use std::collections::{BTreeMap, BTreeSet};

use super::curves;
use super::dag::Dag;
use super::dates::WaveDates;
use super::input::{PlanInput, Status};
use super::load;
use super::model::Model;
use super::outcome::{CurvePoint, Curves, Plan};
use super::value::Place;

mod model;
#[cfg(test)]
mod tests;

pub use model::{
    CurveName, Due, Gate, Missing, PROGRESS_SCHEMA, PlanSays, Progress, Shortfall, Unexpected,
    WaveProgress, WaveState,
};

/// Share by which protection may lag behind the plan before the next wave has to wait.
const TOLERANCE: f64 = 0.05;

/// Compares a plan with the services that `input` says are in, on the traffic of `input`.
///
/// The plan may come from a file that somebody edited: a service that stands in it twice counts where it stands first, and no
/// number of it is trusted but the promised shares. Cost: O(waves that have begun * edges).
#[must_use]
pub fn progress(plan: &Plan, input: &PlanInput, due: Due) -> Progress {
    let promised = Promised::new(plan);
    let view = View::new(plan, input);
    let (due, over) = due_waves(plan, &promised, input, due);
    let planned = point_after(plan, over);
    let expected = view.point(over, |id, _| promised.place(id));
    let actual = view.point(
        over,
        |_, is_in| {
            if is_in { Place::In(0) } else { Place::Never }
        },
    );
    let planned = planned.unwrap_or(expected);
    let gate = gate(plan, over, &planned.curves, &actual.curves);
    let missing = missing(&promised, input, over);
    let services_in = input.services.values().filter(|s| s.status == Status::Done);
    let services = promised.wave_of.keys().chain(&promised.done);
    let gone: BTreeSet<&str> = services
        .filter(|id| !input.services.contains_key(**id))
        .copied()
        .collect();
    Progress {
        schema: PROGRESS_SCHEMA.to_owned(),
        mesh: plan.mesh.clone(),
        plan_window: plan.window,
        window: input.window,
        due,
        over,
        services: input.services.len(),
        services_in: services_in.count(),
        planned,
        expected,
        actual,
        waves: waves(plan, &promised, &view, over),
        is_behind: !missing.is_empty() || !gate.is_open,
        missing,
        unexpected: unexpected(plan, &promised, input, over),
        gone: gone.into_iter().map(str::to_owned).collect(),
        gate,
        contradictions: Vec::new(),
    }
}

/// What a plan says of each service.
struct Promised<'a> {
    wave_of: BTreeMap<&'a str, u32>,
    done: BTreeSet<&'a str>,
    unplanned: BTreeSet<&'a str>,
    /// Waves with their services, in order of their numbers.
    waves: BTreeMap<u32, Vec<&'a str>>,
}

impl<'a> Promised<'a> {
    fn new(plan: &'a Plan) -> Self {
        let mut promised = Self {
            wave_of: BTreeMap::new(),
            done: plan.done.iter().map(String::as_str).collect(),
            unplanned: plan.unplanned.iter().map(|u| u.service.as_str()).collect(),
            waves: BTreeMap::new(),
        };
        for wave in &plan.waves {
            let members = promised.waves.entry(wave.wave).or_default();
            for service in &wave.services {
                let id = service.service.as_str();
                let is_new = !promised.done.contains(id) && !promised.wave_of.contains_key(id);
                if is_new {
                    promised.wave_of.insert(id, wave.wave);
                    members.push(id);
                }
            }
        }
        promised
    }

    fn place(&self, id: &str) -> Place {
        if self.done.contains(id) {
            return Place::In(0);
        }
        let wave = self.wave_of.get(id);
        wave.map_or(Place::Never, |wave| Place::In(*wave))
    }
}

/// The graph of today, ready for shares under any assignment.
struct View<'a> {
    input: &'a PlanInput,
    model: Model,
    exposure: Vec<f64>,
}

impl<'a> View<'a> {
    fn new(plan: &Plan, input: &'a PlanInput) -> Self {
        let model = Model::new(input);
        let dag = Dag::new(&model);
        let amplification = load::amplification(&model, &dag, plan.options.assumed_attempts);
        let exposure = load::exposure(&model, &amplification);
        Self {
            input,
            model,
            exposure,
        }
    }

    fn is_in(&self, id: &str) -> bool {
        is_in(self.input, id)
    }

    /// The shares after a wave when every service stands where `place` says, given its id and whether it is in today.
    fn point(&self, wave: u32, place: impl Fn(&str, bool) -> Place) -> CurvePoint {
        let ids = self.model.ids.iter();
        let places: Vec<Place> = ids.map(|id| place(id, self.is_in(id))).collect();
        let strict = curves::strictness(&self.model, &places);
        let points = curves::curves(
            &self.model,
            &places,
            (&strict, &self.exposure),
            (wave, wave),
        );
        points
            .first()
            .copied()
            .expect("a run from a wave to itself has one point")
    }
}

fn is_in(input: &PlanInput, id: &str) -> bool {
    let service = input.services.get(id);
    service.is_some_and(|service| service.status == Status::Done)
}

/// Waves that change at the same time, at most.
fn in_flight(plan: &Plan) -> u32 {
    let in_flight = plan.options.in_flight;
    in_flight.ramp.max(in_flight.after).max(1)
}

fn due_waves(plan: &Plan, promised: &Promised<'_>, input: &PlanInput, due: Due) -> (Due, u32) {
    match (due, &plan.calendar) {
        (Due::Waves { over }, _) => (due, over),
        (Due::Calendar { today }, Some(calendar)) => {
            let over = calendar.waves.iter().filter(|wave| wave.flips <= today);
            let over = over.map(|wave| wave.wave).max();
            (due, over.unwrap_or(plan.options.waves_done))
        }
        (Due::Status | Due::Calendar { .. }, _) => {
            (Due::Status, over_by_status(plan, promised, input))
        }
    }
}

fn over_by_status(plan: &Plan, promised: &Promised<'_>, input: &PlanInput) -> u32 {
    let mut complete = plan.options.waves_done;
    let mut begun = 0;
    let mut is_unbroken = true;
    for (wave, members) in &promised.waves {
        let joined = members.iter().filter(|id| is_in(input, id)).count();
        is_unbroken &= joined == members.len();
        if is_unbroken && joined > 0 {
            complete = complete.max(*wave);
        }
        if joined > 0 && joined * 2 >= members.len() {
            begun = *wave;
        }
    }
    complete.max(begun.saturating_sub(in_flight(plan)))
}

/// The promised shares after a wave: those of the last wave up to it.
fn point_after(plan: &Plan, wave: u32) -> Option<CurvePoint> {
    let until = plan.curves.iter().filter(|point| point.wave <= wave);
    until.max_by_key(|point| point.wave).copied()
}

fn gate(plan: &Plan, over: u32, planned: &Curves, actual: &Curves) -> Gate {
    let short = CurveName::ALL.into_iter().filter_map(|curve| {
        let (planned, actual) = (curve.of(planned), curve.of(actual));
        let shortfall = Shortfall {
            curve,
            planned,
            actual,
        };
        (planned - actual > TOLERANCE).then_some(shortfall)
    });
    let short: Vec<Shortfall> = short.collect();
    let later = plan.waves.iter().map(|wave| wave.wave);
    Gate {
        wave: later.filter(|wave| *wave > over).min(),
        is_open: short.is_empty(),
        tolerance: TOLERANCE,
        short,
    }
}

fn missing(promised: &Promised<'_>, input: &PlanInput, over: u32) -> Vec<Missing> {
    let done = promised.done.iter().map(|id| (*id, 0));
    let due = promised.wave_of.iter().map(|(id, wave)| (*id, *wave));
    let due = done.chain(due).filter(|(_, wave)| *wave <= over);
    let mut missing: Vec<Missing> = due
        .filter_map(|(id, wave)| {
            let status = input.services.get(id)?.status;
            (status != Status::Done).then(|| Missing {
                wave,
                service: id.to_owned(),
                status,
            })
        })
        .collect();
    missing.sort();
    missing
}

fn unexpected(
    plan: &Plan,
    promised: &Promised<'_>,
    input: &PlanInput,
    over: u32,
) -> Vec<Unexpected> {
    let allowed = over.saturating_add(in_flight(plan));
    let joined = input
        .services
        .iter()
        .filter(|(_, s)| s.status == Status::Done);
    joined
        .filter_map(|(id, _)| {
            let plan = match promised.place(id) {
                Place::In(wave) if wave <= allowed => return None,
                Place::In(wave) => PlanSays::Wave { wave },
                _ if promised.unplanned.contains(id.as_str()) => PlanSays::Unplanned,
                _ => PlanSays::Nothing,
            };
            let service = id.clone();
            Some(Unexpected { service, plan })
        })
        .collect()
}

fn waves(plan: &Plan, promised: &Promised<'_>, view: &View<'_>, over: u32) -> Vec<WaveProgress> {
    let dates = plan.calendar.iter().flat_map(|calendar| &calendar.waves);
    let dates: BTreeMap<u32, &WaveDates> = dates.map(|dates| (dates.wave, dates)).collect();
    let wave_progress = |(wave, members): (&u32, &Vec<&str>)| {
        let joined = members.iter().filter(|id| view.is_in(id)).count();
        let state = state(*wave <= over, joined, members.len());
        let place = |id: &str, is_in: bool| match promised.place(id) {
            place if is_in => place,
            _ => Place::Never,
        };
        let actual = (state != WaveState::Waiting).then(|| view.point(*wave, place).curves);
        WaveProgress {
            wave: *wave,
            state,
            dates: dates.get(wave).copied().cloned(),
            services: members.len(),
            services_in: joined,
            planned: point_after(plan, *wave).map_or_else(Curves::default, |point| point.curves),
            actual,
        }
    };
    promised.waves.iter().map(wave_progress).collect()
}

const fn state(is_due: bool, joined: usize, members: usize) -> WaveState {
    match (is_due, joined) {
        (true, _) if joined == members => WaveState::Over,
        (true, _) => WaveState::Late,
        (false, 0) => WaveState::Waiting,
        (false, _) if joined == members => WaveState::Ahead,
        (false, _) => WaveState::Started,
    }
}
