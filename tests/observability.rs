//! The generated rules and dashboard before the tools that will read them.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{promtool_is_here, python, root, tracemesh};

/// A place with the egress of the recorded shop.
fn egress() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let snapshot = root().join("fixtures/egress/shop/snapshot.json");
    let (snapshot, out) = (snapshot.to_str().unwrap(), place.path().to_str().unwrap());
    tracemesh(&["egress", "--graph", snapshot, "--out", out]).expect_code(0);
    place
}

fn promtool(place: &Path, arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(place)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{}", text.concat());
}

#[test]
fn prometheus_accepts_the_rules_and_every_alert_fires_on_its_own_trouble() {
    if !promtool_is_here() {
        return;
    }
    let place = egress();
    let place = place.path().join("observability");
    promtool(&place, &["check", "rules", "--lint-fatal", "rules.yaml"]);
    let tests = root().join("fixtures/observability/alerts_test.yaml");
    fs::copy(tests, place.join("alerts_test.yaml")).unwrap();
    promtool(&place, &["test", "rules", "alerts_test.yaml"]);
    let [rules, tests] = ["rules.yaml", "alerts_test.yaml"]
        .map(|name| fs::read_to_string(place.join(name)).unwrap());
    for name in rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
    {
        let name = name.trim_matches('"');
        assert!(tests.contains(name), "{name} is not tested");
    }
}

/// Its expressions as rules, because `promtool` reads no dashboards.
#[test]
fn prometheus_accepts_every_expression_of_the_dashboard() {
    if !promtool_is_here() {
        return;
    }
    let place = egress();
    let place = place.path().join("observability");
    let text = fs::read_to_string(place.join("dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter();
    let targets = targets
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    let rules: Vec<Value> = targets
        .enumerate()
        .map(|(index, target)| {
            let expression = target["expr"]
                .as_str()
                .unwrap()
                .replace("$service", "shop/cart");
            serde_json::json!({"record": format!("panel:{index}"), "expr": expression})
        })
        .collect();
    assert!(rules.len() > 20, "{}", rules.len());
    let file = serde_json::json!({"groups": [{"name": "panels", "rules": rules}]});
    fs::write(place.join("panels.yaml"), file.to_string()).unwrap();
    promtool(&place, &["check", "rules", "panels.yaml"]);
}

const LOAD: &str = "
import json, sys
from grafana_foundation_sdk.models.dashboard import Dashboard
board = Dashboard.from_json(json.load(open(sys.argv[1])))
kinds = [panel.type_val for panel in board.panels]
print(board.title, len(kinds), sum(kind == 'row' for kind in kinds), len(board.templating.list_val))
";

/// The makers' own library loads it: types of panels, variables and thresholds are what Grafana knows.
#[test]
fn the_dashboard_loads() {
    let python = python::environment(
        "grafana",
        &["grafana-foundation-sdk==1769699998!10.1.0"],
        |venv| python::interpreter(venv, "grafana_foundation_sdk"),
    );
    let Some(python) = python::or_skip(&python, "grafana-foundation-sdk") else {
        return;
    };
    let place = egress();
    let output = Command::new(python)
        .args(["-c", LOAD])
        .arg(place.path().join("observability/dashboard.json"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told.trim(), "Service mesh 26 5 2", "{complaints}");
}
