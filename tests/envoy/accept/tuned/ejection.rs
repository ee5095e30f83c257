//! One of six pods answers 503: it is ejected after a few errors, and nobody sees it any more.

use std::thread;
use std::time::Duration;

use tracemesh_graph::egress::Phase;

use super::super::app::Manner;
use super::super::client::Connection;
use super::super::mutations::Mutation;
use super::{CALM, Stage, ask, counter, prove};
use crate::envoy::sidecar::Sidecar;
use crate::harness::envoy::envoy;

/// Calls in which the bad pod must have failed five times: it gets one in six.
const ENOUGH: u32 = 200;

fn faults(stage: &Stage, sidecar: &Sidecar) -> Vec<String> {
    let ejections = counter("outlier_detection.ejections_enforced_total");
    let mut connection = Connection::to(sidecar.port(), stage.destination);
    // They are not safe to repeat, so every error is seen.
    let mut errors_of = |calls: u32| {
        let statuses = (0..calls).map(|_| ask(&mut connection, "POST"));
        statuses.filter(|status| *status != 200).count()
    };
    let posts = stage.posts();
    let (mut errors, mut calls) = (0, 0);
    while calls < ENOUGH && sidecar.count(&ejections) == 0 {
        errors += errors_of(5);
        calls += 5;
    }
    let mut faults = Vec::new();
    if sidecar.count(&ejections) != 1 {
        let overflow = sidecar.count(&counter("outlier_detection.ejections_overflow"));
        faults.push(format!(
            "no ejection in {calls} calls, {overflow} held back"
        ));
    }
    // Envoy may collect changes of membership for a second.
    thread::sleep(Duration::from_millis(1300));
    if errors > 10 {
        faults.push(format!("{errors} errors before the ejection"));
    }
    let late = errors_of(60);
    if late > 0 {
        faults.push(format!("{late} of 60 calls failed after the ejection"));
    }
    let (sent, arrived) = (u64::from(calls) + 60, stage.posts() - posts);
    if arrived != sent {
        faults.push(format!("{arrived} POSTs arrived of {sent} that were sent"));
    }
    faults
}

#[test]
fn a_failing_pod_is_ejected() {
    let Some(envoy) = envoy() else { return };
    let stage = Stage::open(50);
    stage.pods[3].behave(Manner {
        status: 503,
        ..Manner::default()
    });
    prove(
        envoy,
        || stage.prepare(CALM, Phase::Tuned),
        |sidecar| faults(&stage, sidecar),
        &[Mutation {
            file: "cds.yaml",
            edits: &[
                ("max_ejection_percent: 17", ""),
                ("always_eject_one_host: true", ""),
            ],
            fault: "no ejection",
        }],
    );
}
