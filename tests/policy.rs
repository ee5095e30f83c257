//! The policy file: the command that checks it, what it does to egress, and its JSON Schema beside those of the documents
//! that it leads to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::Value;
use tracemesh_graph::egress::{SettingName, UnresolvedReason};
use tracemesh_graph::hazards::HazardKind;

use crate::harness::{Run, python, root, setting, tracemesh_in};

const TODAY: &str = "2026-11-20";

fn policies() -> PathBuf {
    root().join("fixtures/policy")
}

fn check(arguments: &[&str]) -> Run {
    let all: Vec<&str> = ["policy", "check", "--today", TODAY]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    tracemesh_in(&policies(), &all, b"")
}

/// `TRACEMESH_BLESS=1` rewrites the recorded answers; review the difference as code.
#[test]
fn answers_are_as_recorded() {
    for (name, code) in [
        ("full", 0),
        ("minimal", 0),
        ("faulty", 1),
        ("contradictions", 1),
        ("expired", 1),
        ("onboarding-faulty", 1),
        ("onboarding-contradictions", 1),
    ] {
        let run = check(&[&format!("{name}.yaml")]).expect_code(code);
        assert_eq!(run.stderr, "");
        let recorded = policies().join(format!("expected/{name}.txt"));
        if setting("TRACEMESH_BLESS").is_some() {
            fs::write(&recorded, &run.stdout).expect("the fixture is writable");
        }
        let expected = fs::read_to_string(&recorded).expect("a recorded answer");
        assert_eq!(run.stdout, expected, "{name}");
    }
}

#[test]
fn the_answer_is_there_for_programs_too() {
    let run = check(&["faulty.yaml", "--format", "json"]).expect_code(1);
    let told: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(told["schema"], "tracemesh.policy-check/v1");
    assert_eq!(told["valid"], false);
    let faults = told["faults"].as_array().expect("faults");
    let lines: Vec<u64> = faults
        .iter()
        .filter_map(|fault| fault["line"].as_u64())
        .collect();
    assert!(lines.is_sorted() && lines.len() > 30, "{lines:?}");
}

#[test]
fn rules_that_mean_nothing_in_a_graph_are_warned_of() {
    let graph = root().join("fixtures/egress/shop/snapshot.json");
    let graph = graph.display().to_string();
    let run = check(&["full.yaml", "--graph", &graph]).expect_code(0);
    let place = tempfile::tempdir().unwrap();
    let policy = place.path().join("tracemesh.yaml");
    fs::write(
        &policy,
        "schema: tracemesh.policy/v1\nservices:\n  - {service: crat, owner: me}\n",
    )
    .unwrap();
    assert!(!run.stdout.contains("is meant by"), "{}", run.stdout);
    let arguments = ["policy", "check", "--graph", &graph];
    let run = tracemesh_in(place.path(), &arguments, b"").expect_code(0);
    assert!(
        run.stdout
            .contains("tracemesh.yaml:3: warning: no service of the graph is meant by `crat`"),
        "{}",
        run.stdout
    );
}

#[test]
fn files_that_cannot_be_read_are_no_answer() {
    let place = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("latin.yaml", b"schema: \xe4\n".to_vec()),
        ("large.yaml", vec![b'#'; (1 << 20) + 1]),
    ] {
        fs::write(place.path().join(name), bytes).unwrap();
        let run = tracemesh_in(place.path(), &["policy", "check", name], b"").expect_code(2);
        assert!(run.stderr.contains("hint:"), "{}", run.stderr);
    }
    let run = tracemesh_in(place.path(), &["policy", "check"], b"").expect_code(2);
    run.expect_refusal("cannot read `tracemesh.yaml`");
}

fn egress(place: &Path, policy: &str) -> Run {
    let graph = root().join("fixtures/egress/shop/snapshot.json");
    let (graph, policy) = (graph.display().to_string(), policies().join(policy));
    let policy = policy.display().to_string();
    let arguments = [
        "egress", "--graph", &graph, "--out", "egress", "--policy", &policy, "--today", TODAY,
    ];
    tracemesh_in(place, &arguments, b"")
}

#[test]
fn egress_obeys_the_policy_and_tells_the_sums() {
    let place = tempfile::tempdir().unwrap();
    let run = egress(place.path(), "full.yaml").expect_code(0);
    let told: Vec<&str> = run.stdout.split_whitespace().collect();
    assert!(
        told.join(" ").contains("1 pinned out by the policy 1"),
        "{}",
        run.stdout
    );
    let model: Value = document(place.path(), "egress.json");
    let sums = model["conservation"].as_object().expect("sums");
    let of = |name: &str| sums[name].as_u64().expect("a count");
    let parts: u64 = sums.keys().map(|name| of(name)).sum::<u64>() - of("edges");
    assert_eq!(of("edges"), parts);
    let text = fs::read_to_string(place.path().join("egress/egress.json")).unwrap();
    for needed in [
        "infra/otel-collector",
        "pinned/payments-dr.example.com:443",
        "moves to another cluster this quarter",
    ] {
        assert!(text.contains(needed), "{needed}");
    }
}

#[test]
fn an_expired_pin_is_told_and_a_faulty_policy_stops_egress() {
    let place = tempfile::tempdir().unwrap();
    let run = egress(place.path(), "expired.yaml").expect_code(0);
    assert!(
        run.stderr
            .contains("warning: the pin in line 3 expired after 2026-09-30"),
        "{}",
        run.stderr
    );
    let run = egress(place.path(), "contradictions.yaml").expect_code(2);
    for needed in [
        "has 8 faults",
        "contradictions.yaml:9: `max_requests` is also decided in line 6",
        "contradictions.yaml:50: ",
    ] {
        assert!(run.stderr.contains(needed), "{}", run.stderr);
    }
}

fn document(place: &Path, name: &str) -> Value {
    let text = fs::read_to_string(place.join("egress").join(name)).expect("a document");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn documents_fit_their_schemas() {
    let Some(python) = validator() else { return };
    let place = tempfile::tempdir().unwrap();
    egress(place.path(), "full.yaml").expect_code(0);
    for name in ["egress", "evidence"] {
        let recorded = root().join(format!("fixtures/egress/shop/expected/{name}.json"));
        let made = place.path().join(format!("egress/{name}.json"));
        for document in [recorded, made] {
            assert_eq!(
                judged(python, name, &document),
                "",
                "{}",
                document.display()
            );
        }
    }
}

#[test]
fn the_schema_of_the_policy_accepts_and_refuses_as_the_command_does() {
    let Some(python) = validator() else { return };
    let place = tempfile::tempdir().unwrap();
    for (name, is_accepted) in [
        ("full", true),
        ("minimal", true),
        ("faulty", false),
        // Right in form; what is wrong with them no schema can tell.
        ("contradictions", true),
        ("expired", true),
        ("onboarding-faulty", false),
        ("onboarding-contradictions", true),
    ] {
        let text = fs::read_to_string(policies().join(format!("{name}.yaml"))).unwrap();
        let json = place.path().join(format!("{name}.json"));
        // A reader that makes trees knows no file with a key twice.
        let text = text.replace("      max_requests: 20\n", "");
        fs::write(&json, as_json(&text).to_string()).unwrap();
        let said = judged(python, "policy", &json);
        assert_eq!(said.is_empty(), is_accepted, "{name}: {said}");
        let onboarding = [
            "$.onboarding.goal",
            "$.onboarding.order",
            "$.onboarding.ramp.growth",
            "$.onboarding.ramp.risk_ceilings[0]",
            "$.onboarding.weights.shed",
            "$.onboarding.in_flight.after",
            "$.onboarding.retry_budget",
            "$.onboarding.calendar.working_days",
            "$.onboarding.services[1].tier",
            "$.onboarding.services[1].not_before",
            "$.onboarding.services[3].exclude",
            "$.onboarding.services[4].hazards[0].code",
            "$.onboarding.before[0]",
            "$.onboarding.meshes[0]",
            "$.onboarding.sidecars.containers",
        ];
        if name == "onboarding-faulty" {
            for place in onboarding {
                assert!(
                    said.lines().any(|line| line.starts_with(place)),
                    "{place}: {said}"
                );
            }
        }
        if name == "faulty" {
            for place in [
                "$.schema",
                "$.defaults.phase",
                "$.defaults.settings.connect_timeout",
                "$.services[0].keepalive",
                "$.pins[0]",
                "$.infra[0].name",
                "$.labels.workload.value",
                "$.naming.port",
                "$.thresholds.hysteresis",
            ] {
                assert!(
                    said.lines().any(|line| line.starts_with(place)),
                    "{place}: {said}"
                );
            }
        }
    }
}

#[test]
fn the_schema_of_the_status_file_accepts_and_refuses_as_the_command_does() {
    let Some(python) = validator() else { return };
    let files = root().join("fixtures/onboarding/status");
    let place = tempfile::tempdir().unwrap();
    for (name, is_accepted) in [
        ("status.yaml", true),
        ("status.json", true),
        ("faulty.yaml", false),
    ] {
        let text = fs::read_to_string(files.join(name)).unwrap();
        // A reader that makes trees knows no file with a key twice.
        let text = text.replacen("  shop/cart: done\n", "", 1);
        let json = place.path().join("status.json");
        fs::write(&json, as_json(&text).to_string()).unwrap();
        let said = judged(python, "onboarding-status", &json);
        assert_eq!(said.is_empty(), is_accepted, "{name}: {said}");
    }
}

#[test]
fn the_schemas_know_every_name() {
    let schema = |name: &str| -> Value {
        let path = root().join(format!("docs/schemas/{name}.json"));
        serde_json::from_str(&fs::read_to_string(path).expect("a schema")).expect("JSON")
    };
    let (egress, policy) = (schema("egress"), schema("policy"));
    let in_model = &egress["$defs"]["tuning"]["properties"]["settings"]["properties"];
    let definitions = &policy["$defs"];
    for name in SettingName::ALL {
        assert!(in_model[name.as_str()].is_object(), "{name:?}");
        let key = name.as_str();
        let key = key.strip_suffix("_ms").unwrap_or(key);
        assert!(
            definitions["settings"]["properties"][key].is_object(),
            "{key}"
        );
        let for_edges = definitions["edge_settings"]["properties"][key].is_object();
        assert_eq!(for_edges, !name.is_inbound(), "{key}");
    }
    let listed = |definition: &str, property: &str, name: String| {
        let names = &egress["$defs"][definition]["properties"][property]["enum"];
        let names = names.as_array().expect("names");
        assert!(names.contains(&Value::from(name.as_str())), "{name}");
    };
    for hazard in HazardKind::ALL {
        listed("hazard", "hazard", hazard.as_str().to_owned());
    }
    for reason in UnresolvedReason::ALL {
        let name = serde_json::to_value(reason).expect("JSON");
        listed(
            "unresolved",
            "reason",
            name.as_str().expect("text").to_owned(),
        );
    }
}

pub(crate) fn validator() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        python::environment("jsonschema", &["jsonschema==4.26.0"], |venv| {
            python::interpreter(venv, "jsonschema")
        })
    });
    python::or_skip(found, "JSON Schema validator")
}

/// What is wrong with a document, one line each; nothing when it fits.
pub(crate) fn judged(python: &Path, schema: &str, document: &Path) -> String {
    let output = Command::new(python)
        .arg(root().join("tests/policy/validate.py"))
        .arg(root().join(format!("docs/schemas/{schema}.json")))
        .arg(document)
        .output()
        .expect("Python runs");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    String::from_utf8(output.stdout).expect("Python prints UTF-8")
}

fn as_json(text: &str) -> Value {
    let documents = Yaml::load_from_str(text).expect("YAML");
    value(&documents[0])
}

fn value(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::String(text)) => Value::from(text.as_ref()),
        Yaml::Value(Scalar::Integer(number)) => Value::from(*number),
        Yaml::Value(Scalar::FloatingPoint(number)) => Value::from(number.into_inner()),
        Yaml::Value(Scalar::Boolean(flag)) => Value::from(*flag),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(map) => {
            let entries = map.iter();
            let entries =
                entries.map(|(key, item)| (key.as_str().expect("text").to_owned(), value(item)));
            Value::Object(entries.collect())
        }
        _ => Value::Null,
    }
}
