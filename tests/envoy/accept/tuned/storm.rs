//! Every pod answers 503 while many calls are under way: the budget keeps retries from becoming a storm.

use std::time::Duration;

use tracemesh_graph::egress::Phase;

use super::super::app::Manner;
use super::super::mutations::Mutation;
use super::{CALM, Stage, counter, prove, tally};
use crate::envoy::sidecar::Sidecar;
use crate::harness::envoy::envoy;

const CALLS: usize = 60;

/// A fifth of the calls, the least number of retries, and a few that start when others have ended.
const MOST: u64 = 60 + 12 + 3 + 5;

fn faults(stage: &Stage, sidecar: &Sidecar) -> Vec<String> {
    let mut faults = Vec::new();
    let before = stage.requests();
    let statuses = stage.ask_together(sidecar, "GET", CALLS);
    let attempts = stage.requests() - before;
    if attempts > MOST {
        faults.push(format!("{attempts} attempts for {CALLS} calls"));
    }
    let retries = sidecar.count(&counter("upstream_rq_retry"));
    if retries == 0 {
        faults.push("no retry at all".to_owned());
    }
    if sidecar.count(&counter("upstream_rq_retry_overflow")) == 0 {
        faults.push(format!("no retry was held back; {retries} were sent"));
    }
    if tally(&statuses).get(&503) != Some(&CALLS) {
        faults.push(format!("answers: {:?}", tally(&statuses)));
    }
    faults
}

#[test]
fn a_budget_keeps_retries_from_becoming_a_storm() {
    let Some(envoy) = envoy() else { return };
    let stage = Stage::open(56);
    // All calls are under way when the first fails.
    stage.behave(Manner {
        status: 503,
        takes: Duration::from_millis(400),
        ..Manner::default()
    });
    prove(
        envoy,
        || stage.prepare(CALM, Phase::Tuned),
        |sidecar| faults(&stage, sidecar),
        &[Mutation {
            file: "cds.yaml",
            edits: &[
                ("retry_budget:", "max_retries: 1000000"),
                ("budget_percent:", ""),
                ("value: 20", ""),
                ("min_retry_concurrency: 3", ""),
            ],
            fault: "attempts for 60 calls",
        }],
    );
}
