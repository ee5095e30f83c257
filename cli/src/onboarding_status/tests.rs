//! What is accepted, what is refused with which line, and that nothing breaks the reader.

use std::path::PathBuf;

use jiff::civil::date;
use proptest::prelude::*;
use tracemesh_graph::onboarding::Told;

use super::*;

fn fixture(name: &str) -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/onboarding/status");
    PathBuf::from(root).join(name)
}

#[test]
fn yaml_and_json_say_the_same() {
    let mut yaml = load(&fixture("status.yaml")).unwrap();
    let mut json = load(&fixture("status.json")).unwrap();
    assert_eq!(yaml.waves_done, Some(2));
    let cart = &yaml.services[1];
    assert_eq!(
        (cart.service.as_str(), cart.status),
        ("shop/cart", Told::Done)
    );
    assert_eq!((cart.wave, cart.since), (Some(1), Some(date(2027, 1, 13))));
    assert_eq!(cart.line, 6);
    assert_eq!(yaml.services[2].status, Told::RolledBack);
    assert_eq!(
        yaml.services[3].reason.as_deref(),
        Some("is replaced this year")
    );
    for file in [&mut yaml, &mut json] {
        for service in &mut file.services {
            service.line = 0;
        }
    }
    assert_eq!(yaml, json);
}

#[test]
fn every_fault_is_told_with_its_line() {
    let error = load(&fixture("faulty.yaml")).unwrap_err();
    let told = error.lines().join("\n");
    for needed in [
        "has 13 faults",
        "faulty.yaml:1: the schema is `tracemesh.onboarding-status/v2`",
        "faulty.yaml:2: `waves_done` cannot be `two`",
        "faulty.yaml:3: unknown key `service` in the status file (hint: did you mean `services`?)",
        "faulty.yaml:5: the status of `shop/cart` cannot be `finished`",
        "faulty.yaml:6: unknown key `state` in the status of `shop/web`",
        "faulty.yaml:6: the status of `shop/web` needs `status`",
        "faulty.yaml:7: `wave` cannot be `0`",
        "faulty.yaml:7: `since` cannot be `yesterday`",
        "faulty.yaml:8: `wave` is the wave in which a service joined",
        "faulty.yaml:9: the status of a pattern is not known",
        "faulty.yaml:10: `shop/cart` is there since line 5",
        "faulty.yaml:11: the status of `shop/search` is a list",
    ] {
        assert!(told.contains(needed), "{needed}\n{told}");
    }
}

#[test]
fn files_that_are_none_are_refused_with_a_way_out() {
    let place = tempfile::tempdir().unwrap();
    for (bytes, message) in [
        (&b""[..], "the file says nothing"),
        (b"\xff\xfe", "is no UTF-8 text"),
        (b"{\"services\": {}", "no YAML"),
        (b"[]", "the status file is a list, not a mapping"),
        (b"services: {}", "needs `schema`"),
        (
            b"schema: tracemesh.onboarding-status/v1\nservices: [a]",
            "`services` is a list",
        ),
        (
            b"schema: tracemesh.onboarding-status/v1\n",
            "needs `services`",
        ),
    ] {
        let path = place.path().join("status");
        std::fs::write(&path, bytes).unwrap();
        let told = load(&path).unwrap_err().lines().join("\n");
        assert!(
            told.contains(message) && told.contains("hint"),
            "{message}: {told}"
        );
    }
    let missing = load(&place.path().join("missing")).unwrap_err();
    assert!(missing.lines().join("\n").contains("cannot read"));
}

/// Names are whatever a person or a tracker writes.
#[test]
fn names_of_any_kind_are_kept_as_they_are() {
    let name = "a ".repeat(20) + "\u{fc}:<b>&'$(x)";
    let text = format!("schema: {SCHEMA}\nservices:\n  \"{name}\": done\n  123: pending\n");
    let (file, faults) = status::read(&text);
    assert_eq!(faults, []);
    let names: Vec<&str> = file
        .services
        .iter()
        .map(|told| told.service.as_str())
        .collect();
    assert_eq!(names, [name.as_str(), "123"]);
}

proptest! {
    /// Whatever the bytes: no panic, lines inside the file, and only a clean file is without faults.
    #[test]
    fn any_text_is_judged(
        text in any::<String>(),
        yaml in "([a-z]{0,3}[:\\-\\[\\]{}&*!|>'\"#%@`, \\n\\t?]{1,3}){0,40}",
    ) {
        for text in [text, yaml.clone(), format!("schema: {SCHEMA}\nservices:\n{yaml}")] {
            let (_, faults) = status::read(&text);
            prop_assert!(!faults.is_empty() || text.starts_with("schema: "));
            let lines = text.lines().count() + 1;
            prop_assert!(faults.iter().all(|fault| (1..=lines).contains(&fault.line)));
        }
    }
}
