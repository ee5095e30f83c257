//! The settings of a service's own inbound traffic: load shedding that learns how much the service can take.

use std::collections::BTreeMap;

use super::super::model::InboundPort;
use super::super::settings::{Feature, SettingName as Name, Tuning};
use super::draft::{Draft, Formula};
use super::facts::{Facts, MAX, P50, P90, P99, RATE_OF_ONE};
use super::formulas;
use super::gate::Gate;
use super::rounding::whole_to_f64;
use super::streams;
use crate::snapshot::Exposed;

const FEATURE: Feature = Feature::AdaptiveConcurrency;

/// Decides for a service with these ports.
pub(super) fn decide(
    ports: &[InboundPort],
    (facts, exposed): (Option<Facts>, &Exposed),
    gate: &Gate,
    mut draft: Draft<'_>,
) -> (Tuning, BTreeMap<String, f64>) {
    let Some(facts) = facts else {
        if ports.iter().any(|port| port.protocol.is_http()) {
            let why = "inbound load is unknown: no server span was seen, or the graph is of an older version";
            draft.withhold(FEATURE, why);
        }
        return draft.finish();
    };
    if !ports.iter().any(|port| port.protocol.is_http()) {
        draft.inert(
            FEATURE,
            "no port is known on which it speaks HTTP in clear text",
        );
    } else if let Some(missing) = &gate.missing {
        draft.withhold(FEATURE, missing);
    } else {
        shed(&facts, exposed, &mut draft);
    }
    let (tuning, computed) = draft.finish();
    let mut evidence = facts.into_evidence();
    evidence.extend(computed);
    (tuning, evidence)
}

fn shed(facts: &Facts, exposed: &Exposed, draft: &mut Draft<'_>) {
    /// Beyond this ratio of p99 to p50, routes differ so much that one round trip stands for none of them.
    const MIXED: f64 = 10.0;
    let known = |name| facts.get(name);
    let known = (
        known(RATE_OF_ONE),
        known(P50),
        known(P90),
        known(P99),
        known(MAX),
    );
    let (Some(rate), Some(p50), Some(p90), Some(p99), Some(max)) = known else {
        draft.withhold(FEATURE, "rate or latency is unknown");
        return;
    };
    if streams::inbound_lasts(max, exposed) {
        draft.withhold(
            FEATURE,
            "streams, or calls of a minute: their time is no sign of load",
        );
        return;
    }
    if p99 > MIXED * p50 {
        let why = "fast and slow calls are mixed: no round trip is ideal for both";
        draft.withhold(FEATURE, why);
        return;
    }
    let formula = Formula {
        text: "max(3, 1.2 x calls_per_second_of_one x p99_ms)",
        facts: &[RATE_OF_ONE, P99],
    };
    draft.at_least(
        Name::MinConcurrency,
        formulas::min_concurrency(rate, p99),
        3,
        formula,
    );
    let least = draft.decided(Name::MinConcurrency).unwrap_or(3);
    let formula = Formula {
        text: "max(100, 10 x min_concurrency)",
        facts: &[RATE_OF_ONE, P99],
    };
    let most = formulas::max_concurrency(whole_to_f64(least));
    draft.at_least(Name::MaxConcurrency, most, least, formula);
    let formula = Formula {
        text: "clamp(calls_per_second_of_one, 50, 200)",
        facts: &[RATE_OF_ONE],
    };
    draft.at_least(
        Name::MinRttRequests,
        formulas::min_rtt_requests(rate),
        50,
        formula,
    );
    draft.number(Name::MinRttInterval, 60_000, "60 s");
    let formula = Formula {
        text: "clamp((p90_ms / p50_ms - 1) / 2, 25 %, 100 %)",
        facts: &[P50, P90],
    };
    draft.at_least(
        Name::RttBuffer,
        formulas::rtt_buffer_percent(p50, p90),
        25,
        formula,
    );
}
