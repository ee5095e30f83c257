//! Every generated `validate.yaml` passes `envoy --mode validate` without a warning.

use std::path::Path;

use tracemesh::output_dir::write_files;
use tracemesh::render::envoy::{EnvoyOptions, render};
use tracemesh_graph::egress::{EgressModel, EgressOptions, derive};
use tracemesh_graph::snapshot::GraphSnapshot;

use super::snapshots::{self, Dice};
use super::tunings::scatter;
use crate::harness::envoy::{envoy, validation_fault};

/// Renders a snapshot and validates each service; returns how many there were.
pub(super) fn assert_valid(envoy: &Path, snapshot: &GraphSnapshot) -> usize {
    let model = derive(snapshot, &EgressOptions::default());
    assert_model_valid(envoy, &model, &EnvoyOptions::default())
}

/// The same for a model.
pub(super) fn assert_model_valid(
    envoy: &Path,
    model: &EgressModel,
    options: &EnvoyOptions,
) -> usize {
    let root = tempfile::tempdir().unwrap();
    let files = render(model, options);
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

/// A random graph with random settings: both phases, with and without endpoint files.
fn assert_random_valid(envoy: &Path, seed: u64) {
    let mut model = derive(&snapshots::random(seed), &EgressOptions::default());
    scatter(&mut model, &mut Dice(seed));
    let options = EnvoyOptions {
        endpoint_files: seed.is_multiple_of(2),
        ..EnvoyOptions::default()
    };
    let services = assert_model_valid(envoy, &model, &options);
    assert!(services > 0, "seed {seed}");
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

/// Names like `no` and `1e3`, clashing ports and names, settings that only a policy could have.
#[test]
fn random_graphs_with_random_settings_are_valid() {
    let Some(envoy) = envoy() else { return };
    for seed in 0..40 {
        assert_random_valid(envoy, seed);
    }
}

#[test]
#[ignore = "a thousand graphs take some minutes"]
fn very_many_random_graphs_are_valid() {
    let Some(envoy) = envoy() else { return };
    for seed in 1_000..2_000 {
        assert_random_valid(envoy, seed);
    }
}
