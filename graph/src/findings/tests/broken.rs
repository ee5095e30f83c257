//! Any snapshot at all: no panic, the same report again, and sums that hold.

use super::*;
use crate::time::Timestamp;

const IDS: [&str; 8] = [
    "service/a",
    "service/b",
    "service/c",
    "external/x:80",
    "database/db",
    "shared_host/lb:443",
    "unidentified/u",
    "",
];

const HOSTS: [&str; 9] = [
    "",
    "other",
    "10.0.0.7",
    "::1",
    "b",
    "b.shop",
    "b.shop.svc.cluster.local",
    "api.example.com",
    "a\u{202e}\n..",
];

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0..40_u64, Just(u64::MAX), Just(u64::MAX / 2)]
}

fn any_edge() -> impl Strategy<Value = Edge> {
    let ends = (
        prop::sample::select(IDS.to_vec()),
        prop::sample::select(IDS.to_vec()),
    );
    let relation = prop::sample::select(vec![
        Relation::Sync,
        Relation::Sync,
        Relation::Async,
        Relation::Proxied,
    ]);
    let counts = (count(), count(), count(), count(), count(), count());
    let words = (
        prop::sample::select(vec!["", "404", "503", "NOT_FOUND"]),
        prop::sample::select(vec!["", "z1", "z2", "unknown"]),
        prop::sample::select(vec!["", "hairpin"]),
    );
    let hosts = proptest::collection::vec(
        (
            prop::sample::select(HOSTS.to_vec()),
            proptest::option::of(any::<u16>()),
            count(),
        ),
        0..4,
    );
    (ends, relation, counts, words, hosts).prop_map(|(ends, relation, counts, words, hosts)| {
        let mut any = edge(ends.0, ends.1, counts.0);
        any.relation = relation;
        any.attempts = counts.1;
        any.failed = counts.2;
        any.failed_attempts = counts.3;
        any.retries = counts.4;
        any.evidence.paired = counts.5;
        any.weighted_calls = f64::NAN;
        any.errors.insert(words.0.to_owned(), counts.0);
        let zones = BTreeMap::from([(words.1.to_owned(), counts.1), ("z1".to_owned(), 3)]);
        any.facts.zone_pairs.insert("z1".to_owned(), zones);
        any.flags.insert(words.2.to_owned(), counts.4);
        let targets = hosts.into_iter().map(|(host, port, calls)| Target {
            scheme: String::new(),
            host: host.to_owned(),
            port,
            calls,
            attempts: calls,
            last_seen: Timestamp(0),
            sockets: BTreeMap::new(),
        });
        any.targets = targets.collect();
        any
    })
}

fn any_snapshot() -> impl Strategy<Value = GraphSnapshot> {
    let edges = proptest::collection::vec(any_edge(), 0..24);
    let gaps =
        proptest::collection::vec((prop::sample::select(IDS.to_vec()), count(), count()), 0..4);
    let counters = (count(), count(), count());
    (edges, gaps, counters).prop_map(|(edges, gaps, counters)| {
        let gaps = gaps.into_iter().map(|(id, spans, missing)| {
            let mut any = service(id, &[("client", spans)]);
            any.unresolved = missing;
            any.orphans = missing;
            any
        });
        let mut any = snapshot(Vec::new(), edges);
        any.diagnostics.per_service = gaps.collect();
        any.diagnostics.spans = counters.0;
        any.diagnostics.dropped.insert("cap".to_owned(), counters.1);
        any.diagnostics
            .rejected
            .insert("utf8".to_owned(), counters.1);
        any.diagnostics
            .counters
            .insert("names_folded".to_owned(), counters.2);
        for node in &mut any.nodes {
            node.address = Some("b.shop:80".to_owned());
        }
        any
    })
}

proptest! {
    #[test]
    fn any_snapshot_gives_a_report_and_the_same_one_again(snapshot in any_snapshot()) {
        let told = report(&snapshot);
        prop_assert_eq!(&told, &report(&snapshot));
        let text = serde_json::to_string(&told).expect("a report is JSON");
        let again: Report = serde_json::from_str(&text).expect("a report reads what it wrote");
        // Reading a decimal back may miss the last bit of a ratio.
        let counts = |report: &Report| -> Vec<_> {
            let each = report.findings.iter();
            each.map(|found| (found.cases.rule(), found.severity, found.part, found.whole, found.more)).collect()
        };
        prop_assert_eq!(counts(&again), counts(&told));
        let mut rules: Vec<&str> = told.findings.iter().map(|finding| finding.cases.rule()).collect();
        let severities: Vec<Severity> = told.findings.iter().map(|finding| finding.severity).collect();
        prop_assert!(severities.is_sorted_by(|a, b| a >= b), "{severities:?}");
        rules.sort_unstable();
        rules.dedup();
        prop_assert_eq!(rules.len(), told.findings.len());
        for crossing in [told.locality.zones, told.locality.clusters] {
            prop_assert!(crossing.crossing <= crossing.known, "{crossing:?}");
        }
        for path in told.findings.iter().filter_map(|finding| match &finding.cases {
            Cases::RetryPath(paths) => Some(paths),
            _ => None,
        }).flatten() {
            prop_assert!(path.attempts > 1.0 && path.attempts <= 1e9, "{path:?}");
            let shown: f64 = path.steps.listed.iter().map(|step| step.attempts).product();
            let is_whole = path.steps.more == 0 && path.attempts < 1e9;
            prop_assert!(!is_whole || (shown / path.attempts - 1.0).abs() < 1e-9, "{path:?}");
        }
    }
}
