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

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::curves;
use super::dag::Dag;
use super::dates::WaveDates;
use super::input::{PlanInput, Status};
use super::load;
use super::model::Model;
use super::outcome::{Contradiction, CurvePoint, Curves, Plan};
use super::value::Place;
use crate::snapshot::Window;

#[cfg(test)]
mod tests;

/// Value of the `schema` field.
pub const PROGRESS_SCHEMA: &str = "tracemesh.onboarding-progress/v1";

/// Share by which protection may lag behind the plan before the next wave has to wait.
const TOLERANCE: f64 = 0.05;

/// Which waves should be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Due {
    /// Up to this one, as somebody said.
    Waves {
        /// The last wave that is over.
        over: u32,
    },
    /// Those whose flips are not after this day. A plan without dates is judged by who is in.
    Calendar {
        /// The day.
        today: Date,
    },
    /// Those after which the work went on: every wave whose services are all in, and every wave so far behind the last one of which
    /// half is in that both cannot be in flight.
    Status,
}

/// A plan against what is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Always [`PROGRESS_SCHEMA`].
    pub schema: String,
    /// The mesh, where there are several.
    #[serde(default)]
    pub mesh: Option<String>,
    /// Window of the traces that the plan was made from.
    pub plan_window: Window,
    /// Window of the fresh traces.
    pub window: Window,
    /// How the number of waves that should be over was found.
    pub due: Due,
    /// The last wave that should be over; 0 before the first.
    pub over: u32,
    /// Services of the fresh graph, and how many of them are in.
    pub services: usize,
    /// Services that are in.
    pub services_in: usize,
    /// What the plan promised after that wave.
    pub planned: CurvePoint,
    /// What the same services would protect of the traffic of today.
    pub expected: CurvePoint,
    /// What the services that are in protect of the traffic of today.
    pub actual: CurvePoint,
    /// The waves of the plan, in order.
    pub waves: Vec<WaveProgress>,
    /// Services that should be in and are not.
    pub missing: Vec<Missing>,
    /// Services that are in and should not be yet, or not at all.
    pub unexpected: Vec<Unexpected>,
    /// Services of the plan that nobody sees any more.
    pub gone: Vec<String>,
    /// Whether coverage allows the next wave.
    pub gate: Gate,
    /// Whether a service is missing, or the gate is closed.
    pub is_behind: bool,
    /// Where what people, inventory and spans say of the status of a service differs.
    #[serde(default)]
    pub contradictions: Vec<Contradiction>,
}

/// How far a wave is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaveState {
    /// Should be over, and all of its services are in.
    Over,
    /// Should be over, and is not.
    Late,
    /// Some of its services are in, and it need not be over.
    Started,
    /// All of its services are in, and it need not be over.
    Ahead,
    /// Not started, and need not be.
    Waiting,
}

/// A wave of the plan against what is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaveProgress {
    /// Its number.
    pub wave: u32,
    /// How far it is.
    pub state: WaveState,
    /// Its dates, where the plan has some.
    #[serde(default)]
    pub dates: Option<WaveDates>,
    /// Services that the plan puts there.
    pub services: usize,
    /// Those of them that are in.
    pub services_in: usize,
    /// What the plan promised after it.
    pub planned: Curves,
    /// What the services of this and earlier waves that are in protect of the traffic of today; none for a wave that waits.
    #[serde(default)]
    pub actual: Option<Curves>,
}

/// A service that should be in and is not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Missing {
    /// Wave in which it should have joined; 0 when it was in before the plan.
    pub wave: u32,
    /// Node id.
    pub service: String,
    /// Where it stands.
    pub status: Status,
}

/// A service that is in and should not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unexpected {
    /// Node id.
    pub service: String,
    /// What the plan says of it.
    pub plan: PlanSays,
}

/// What a plan says of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub enum PlanSays {
    /// It joins in this wave.
    Wave {
        /// The wave.
        wave: u32,
    },
    /// It does not move: it is excluded, or a hazard holds it back.
    Unplanned,
    /// Nothing: it was not in the graph that the plan was made from.
    Nothing,
}

/// Whether coverage allows the next wave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// The next wave; none after the last.
    #[serde(default)]
    pub wave: Option<u32>,
    /// Whether every share of traffic is at most the tolerance below the plan.
    pub is_open: bool,
    /// The tolerance, as a share of traffic.
    pub tolerance: f64,
    /// The shares that are further below.
    pub short: Vec<Shortfall>,
}

/// A share of traffic that is below the plan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shortfall {
    /// Which.
    pub curve: CurveName,
    /// What the plan promised.
    pub planned: f64,
    /// What is in force.
    pub actual: f64,
}

/// One of the four shares of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CurveName {
    /// The callee sheds.
    Shed,
    /// Client features.
    Client,
    /// Both ends in.
    Both,
    /// The callee can refuse plaintext.
    Strict,
}

impl CurveName {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Shed, Self::Client, Self::Both, Self::Strict];

    /// Its share.
    #[must_use]
    pub const fn of(self, curves: &Curves) -> f64 {
        match self {
            Self::Shed => curves.shed,
            Self::Client => curves.client,
            Self::Both => curves.both,
            Self::Strict => curves.strict,
        }
    }
}

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
