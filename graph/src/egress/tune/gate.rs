//! Whether evidence suffices for settings of the tuned phase, and what is missing if not.

use super::super::settings::{Phase, Tuning};
use super::facts::{ACTIVE_DAYS, CALLS, Facts, REPLACED, VERSIONS};
use super::given::Given;
use super::rounding::whole_to_f64;
use crate::policy::Thresholds;

const TOO_FEW_CALLS: &str = "too few calls were seen";
const NO_DAYS: &str = "the days with calls are unknown: facts of this edge are missing, or the graph is of an older version";
const TOO_FEW_DAYS: &str = "calls were seen on too few days";
const NO_DEPLOY: &str =
    "no deploy of the callee was seen: one version, and no instance was replaced";
const ASKED: &str = "the evidence suffices; the transparent phase was asked for";
const BY_POLICY: &str = "the policy keeps it transparent";

/// What the gate lets pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gate {
    /// Phase that results.
    pub(super) phase: Phase,
    /// Why no setting is made from facts; `None` when they are.
    pub(super) missing: Option<String>,
}

/// Who may have to be deployed for its latency to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deploys {
    /// A traced service.
    Needed,
    /// Somebody whose deploys cannot be seen.
    Invisible,
}

/// Judges the facts. What was tuned before stays so with a little less evidence: a threshold must not flap.
pub(super) fn judge(
    furthest: Phase,
    given: &Given,
    facts: &Facts,
    deploys: Deploys,
    (thresholds, before): (&Thresholds, Option<&Tuning>),
) -> Gate {
    let was_tuned = before.is_some_and(|before| before.phase == Phase::Tuned);
    let slack = if was_tuned {
        thresholds.hysteresis_percent.min(90)
    } else {
        0
    };
    let enough = |name: &str, least: u64| {
        let least = whole_to_f64(least) * whole_to_f64(100 - slack) / 100.0;
        facts.get(name).map(|seen| seen >= least)
    };
    let has_calls = enough(CALLS, thresholds.tuned_calls).unwrap_or(false);
    let has_deploy = facts.get(REPLACED).is_some_and(|replaced| replaced > 0.0)
        || facts.get(VERSIONS).is_some_and(|versions| versions >= 2.0);
    let days = match enough(ACTIVE_DAYS, thresholds.tuned_days) {
        None => Some(NO_DAYS),
        Some(false) => Some(TOO_FEW_DAYS),
        Some(true) => None,
    };
    let calls = (!has_calls).then_some(TOO_FEW_CALLS);
    // Short windows seldom have a deploy: said only when it is the last thing missing.
    let deploy = (days.is_none() && deploys == Deploys::Needed && !has_deploy).then_some(NO_DEPLOY);
    let all = [calls, days, deploy];
    let needed = |wanted: &[Option<&'static str>]| {
        let missing: Vec<&str> = wanted.iter().filter_map(|reason| *reason).collect();
        (!missing.is_empty()).then(|| missing.join("; "))
    };
    let missing = needed(&all);
    let stop = |why: &str| Gate {
        phase: Phase::Transparent,
        missing: Some(missing.clone().unwrap_or_else(|| why.to_owned())),
    };
    match (furthest, given.phase) {
        (Phase::Transparent, _) => stop(ASKED),
        (Phase::Tuned, Some(Phase::Transparent)) => Gate {
            phase: Phase::Transparent,
            missing: Some(BY_POLICY.to_owned()),
        },
        // The policy may waive time, but a quantile of few calls is none.
        (Phase::Tuned, Some(Phase::Tuned)) => Gate {
            phase: Phase::Tuned,
            missing: needed(&[calls]),
        },
        (Phase::Tuned, None) if missing.is_none() || given.has_settings() => Gate {
            phase: Phase::Tuned,
            missing,
        },
        (Phase::Tuned, None) => stop(ASKED),
    }
}
