//! Onboarding order: which services join the mesh in which wave, why, and what each wave switches on.
//!
//! Place in the flow: [`GraphSnapshot`](crate::snapshot::GraphSnapshot) -> [`PlanInput`] -> [`plan`] -> [`Plan`] -> renderers.
//! ```text
//! input -> model -> dag -> load (criticality, amplification) -> risk \
//!              \-> value -------------------------------------------- > problem -> portfolio (greedy, search) -> board -> plan
//!                                                     dates --------/        \-> bounds      previous plan -> replan --/
//! ```
//! Risk is a budget, value is the objective, attribution is a colouring (no two services of a wave call each other), and order is a
//! preference that falls out of what protection is worth. The module refuses to guess: what nobody told it is neutral and said so.
//! It knows no clock and no file.

mod board;
mod bounds;
mod canary;
mod check;
mod curves;
mod dag;
mod dates;
mod difference;
mod explain;
mod from_snapshot;
mod greedy;
mod input;
mod load;
mod meshes;
mod model;
mod notes;
mod options;
mod outcome;
mod paths;
mod portfolio;
mod problem;
mod progress;
mod replan;
mod risk;
mod search;
mod status;
#[cfg(test)]
mod tests;
mod value;
mod why;

pub use check::{
    Violation, ViolationCode, assignment, check, check_moves, planned_before, revalidate,
    revalidate_repair,
};
pub use dates::{Calendar, CalendarOptions, Freeze, Rollout, WaveDates, Workday, staggered_starts};
pub use difference::{
    CurveChange, DIFFERENCE_SCHEMA, Direction, ExceptionChange, HazardChange, OptionChange,
    PlanDifference, PlanHead, ServiceChange, StrictChange, WaveChange, WaveHead, difference,
};
pub(crate) use from_snapshot::attempts_while_failing;
pub use input::{
    Evidence, Hazard, Health, Pins, PlanEdge, PlanInput, PlanService, Severity, Status,
};
pub use meshes::{Mesh, MeshInput, Meshes};
pub use options::{
    Goal, Groups, InFlight, Limits, MeshMode, Order, PlanOptions, Ramp, Ranking, Replanning,
    Search, ServiceFacts, Weights,
};
pub use outcome::{
    Amplification, BlockReason, Blocked, Bounds, Canary, CandidatePlan, Contradiction, CurvePoint,
    Curves, EdgeRef, Exception, ExceptionCause, Gain, Inverted, LimitName, Move, MoveReason, Plan,
    PlannedService, Replan, RetriesOff, RollbackStep, SCHEMA, Strict, StrictBlock, Summary,
    Traffic, TurnsOn, Unplanned, Watch, WatchMetric, Wave,
};
pub(crate) use paths::{CallPaths, Cycle};
pub use problem::PlanError;
pub use progress::{
    CurveName, Due, Gate, Missing, PROGRESS_SCHEMA, PlanSays, Progress, Shortfall, Unexpected,
    WaveProgress, WaveState, progress,
};
pub use replan::waves_over;
pub use risk::{Risk, RiskFactor, RiskPart};
pub use status::{
    Standing, StatusFile, StatusSource, StatusSources, Statuses, Told, ToldStatus, statuses,
};

use self::board::Board;
use self::dag::Dag;
use self::explain::{Explainer, Facts};
use self::model::{Model, total};
use self::problem::Problem;
use self::risk::RiskFacts;
use self::value::{Place, Value};

/// Plans the onboarding of a graph.
///
/// Deterministic: the order of edges does not matter, and multiplying all rates by a power of two changes nothing but the totals in
/// [`Plan::traffic`]. Every pending service without a blocking hazard is in exactly one wave. With `previous` the plan is a repair of
/// that one, and says what moved.
///
/// # Errors
/// Two pins contradict each other; both are named.
pub fn plan(
    input: &PlanInput,
    options: &PlanOptions,
    previous: Option<&Plan>,
) -> Result<Plan, PlanError> {
    let options = &options.effective();
    let model = Model::new(input);
    let dag = Dag::new(&model);
    let facts = facts(&model, &dag, options);
    let exposure = load::exposure(&model, &facts.amplification);
    let value = Value::new(&model, &exposure, options.weights);
    let risks: Vec<f64> = facts.risks.iter().map(|risk| risk.score).collect();
    let problem = Problem::new(&model, &dag, (&value, &risks), places(&model), options)?;
    let (fresh, candidates) = portfolio::best(&problem)?;
    let repaired = previous.map(|previous| replan::repair(&problem, previous, &fresh));
    let (board, replan) = match repaired {
        Some((board, replan)) => (board, Some(replan)),
        None => (fresh, None),
    };
    let explainer = Explainer::new((&model, &value), &facts, &board);
    let span = (options.waves_done, board.last_wave());
    let curves = curves::curves(
        &model,
        &explainer.places,
        (&explainer.strict, &exposure),
        span,
    );
    let inverted = explainer.inverted(options.assumed_attempts);
    let mut plan = Plan {
        schema: SCHEMA.to_owned(),
        window: input.window,
        input: String::new(),
        mesh: None,
        options: PlanOptions {
            facts: std::collections::BTreeMap::new(),
            ..options.clone()
        },
        summary: summary(&board, &value, &explainer, &inverted),
        traffic: traffic(&model),
        bounds: bounds::bounds(&problem),
        candidates,
        maximum: curves.last().map(|last| last.curves).unwrap_or_default(),
        curves,
        waves: explainer.waves(),
        done: done(&model),
        unplanned: explainer.unplanned(),
        cut_arcs: explain::cut_arcs(&model, &dag),
        broken_arcs: explain::arc_refs(&model, &problem.broken),
        inverted,
        replan,
        calendar: None,
        contradictions: Vec::new(),
        notes: Vec::new(),
        left_out: left_out(&problem),
    };
    plan.notes = notes::notes(&model, &plan);
    let repaired = plan.replan.iter();
    plan.notes.extend(repaired.flat_map(replan::notes));
    if let Some(dates) = dates::Timetable::new(options) {
        let arrivals = value.arrivals(&model, &explainer.places);
        plan.calendar = dates.calendar(board.last_wave(), &arrivals);
        plan.notes.extend(dates.notes(board.last_wave()));
    }
    Ok(plan)
}

/// What the input left out, and services in groups that nobody knows.
fn left_out(problem: &Problem<'_>) -> std::collections::BTreeMap<String, u64> {
    let mut left_out = problem.model.left_out.clone();
    let groups = &problem.options.groups;
    let pairs = groups.before.iter().flat_map(|(first, then)| [first, then]);
    let sets = groups.together.iter().chain(&groups.apart).flatten();
    for id in pairs.chain(sets) {
        if problem.model.index(id).is_none() {
            let reason = "unknown service in a group of the options";
            *left_out.entry(reason.to_owned()).or_default() += 1;
        }
    }
    left_out
}

fn facts(model: &Model, dag: &Dag, options: &PlanOptions) -> Facts {
    let criticality = load::criticality(model, dag);
    let amplification = load::amplification(model, dag, options.assumed_attempts);
    let risk = |service: usize| {
        let known = &model.services[service];
        let incoming = model.incoming[service].iter();
        let inside = incoming.filter(|arc| model.arcs[**arc].caller != service);
        RiskFacts {
            criticality: criticality[service],
            hazards: known.hazards.iter().map(|hazard| hazard.severity).collect(),
            touched: model.touched(service),
            callers: inside.count() + model.outside_callers[service].len(),
            amplification: amplification[service].mean,
            evidence: known.evidence.weakest().0,
            tier: known.tier,
        }
        .risk()
    };
    let risks = (0..model.ids.len()).map(risk).collect();
    Facts {
        criticality,
        amplification,
        risks,
    }
}

/// Where every service stands before the first wave.
fn places(model: &Model) -> Vec<Place> {
    let place = |service: &PlanService| match service.status {
        Status::Done => Place::In(0),
        Status::Excluded => Place::Never,
        Status::Pending if !explain::blockers(service).is_empty() => Place::Never,
        Status::Pending => Place::Pending,
    };
    model.services.iter().map(place).collect()
}

fn done(model: &Model) -> Vec<String> {
    let services = model.ids.iter().zip(&model.services);
    services
        .filter(|(_, service)| service.status == Status::Done)
        .map(|(id, _)| id.clone())
        .collect()
}

fn summary(
    board: &Board<'_>,
    value: &Value,
    explainer: &Explainer<'_>,
    inverted: &[Inverted],
) -> Summary {
    let problem = board.problem;
    let done = problem.options.waves_done;
    let arrivals = value.arrivals(problem.model, &explainer.places);
    let worth = total(arrivals.iter().map(|(worth, _)| *worth));
    let late = arrivals
        .iter()
        .map(|(worth, wave)| worth * f64::from(wave.saturating_sub(done)));
    let waves = problem.first_wave()..=board.last_wave();
    Summary {
        services: problem.model.ids.len(),
        planned: problem.items.iter().map(|item| item.members.len()).sum(),
        waves: waves.clone().count(),
        mean_wave: if worth > 0.0 {
            total(late) / worth
        } else {
            0.0
        },
        area: board.area(),
        objective: board.objective(),
        exceptions: waves
            .clone()
            .filter(|wave| board.is_exception(*wave))
            .count(),
        tolerated: waves.filter(|wave| board.is_excused(*wave)).count(),
        caller_first: total(inverted.iter().map(|edge| edge.share)),
    }
}

fn traffic(model: &Model) -> Traffic {
    let outside = total(model.exits.iter().map(|exit| exit.calls.rate));
    Traffic {
        entry: total(model.origin.iter().copied()),
        by_services: model.by_services,
        all: model.all,
        to_outside: model.share_of_all(outside),
    }
}
