//! `doctor` and `explain` through the binary: on the recorded shop, on gaps made for the purpose, on hostile names.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{
    Kind, Run, attribute, call, request, root, service, span, tracemesh, tracemesh_in,
};

/// The recorded shop as a snapshot, in a place of its own.
fn shop() -> TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    let traces = root().join("fixtures/shop");
    let traces = traces.to_str().expect("a UTF-8 path");
    let graph = tracemesh(&["graph", "--traces", traces, "--format", "json"]).expect_code(0);
    fs::write(place.path().join("graph.json"), graph.stdout).expect("a writable file");
    place
}

/// A place with one trace file.
fn place(bytes: &[u8]) -> TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    fs::write(place.path().join("traces.pb"), bytes).expect("a writable file");
    place
}

fn json(place: &Path, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments
        .iter()
        .copied()
        .chain(["--format", "json"])
        .collect();
    let run: Run = tracemesh_in(place, &arguments, b"");
    assert_ne!(run.code, Some(2), "{run:?}");
    serde_json::from_str(&run.stdout).expect("the answer is JSON")
}

fn expect_fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
}

/// What the services themselves recorded: `tax`, `ads`, `pricing` and `email` call nobody, three hosts send no spans.
#[test]
fn the_doctor_finds_what_is_known_about_the_shop() {
    let place = shop();
    let report = json(place.path(), &["doctor", "--graph", "graph.json"]);
    assert_eq!(report["grade"], "B");
    let blind = [
        "service/payments/tax",
        "service/shop/ads",
        "service/shop/email",
        "service/shop/pricing",
    ];
    assert_eq!(report["blind"], serde_json::json!(blind));
    let of = |problem: &str| -> Vec<String> {
        let services = report["services"].as_array().unwrap().iter();
        let has = |service: &&Value| {
            service["findings"]
                .as_array()
                .unwrap()
                .iter()
                .any(|f| f["problem"] == problem)
        };
        services
            .filter(has)
            .map(|service| service["service"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        of("silent_callee"),
        [
            "service/payments/reconciler",
            "service/shop/cart",
            "service/shop/shipping"
        ]
    );
    assert_eq!(of("address_missing"), ["service/shop/recommendation"]);
    for clean in [
        "orphans",
        "unresolved",
        "context_lost",
        "duplicates",
        "messages_uncorrelated",
        "weight_unknown",
    ] {
        assert!(of(clean).is_empty(), "{clean}");
    }
    let run = tracemesh_in(place.path(), &["doctor", "--graph", "graph.json"], b"").expect_code(0);
    expect_fits(&run.stdout);
    let one = ["doctor", "--graph", "graph.json", "--service", "shop/cart"];
    let one = tracemesh_in(place.path(), &one, b"").expect_code(0).stdout;
    assert!(
        one.contains("external/loyalty.shop:8080 (138)") && !one.contains("shop/ads"),
        "{one}"
    );
}

#[test]
fn data_too_bad_to_build_on_is_answered_with_no() {
    let spans = (1..=20).map(|number| service("web", vec![span(number, 2, 99, Kind::Server)]));
    let place = place(&request(spans.collect()));
    let run = tracemesh_in(place.path(), &["doctor", "--traces", "traces.pb"], b"").expect_code(1);
    assert!(
        run.stdout
            .contains("20 of 20 spans have a parent that was never seen"),
        "{}",
        run.stdout
    );
    tracemesh_in(
        place.path(),
        &["doctor", "--traces", "traces.pb", "--service", "wbe"],
        b"",
    )
    .expect_refusal("no node is called `wbe`");
}

#[test]
fn an_edge_of_the_shop_is_explained_with_its_example_traces() {
    let place = shop();
    let arguments = [
        "explain",
        "shop/checkout",
        "shop/shipping",
        "--graph",
        "graph.json",
    ];
    let told = json(place.path(), &arguments);
    assert_eq!(told["schema"], "tracemesh.explain/v1");
    let edge = &told["edges"][0]["edge"];
    assert_eq!(
        (&edge["calls"], &edge["retries"]),
        (&271.into(), &34.into())
    );
    assert_eq!(edge["exemplars_by_evidence"]["paired"], edge["exemplars"]);
    let text = tracemesh_in(place.path(), &arguments, b"")
        .expect_code(0)
        .stdout;
    expect_fits(&text);
    let trace = edge["exemplars"][0].as_str().unwrap();
    for part in ["paired: 271 calls", "271 calls in 305 attempts", trace] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let all = ["explain", "shop/checkout", "--graph", "graph.json"];
    let all = tracemesh_in(place.path(), &all, b"").expect_code(0).stdout;
    expect_fits(&all);
    assert!(all.contains("-> service/shop/shipping"), "{all}");
}

#[test]
fn what_made_no_edge_is_told_for_the_ends_of_an_edge_that_is_not_there() {
    let place = shop();
    let arguments = [
        "explain",
        "shop/ads",
        "shop/shipping",
        "--graph",
        "graph.json",
    ];
    let text = tracemesh_in(place.path(), &arguments, b"")
        .expect_code(1)
        .stdout;
    for part in [
        "No edge from service/shop/ads to service/shop/shipping",
        "45 calls to it are without a caller in the traces",
        "external/quote.shop:8080 (263)",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let told = json(place.path(), &arguments);
    assert_eq!(told["missing"].as_array().unwrap().len(), 2);
    for wrong in [
        &["explain", "shipping_"][..],
        &["explain", "shop/ads", "shopping"],
    ] {
        let arguments: Vec<&str> = wrong
            .iter()
            .copied()
            .chain(["--graph", "graph.json"])
            .collect();
        let told = tracemesh_in(place.path(), &arguments, b"").expect_refusal("no node is called");
        assert!(told.contains("hint: there is `service/"), "{told}");
    }
}

#[test]
fn unresolved_calls_are_told_with_a_trace_to_look_at() {
    let spans = (1..=5).map(|number| service("web", vec![span(number, 2, 0, Kind::Client)]));
    let place = place(&request(spans.collect()));
    let arguments = ["explain", "web", "--missing", "--traces", "traces.pb"];
    let text = tracemesh_in(place.path(), &arguments, b"")
        .expect_code(0)
        .stdout;
    assert!(
        text.contains("5 outgoing calls name no destination"),
        "{text}"
    );
    assert!(text.contains(&format!("trace {:032x}", 1)), "{text}");
}

/// Names that break terminals and writers, from the wire to both reports.
#[test]
fn hostile_names_come_through_both_reports_as_text() {
    let hostile = "a\u{1b}[31m\n\u{202e}\"'\\</b>../../x";
    let mut client = span(9, 2, 77, Kind::Client);
    client.attributes = vec![attribute("server.address", "10.0.0.9")];
    let mut spans = call(1, hostile, "b", hostile);
    spans.push(service(hostile, vec![client]));
    let place = place(&request(spans));
    for command in [
        &["doctor"][..],
        &["explain", hostile],
        &["explain", hostile, "b"],
        &["explain", hostile, "b", "--missing"],
    ] {
        let arguments: Vec<&str> = command
            .iter()
            .copied()
            .chain(["--traces", "traces.pb"])
            .collect();
        let run = tracemesh_in(place.path(), &arguments, b"");
        assert_ne!(run.code, Some(2), "{run:?}");
        expect_fits(&run.stdout);
        assert!(!run.stdout.contains('\u{202e}'), "{}", run.stdout);
        json(place.path(), &arguments);
    }
}
