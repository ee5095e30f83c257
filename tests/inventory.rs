//! What an inventory adds to egress, and the life of destinations over several runs of the binary.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Run, root, tracemesh_in};

const SNAPSHOT: &str = "fixtures/egress/shop/snapshot.json";
const DAY_NS: i128 = 24 * 60 * 60 * 1_000_000_000;

fn fixture(path: &str) -> String {
    let path = root().join(path);
    path.to_str()
        .expect("the tree has a readable path")
        .to_owned()
}

fn document(place: &Path, name: &str) -> Value {
    let text = fs::read_to_string(place.join("out").join(name)).expect("a document");
    serde_json::from_str(&text).expect("JSON")
}

fn named<'a>(list: &'a Value, key: &str, value: &str) -> &'a Value {
    let list = list.as_array().expect("an array");
    let found = list.iter().find(|one| one[key] == value);
    found.unwrap_or_else(|| {
        let all: Vec<&Value> = list.iter().map(|one| &one[key]).collect();
        assert!(all.is_empty(), "no {value} among {all:?}");
        &Value::Null
    })
}

#[test]
fn an_inventory_gives_addresses_endpoints_workloads_and_doubts() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (graph, inventory) = (fixture(SNAPSHOT), fixture("fixtures/inventory/shop.json"));
    let arguments = [
        "egress",
        "--graph",
        &graph,
        "--inventory",
        &inventory,
        "--out",
        "out",
    ];
    let run = tracemesh_in(place.path(), &arguments, b"").expect_code(0);
    assert!(run.stderr.contains("13 Service"), "{}", run.stderr);
    assert!(
        run.stderr.contains("passed over 1 ConfigMap"),
        "{}",
        run.stderr
    );

    let model = document(place.path(), "egress.json");
    let service = |id: &str| named(&model["services"], "id", id);
    let target = |caller: &str, callee: &str| {
        let destinations = &service(caller)["destinations"];
        named(destinations, "node", callee)["targets"][0].clone()
    };
    let search = &service("service/shop/search")["destinations"][0];
    assert_eq!(search["address_source"], "inventory");
    let worker = target("service/shop/search", "service/shop/worker");
    assert_eq!(worker["dns"], "worker.shop.svc.cluster.local");
    assert_eq!(worker["addressing"], "virtual_ip");
    let cart = target("service/shop/frontend", "service/shop/cart");
    assert_eq!(cart["addressing"], "headless");
    let zones: Vec<&Value> = cart["endpoints"]
        .as_array()
        .expect("endpoints")
        .iter()
        .map(|one| &one["zone"])
        .collect();
    assert_eq!(zones, ["za", "zb"]);
    let redis = target("service/shop/recommend", "database/redis@redis-c:6379");
    assert_eq!(redis["matches"]["values"][0], "10.96.0.33");
    let legacy = target("service/shop/frontend", "external/10.9.8.7:8080");
    assert_eq!(legacy["kube_service"], "shop/legacy");
    let workload = &service("service/shop/checkout")["workload"];
    assert_eq!(workload["selector"]["app"], "checkout");
    let note = |id: &str, about: &str| {
        named(&service(id)["inventory_notes"], "about", about)["note"].clone()
    };
    assert_eq!(
        note("service/shop/recommend", "service/shop/search"),
        "unknown_service"
    );
    assert_eq!(
        note("service/shop/frontend", "service/shop/checkout"),
        "other_protocol"
    );
    let mailer = &service("service/shop/mailer")["inventory_notes"];
    assert_eq!(
        named(mailer, "note", "shared_selector")["detail"][0],
        "Deployment shop/mailer-canary"
    );

    let before = fs::read(place.path().join("out/egress.json")).expect("a document");
    tracemesh_in(place.path(), &arguments, b"").expect_code(0);
    let after = fs::read(place.path().join("out/egress.json")).expect("a document");
    assert!(before == after, "a second run changes nothing");
}

#[test]
fn what_is_no_inventory_is_refused_with_what_to_do() {
    let place = tempfile::tempdir().expect("a temporary directory");
    fs::write(
        place.path().join("services.yaml"),
        "apiVersion: v1\nitems: []\n",
    )
    .expect("a writable file");
    let graph = fixture(SNAPSHOT);
    for (file, told) in [
        ("services.yaml", "is YAML"),
        ("missing.json", "cannot read `missing.json`"),
    ] {
        let arguments = [
            "egress",
            "--graph",
            &graph,
            "--inventory",
            file,
            "--out",
            "out",
        ];
        let run = tracemesh_in(place.path(), &arguments, b"").expect_code(2);
        assert!(run.stderr.contains(told), "{}", run.stderr);
    }
    assert!(!place.path().join("out").exists(), "nothing is written");
}

/// Moves every time of a snapshot by whole days, and leaves out the edges to one node.
fn later(days: i128, without: &str) -> Vec<u8> {
    let text = fs::read_to_string(root().join(SNAPSHOT)).expect("a fixture");
    let mut snapshot: Value = serde_json::from_str(&text).expect("JSON");
    let edges = snapshot["edges"].as_array_mut().expect("edges");
    edges.retain(|edge| edge["callee"] != without);
    shift(&mut snapshot, days);
    serde_json::to_vec(&snapshot).expect("JSON")
}

fn shift(value: &mut Value, days: i128) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| shift(item, days)),
        Value::Object(fields) => fields.values_mut().for_each(|field| shift(field, days)),
        Value::String(text) => {
            if let Ok(time) = text.parse::<tracemesh_graph::time::Timestamp>() {
                let moved = i128::from(time.0) + days * DAY_NS;
                let moved = u64::try_from(moved).expect("a time of this century");
                *text = tracemesh_graph::time::Timestamp(moved).to_string();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn what_is_not_seen_stays_until_its_removal_is_accepted() {
    const KAFKA: &str = "broker/kafka@kafka:9092";
    let place = tempfile::tempdir().expect("a temporary directory");
    let run = |days: i128, without: &str, more: &[&str]| -> Run {
        fs::write(place.path().join("graph.json"), later(days, without)).expect("a writable file");
        let arguments = [
            &["egress", "--graph", "graph.json", "--out", "out"][..],
            more,
        ]
        .concat();
        tracemesh_in(place.path(), &arguments, b"").expect_code(0)
    };
    let resources = |name: &str| {
        let path = format!("out/services/prod/shop/checkout/xds/current/{name}.yaml");
        fs::read_to_string(place.path().join(path)).expect("resources")
    };
    let clusters = || resources("cds");
    run(0, "", &[]);
    assert!(clusters().contains("kafka"));
    let first = fs::read(place.path().join("out/egress.json")).expect("a document");
    run(14, KAFKA, &[]);
    let second = fs::read(place.path().join("out/egress.json")).expect("a document");
    assert!(clusters().contains("kafka"));
    let conservation = document(place.path(), "egress.json")["conservation"].clone();
    assert_eq!(
        conservation["edges"], 18,
        "an edge that is not seen is none"
    );
    assert_ne!(first, second, "the sums differ");
    for fortnight in 2..=4 {
        run(fortnight * 14, KAFKA, &[]);
    }
    let removals = document(place.path(), "removals.json");
    assert_eq!(
        named(&removals["proposed"], "destination", KAFKA)["unseen_days"],
        56
    );
    assert!(clusters().contains("kafka"), "a proposal removes nothing");
    run(56, KAFKA, &["--accept-removals"]);
    assert!(
        !resources("lds").contains("kafka"),
        "no listener leads there; the cluster stays for calls under way"
    );
    run(70, KAFKA, &[]);
    let checkout = document(place.path(), "egress.json");
    let checkout = named(&checkout["services"], "id", "service/shop/checkout").clone();
    assert_eq!(checkout["removed"][0], KAFKA);
    run(84, "", &[]);
    assert!(
        clusters().contains("kafka"),
        "what is seen again returns at once"
    );
}
