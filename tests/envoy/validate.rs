//! Every generated `validate.yaml` passes `envoy --mode validate` without a warning.

use std::path::Path;

use tracemesh::output_dir::write_files;
use tracemesh::render::envoy::{EnvoyOptions, render};
use tracemesh_graph::egress::{EgressOptions, derive};
use tracemesh_graph::snapshot::GraphSnapshot;

use super::snapshots;
use crate::harness::envoy::{envoy, validation_fault};

/// Renders a snapshot and validates each service; returns how many there were.
pub(super) fn assert_valid(envoy: &Path, snapshot: &GraphSnapshot) -> usize {
    let model = derive(snapshot, &EgressOptions::default());
    let root = tempfile::tempdir().unwrap();
    let files = render(&model, &EnvoyOptions::default());
    write_files(root.path(), &files).unwrap();
    let checked: Vec<_> = files
        .keys()
        .filter(|path| path.as_str().ends_with("/validate.yaml"))
        .collect();
    let faults: Vec<String> = checked
        .iter()
        .filter_map(|path| validation_fault(envoy, &root.path().join(path.as_str())))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    checked.len()
}

#[test]
fn the_shop_is_valid() {
    let Some(envoy) = envoy() else { return };
    assert_eq!(assert_valid(envoy, &snapshots::shop()), 8);
}

/// Quotes, newlines, `../`, NUL, YAML booleans, equal names, claims on the sidecar's own ports.
#[test]
fn hostile_names_are_valid() {
    let Some(envoy) = envoy() else { return };
    assert_eq!(assert_valid(envoy, &snapshots::hostile()), 42);
}

#[test]
fn two_hundred_clusters_are_valid() {
    let Some(envoy) = envoy() else { return };
    assert_eq!(assert_valid(envoy, &snapshots::wide(200)), 1);
}

#[test]
fn thirty_random_graphs_are_valid() {
    let Some(envoy) = envoy() else { return };
    for seed in 0..30 {
        assert!(
            assert_valid(envoy, &snapshots::random(seed)) > 0,
            "seed {seed}"
        );
    }
}
