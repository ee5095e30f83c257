//! Onboarding order: which services join the mesh in which wave, why, and what each wave switches on.
//!
//! Place in the flow: [`GraphSnapshot`](crate::snapshot::GraphSnapshot) -> [`PlanInput`] -> [`plan`] -> [`Plan`] -> renderers.
//! ```text
//! input -> model -> dag -> load (criticality, amplification) -> risk \
//!              \-> value -------------------------------------------- > schedule -> curves, explain, notes -> plan
//! ```
//! One greedy pass on the gain in protection, under hard limits per wave. Callees tend to come before their callers because that
//! protects more traffic sooner; it is never forced. The module refuses to guess: what nobody told it is neutral and said so. It does
//! not search for a better plan, take an earlier plan into account, or know dates.

mod check;
mod curves;
mod dag;
mod explain;
mod from_snapshot;
mod input;
mod load;
mod model;
mod notes;
mod options;
mod outcome;
mod paths;
mod risk;
mod schedule;
#[cfg(test)]
mod tests;
mod value;

pub use check::{Violation, check};
pub(crate) use from_snapshot::attempts_while_failing;
pub use input::{Evidence, Hazard, PlanEdge, PlanInput, PlanService, Severity, Status};
pub use options::{Limits, PlanOptions, Ramp, Rule, ServiceFacts, Weights};
pub use outcome::{
    Amplification, BlockReason, Blocked, CurvePoint, Curves, EdgeRef, ExceptionCode, Gain, Plan,
    PlannedService, RetriesOff, SCHEMA, Strict, StrictBlock, Summary, Traffic, TurnsOn, Unplanned,
    Wave,
};
pub(crate) use paths::{CallPaths, Cycle};
pub use risk::{Risk, RiskFactor, RiskPart};

use self::dag::Dag;
use self::explain::{Explainer, Facts};
use self::model::{Model, total};
use self::risk::RiskFacts;
use self::schedule::{Schedule, Scheduler};
use self::value::{Place, Value};

/// Plans the onboarding of a graph.
///
/// Total and deterministic: any input gives a plan, the order of edges does not matter, and multiplying all rates by a power of two
/// changes nothing but the totals in [`Plan::traffic`]. Every pending service without a blocking hazard is in exactly one wave.
/// Cost: O(waves * (services log services + edges)).
#[must_use]
pub fn plan(input: &PlanInput, options: &PlanOptions) -> Plan {
    let model = Model::new(input);
    let dag = Dag::new(&model);
    let facts = facts(&model, &dag, options);
    let exposure = load::exposure(&model, &facts.amplification);
    let value = Value::new(&model, &exposure, options.weights);
    let risks: Vec<f64> = facts.risks.iter().map(|risk| risk.score).collect();
    let scheduler = Scheduler {
        model: &model,
        value: &value,
        risks: &risks,
        options,
    };
    let schedule = scheduler.run(places(&model));
    let explainer = Explainer::new(&model, &facts, &schedule);
    let waves = explainer.waves();
    let count = u32::try_from(waves.len()).unwrap_or(u32::MAX);
    let curves = curves::curves(&model, &schedule.places, &explainer.strict, count);
    let mut plan = Plan {
        schema: SCHEMA.to_owned(),
        window: input.window,
        options: PlanOptions {
            facts: std::collections::BTreeMap::new(),
            ..options.clone()
        },
        summary: summary(&model, &value, &schedule, explainer.caller_first()),
        traffic: traffic(&model),
        maximum: curves.last().map(|last| last.curves).unwrap_or_default(),
        curves,
        waves,
        done: done(&model),
        unplanned: explainer.unplanned(),
        cut_arcs: explain::cut_arcs(&model, &dag),
        notes: Vec::new(),
        left_out: model.left_out.clone(),
    };
    plan.notes = notes::notes(&model, &plan);
    plan
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

fn summary(model: &Model, value: &Value, schedule: &Schedule, caller_first: f64) -> Summary {
    let waves = u32::try_from(schedule.waves.len()).unwrap_or(u32::MAX);
    let worth = value.of_plan(model, &schedule.places, waves);
    Summary {
        services: model.ids.len(),
        planned: schedule.waves.iter().map(|w| w.members.len()).sum(),
        waves: schedule.waves.len(),
        mean_wave: worth.mean_wave,
        area: worth.area,
        objective: worth.objective,
        exceptions: schedule
            .waves
            .iter()
            .filter(|wave| !wave.exceptions.is_empty())
            .count(),
        caller_first,
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
