//! A store in an object store: a real S3 server, real instances writing to it, readers merging.

use std::path::Path;

use tracemesh_graph::snapshot::GraphSnapshot;

use crate::harness::process::Collector;
use crate::harness::s3::S3;
use crate::harness::{call, request, tracemesh_in, tracemesh_with};

const STORE: &str = "s3://traces/deep/prefix";

fn graph(place: &Path, store: &str, environment: &[(&str, String)]) -> GraphSnapshot {
    let arguments = ["graph", "--store", store, "--format", "json"];
    let run = tracemesh_with(place, environment, &arguments, b"").expect_code(0);
    serde_json::from_str(&run.stdout).expect("the graph is a snapshot")
}

#[test]
fn instances_write_to_s3_and_a_reader_merges_them() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let Some(server) = S3::start(place.path()) else {
        return;
    };
    let environment = server.environment();
    let directory = place.path().join("plain");
    let plain = directory.display().to_string();
    for store in [STORE, &plain] {
        let instances = ["a", "b"].map(|instance| {
            let further = ["--instance", instance, "--flush-interval", "300ms"];
            Collector::start_with(store.as_ref(), &further, &environment)
        });
        for number in 1..=20_u128 {
            let [even, odd] = &instances;
            let instance = if number % 2 == 0 { even } else { odd };
            let status = instance.post(&request(call(number, "web", "cart", "cart.shop")));
            assert!(status.contains("200"), "{status}");
        }
        for instance in instances {
            let said = instance.terminate();
            assert!(said.contains("received 30 spans"), "{said}");
        }
    }
    let (stored, expected) = (
        graph(place.path(), STORE, &environment),
        graph(place.path(), &plain, &[]),
    );
    assert_eq!(stored.edges.iter().map(|edge| edge.calls).sum::<u64>(), 20);
    assert_eq!(stored, expected);
}

#[test]
fn a_bucket_that_cannot_be_reached_is_told_without_secrets() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let arguments = ["graph", "--store", "s3://traces/x"];
    let environment = [
        ("AWS_ACCESS_KEY_ID", "the-key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "the-secret".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9".to_owned()),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
    ];
    let run = tracemesh_with(place.path(), &environment, &arguments, b"");
    let said = run.expect_refusal("s3://traces/x");
    assert!(!said.contains("the-secret"), "{said}");
    let foreign = tracemesh_in(place.path(), &["graph", "--store", "ftp://x/y"], b"");
    assert!(foreign.expect_code(2).stderr.contains("names no store"));
}
