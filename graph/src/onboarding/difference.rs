//! What differs between two plans, whoever made them.
//!
//! Place in the flow: two [`Plan`]s -> [`difference`] -> [`PlanDifference`] -> renderers. It compares what the plans say and knows no
//! graph: reasons are those that the later plan gives itself, when it is a repair. Its JSON is the public format
//! `tracemesh.onboarding-diff/v1`; lists are sorted, and empty where nothing differs. The plans are files that people may have edited:
//! of what they say twice, the first counts.
//! ```text
//! { "schema": "tracemesh.onboarding-diff/v1", "before": {"window": .., "summary": .., "end": ..}, "after": {..},
//!   "options": [{"option": "ramp.team_cap", "before": "3", "after": "2"}],
//!   "services": [{"service": .., "change": "later", "from": 2, "to": 4, "reason": {"reason": "rate_changed", "limit": "traffic"}}],
//!   "waves": [{"wave": 2, "before": {"services": 4, ..}, "after": {..}, "joined": [..], "left": [..]}],
//!   "curves": [{"wave": 1, "before": {..}, "after": {..}}], "exceptions": [..], "hazards": [..], "strict": [..] }
//! ```

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::outcome::{Curves, Exception, MoveReason, Plan, Summary, Wave};
use super::replan::Before;
use crate::snapshot::Window;

mod options;
mod services;
#[cfg(test)]
mod tests;

/// Value of the `schema` field of [`PlanDifference`].
pub const DIFFERENCE_SCHEMA: &str = "tracemesh.onboarding-diff/v1";

/// What differs between two plans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanDifference {
    /// Always [`DIFFERENCE_SCHEMA`].
    pub schema: String,
    /// The first plan.
    pub before: PlanHead,
    /// The second plan.
    pub after: PlanHead,
    /// Parameters that differ.
    pub options: Vec<OptionChange>,
    /// Services that are in another wave, new, or gone.
    pub services: Vec<ServiceChange>,
    /// Waves whose services or limits differ.
    pub waves: Vec<WaveChange>,
    /// Protection after each wave that either plan has; one that is over keeps what it brought.
    pub curves: Vec<CurveChange>,
    /// Exceptions that only one of them has.
    pub exceptions: Vec<ExceptionChange>,
    /// Services whose hazards differ, where a plan knows them: those that it moves, and blockers of those that it does not.
    pub hazards: Vec<HazardChange>,
    /// Services that can refuse plaintext from another wave on.
    pub strict: Vec<StrictChange>,
}

impl PlanDifference {
    /// Whether both plans do the same: the same services in the same waves under the same parameters.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.options.is_empty()
            && self.services.is_empty()
            && self.waves.is_empty()
            && self.exceptions.is_empty()
            && self.hazards.is_empty()
            && self.strict.is_empty()
    }
}

/// What a plan comes to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlanHead {
    /// Window of the observations.
    pub window: Window,
    /// Its numbers.
    pub summary: Summary,
    /// Waves that were over.
    pub waves_done: u32,
    /// Day on which its last rolling update ends, where it has dates.
    pub end: Option<Date>,
}

/// A parameter that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OptionChange {
    /// Its path, such as `ramp.team_cap`.
    pub option: String,
    /// Its value before, as text; `none` without one.
    pub before: String,
    /// Its value after.
    pub after: String,
}

/// A service that is not where it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceChange {
    /// Node id.
    pub service: String,
    /// In which direction.
    pub change: Direction,
    /// Wave before, 0 when it was in; none when the plan did not move it.
    pub from: Option<u32>,
    /// Wave after.
    pub to: Option<u32>,
    /// Why, as the second plan says when it is a repair of the first.
    pub reason: Option<MoveReason>,
}

/// How a service moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To an earlier wave.
    Earlier,
    /// To a later wave.
    Later,
    /// Into the plan.
    New,
    /// Out of the plan.
    Gone,
    /// Into the mesh: it is done.
    Joined,
    /// Out of the mesh: it was rolled back and is planned again.
    RolledBack,
}

/// A wave that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaveChange {
    /// Its number in both plans.
    pub wave: u32,
    /// What it is in the first; none when that has no such wave.
    pub before: Option<WaveHead>,
    /// What it is in the second.
    pub after: Option<WaveHead>,
    /// Services that only the second has in it.
    pub joined: Vec<String>,
    /// Services that only the first has in it.
    pub left: Vec<String>,
}

/// A wave in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WaveHead {
    /// Services.
    pub services: usize,
    /// Share of all traffic that it touches.
    pub touched: f64,
    /// What it has to keep to.
    pub limits: super::options::Limits,
    /// Day of its canary, where the plan has dates.
    pub canary: Option<Date>,
}

/// Protection after a wave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurveChange {
    /// The wave.
    pub wave: u32,
    /// In the first plan; none before it begins.
    pub before: Option<Curves>,
    /// In the second plan.
    pub after: Option<Curves>,
}

/// An exception that only one plan has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExceptionChange {
    /// Its wave.
    pub wave: u32,
    /// Whether it is the second plan that has it.
    pub came: bool,
    /// The exception.
    pub exception: Exception,
}

/// A service whose hazards differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HazardChange {
    /// Node id.
    pub service: String,
    /// Codes that only the second plan has.
    pub came: Vec<String>,
    /// Codes that only the first plan has.
    pub went: Vec<String>,
    /// Whether a blocker keeps it out of the first plan, and out of the second.
    pub blocked: (bool, bool),
}

/// A service that can refuse plaintext from another wave on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StrictChange {
    /// Node id.
    pub service: String,
    /// Wave before; none when never, or not by that plan.
    pub from: Option<u32>,
    /// Wave after.
    pub to: Option<u32>,
}

/// What differs between two plans, the later one second.
#[must_use]
pub fn difference(before: &Plan, after: &Plan) -> PlanDifference {
    PlanDifference {
        schema: DIFFERENCE_SCHEMA.to_owned(),
        before: head(before),
        after: head(after),
        options: options::changes(&before.options, &after.options),
        services: services::changes(before, after),
        waves: waves(before, after),
        curves: curves(before, after),
        exceptions: exceptions(before, after),
        hazards: services::hazards(before, after),
        strict: services::strict(before, after),
    }
}

fn head(plan: &Plan) -> PlanHead {
    PlanHead {
        window: plan.window,
        summary: plan.summary,
        waves_done: plan.options.waves_done,
        end: plan.calendar.as_ref().map(|calendar| calendar.end),
    }
}

fn numbers(before: &Plan, after: &Plan) -> BTreeSet<u32> {
    let waves = before.waves.iter().chain(&after.waves);
    waves.map(|wave| wave.wave).collect()
}

fn waves(before: &Plan, after: &Plan) -> Vec<WaveChange> {
    let (old, new) = (Before::new(before), Before::new(after));
    let change = |number: u32| {
        let ends = [old.wave(number), new.wave(number)];
        let [first, second] = ends.map(|wave| {
            let services = wave.into_iter().flat_map(|wave| &wave.services);
            services
                .map(|s| s.service.as_str())
                .collect::<BTreeSet<&str>>()
        });
        let limits = ends.map(|wave| wave.map(|wave| wave.limits));
        let only = |a: &BTreeSet<&str>, b: &BTreeSet<&str>| -> Vec<String> {
            a.difference(b).map(|id| (*id).to_owned()).collect()
        };
        (first != second || limits[0] != limits[1]).then(|| WaveChange {
            wave: number,
            before: ends[0].map(|wave| wave_head(before, wave)),
            after: ends[1].map(|wave| wave_head(after, wave)),
            joined: only(&second, &first),
            left: only(&first, &second),
        })
    };
    numbers(before, after)
        .into_iter()
        .filter_map(change)
        .collect()
}

fn wave_head(plan: &Plan, wave: &Wave) -> WaveHead {
    let calendar = plan.calendar.iter().flat_map(|calendar| &calendar.waves);
    let mut dates = calendar.filter(|dates| dates.wave == wave.wave);
    WaveHead {
        services: wave.services.len(),
        touched: wave.touched,
        limits: wave.limits,
        canary: dates.next().map(|dates| dates.canary),
    }
}

fn curves(before: &Plan, after: &Plan) -> Vec<CurveChange> {
    let points = |plan: &Plan| -> BTreeMap<u32, Curves> {
        let points = plan.curves.iter().rev();
        points.map(|point| (point.wave, point.curves)).collect()
    };
    let (old, new) = (points(before), points(after));
    let at = |points: &BTreeMap<u32, Curves>, wave: u32| {
        points.range(..=wave).next_back().map(|(_, curves)| *curves)
    };
    let waves: BTreeSet<u32> = old.keys().chain(new.keys()).copied().collect();
    let change = |wave| CurveChange {
        wave,
        before: at(&old, wave),
        after: at(&new, wave),
    };
    waves.into_iter().map(change).collect()
}

fn exceptions(before: &Plan, after: &Plan) -> Vec<ExceptionChange> {
    let all = |plan: &Plan| -> BTreeSet<(u32, Exception)> {
        let of = |wave: &Wave| {
            let number = wave.wave;
            let exceptions = wave.exceptions.clone().into_iter();
            exceptions.map(move |exception| (number, exception))
        };
        plan.waves.iter().flat_map(of).collect()
    };
    let (old, new) = (all(before), all(after));
    let both = old.symmetric_difference(&new);
    both.map(|(wave, exception)| ExceptionChange {
        wave: *wave,
        came: new.contains(&(*wave, exception.clone())),
        exception: exception.clone(),
    })
    .collect()
}
