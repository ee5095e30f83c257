//! `tracemesh onboard` as people use it: over the Online Boutique, whose best plan is known, and over the recorded shop.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Run, root, tracemesh_in};
use crate::policy::{judged, validator};

mod formats;
mod plans;
mod refusals;
mod rollout;

/// A file of the Online Boutique fixture.
fn fixture(name: &str) -> PathBuf {
    root().join("fixtures/onboarding/boutique").join(name)
}

/// A directory with the graph and the policy of the Online Boutique.
fn boutique() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for name in ["graph.json", "tracemesh.yaml"] {
        fs::copy(fixture(name), place.path().join(name)).unwrap();
    }
    place
}

/// Runs `tracemesh onboard` with arguments split at spaces.
fn onboard(place: &Path, arguments: &str) -> Run {
    let arguments: Vec<&str> = ["onboard"]
        .into_iter()
        .chain(arguments.split_whitespace())
        .collect();
    tracemesh_in(place, &arguments, b"")
}

/// Plans and writes the plan as JSON to a file.
fn plan_into(place: &Path, file: &str, arguments: &str) -> Value {
    let run = onboard(place, &format!("{arguments} --format json")).expect_code(0);
    fs::write(place.join(file), &run.stdout).unwrap();
    serde_json::from_str(&run.stdout).unwrap()
}

/// Asserts that a report fits its schema; skipped where there is no validator.
#[track_caller]
fn expect_schema(schema: &str, report: &str) {
    let Some(python) = validator() else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), report).unwrap();
    assert_eq!(judged(python, schema, file.path()), "");
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Names of the services of each wave, sorted.
fn waves(plan: &Value) -> Vec<Vec<String>> {
    let services = |wave: &Value| {
        let services = wave["services"].as_array().unwrap().iter();
        let names = services.map(|service| {
            let id = service["service"].as_str().unwrap();
            id.rsplit('/').next().unwrap().to_owned()
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    plan["waves"]
        .as_array()
        .unwrap()
        .iter()
        .map(services)
        .collect()
}

/// Moves a service of a plan to another wave, as a person with an editor would.
fn move_service(plan: &mut Value, id: &str, to: usize) {
    let waves = plan["waves"].as_array_mut().unwrap();
    let mut moved = None;
    for wave in waves.iter_mut() {
        let services = wave["services"].as_array_mut().unwrap();
        if let Some(place) = services.iter().position(|service| service["service"] == id) {
            moved = Some(services.remove(place));
        }
    }
    let services = waves[to - 1]["services"].as_array_mut().unwrap();
    services.push(moved.unwrap());
}
