//! Plans against `docs/schemas/onboarding.json`: one with everything in it, and that of a recorded shop.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{root, tracemesh};
use crate::policy::{judged, validator};

fn assert_fits(python: &Path, document: &Path) {
    assert_eq!(
        judged(python, "onboarding", document),
        "",
        "{}",
        document.display()
    );
}

#[test]
fn onboarding_plans_fit_their_schema() {
    let Some(python) = validator() else { return };
    assert_fits(
        python,
        &root().join("fixtures/onboarding/expected/everything.json"),
    );
}

#[test]
fn the_plan_of_a_recorded_shop_fits_the_schema() {
    let Some(python) = validator() else { return };
    let graph = root().join("fixtures/egress/shop/snapshot.json");
    let graph = graph.to_str().expect("UTF-8");
    let arguments = ["onboard", "--graph", graph, "--format", "json"];
    let run = tracemesh(&arguments).expect_code(0);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), run.stdout).unwrap();
    assert_fits(python, file.path());
}

#[test]
fn the_onboarding_schema_describes_every_field() {
    let schema = root().join("docs/schemas/onboarding.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    let mut bare = BTreeSet::new();
    undescribed(&schema, "$", &mut bare);
    assert_eq!(bare, BTreeSet::new());
}

/// Properties that neither describe themselves nor refer to something that does.
fn undescribed(schema: &Value, path: &str, bare: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, property) in properties {
            let is_told = ["description", "$ref", "const"]
                .iter()
                .any(|key| !property[*key].is_null());
            if !is_told {
                bare.insert(format!("{path}.{name}"));
            }
        }
    }
    match schema {
        Value::Object(map) => {
            for (name, inner) in map {
                undescribed(inner, &format!("{path}.{name}"), bare);
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| undescribed(inner, path, bare)),
        _ => {}
    }
}
