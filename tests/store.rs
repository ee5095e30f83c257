//! The store through the binary: what it tells of itself, what kills and full disks cost, what damage costs.

mod crash;
mod inspect;
mod refused;

use std::path::Path;

use serde_json::Value;

use crate::harness::tracemesh_in;

/// The answer of a command about a store, as JSON, and its exit code.
fn ask(store: &Path, command: &[&str]) -> (Value, Option<i32>) {
    let place = store.parent().expect("the store lies in a directory");
    let store = store.display().to_string();
    let further = ["--store", &store, "--format", "json"];
    let arguments: Vec<&str> = command.iter().copied().chain(further).collect();
    let run = tracemesh_in(place, &arguments, b"");
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    let answer = serde_json::from_str(&run.stdout).expect("the answer is JSON");
    (answer, run.code)
}
