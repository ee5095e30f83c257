//! What `analyze` finds in the recorded shop, byte by byte. `TRACEMESH_BLESS=1` rewrites the recorded findings; review the
//! difference as code.

use std::fs;

use tracemesh_graph::findings::{Cases, Report, SCHEMA, report};
use tracemesh_graph::snapshot::GraphSnapshot;

use crate::harness::{root, setting, tracemesh};

#[test]
fn the_findings_of_the_recorded_shop_are_as_recorded_and_as_documented() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let out = place.path().join("out");
    let traces = root().join("fixtures/shop");
    let run = tracemesh(&[
        "analyze",
        traces.to_str().expect("a UTF-8 path"),
        "--out",
        out.to_str().expect("a UTF-8 path"),
    ])
    .expect_code(0);
    let recorded = root().join("fixtures/findings/shop/expected");
    for name in ["findings.json", "findings.txt"] {
        let made = fs::read_to_string(out.join(name)).expect("analyze writes its findings");
        if setting("TRACEMESH_BLESS").is_some_and(|value| value == "1") {
            fs::create_dir_all(&recorded).expect("a writable directory");
            fs::write(recorded.join(name), &made).expect("a writable file");
        }
        let expected = fs::read_to_string(recorded.join(name)).unwrap_or_default();
        assert!(
            made == expected,
            "{name} differs from the recorded one; run with TRACEMESH_BLESS=1 and look at the difference\n{made}"
        );
        assert!(run.stdout.contains(name), "{}", run.stdout);
    }
    let json = fs::read_to_string(out.join("findings.json")).expect("a text file");
    let told: Report = serde_json::from_str(&json).expect("the findings have the documented shape");
    assert_eq!(told.schema, SCHEMA);
    let graph = fs::read_to_string(out.join("graph.json")).expect("a text file");
    let graph: GraphSnapshot = serde_json::from_str(&graph).expect("the graph is a snapshot");
    let again = report(&graph);
    assert_eq!(told.locality, again.locality);
    let rules = |report: &Report| -> Vec<_> {
        let findings = report.findings.iter();
        findings
            .map(|found| (found.cases.rule(), found.part, found.whole))
            .collect()
    };
    assert_eq!(
        rules(&told),
        rules(&again),
        "the snapshot file says the same"
    );
    what_the_services_wrote_down(&told);
}

/// Against `fixtures/shop/truth`: the one public name that is dialled, the two hosts that do not exist, the only services in
/// a circle.
fn what_the_services_wrote_down(told: &Report) {
    let mut checked = 0;
    for found in &told.findings {
        match &found.cases {
            Cases::Hairpin(edges) => {
                assert_eq!(edges.len(), 1);
                assert_eq!(edges[0].public.listed[0].host, "shop.example.com");
                assert_eq!(
                    edges[0].inside.listed,
                    [],
                    "nobody dials the gateway by an internal name"
                );
            }
            Cases::UnreachableHost(hosts) => {
                let hosts: Vec<&str> = hosts.iter().map(|host| host.callee.as_str()).collect();
                assert_eq!(
                    hosts,
                    [
                        "external/archive.payments:8080",
                        "external/wishlist.shop:8080"
                    ]
                );
            }
            Cases::SyncCycle(cycles) => {
                let circle = [
                    "service/shop/frontend",
                    "service/shop/gateway",
                    "service/shop/recommendation",
                ];
                assert_eq!(cycles[0].services.listed, circle);
                assert_eq!(cycles.len(), 1);
            }
            _ => continue,
        }
        checked += 1;
    }
    assert_eq!(checked, 3, "{told:?}");
}
