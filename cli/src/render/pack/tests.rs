use std::collections::BTreeMap;

use tracemesh_graph::egress::{
    AddressSource, EgressModel, EgressOptions, EvidenceClass, Feature, Phase, Setting, SettingName,
    SettingSource, SettingValue, derive,
};
use tracemesh_graph::hazards::{Handling, HazardKind, HazardNote};
use tracemesh_graph::inventory::Workload;
use tracemesh_graph::policy::{Label, Labels};

use super::render;
use crate::output_dir::Entry;
use crate::render::envoy::directories;

fn shop() -> EgressModel {
    let text = include_str!("../../../../fixtures/egress/shop/snapshot.json");
    derive(
        &serde_json::from_str(text).unwrap(),
        &EgressOptions::default(),
    )
}

fn workload(kind: &str, name: &str) -> Workload {
    Workload {
        kind: kind.to_owned(),
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        selector: BTreeMap::new(),
        confirmed: true,
    }
}

/// Files of one service by name.
fn pack(model: &EgressModel, service: &str, labels: &Labels) -> BTreeMap<String, String> {
    let directories = directories(model);
    let owners = BTreeMap::from([(service.to_owned(), "team *a*".to_owned())]);
    let prefix = format!("{}/onboarding/", directories[service]);
    render(model, &directories, labels, &owners)
        .into_iter()
        .filter_map(|(path, entry)| {
            let name = path.as_str().strip_prefix(&prefix)?.to_owned();
            let (Entry::File(text) | Entry::Link(text)) = entry else {
                return None;
            };
            Some((name, text))
        })
        .collect()
}

fn with_workload(found: Workload) -> EgressModel {
    let mut model = shop();
    let checkout = model
        .services
        .iter_mut()
        .find(|service| service.id == "service/shop/checkout");
    checkout.unwrap().workload = Some(found);
    model
}

#[test]
fn a_known_workload_gets_patches_and_the_way_back() {
    let labels = Labels {
        workload: Label {
            key: "envoy-sidecar-injector.example.com/enabled".to_owned(),
            value: "true".to_owned(),
        },
        namespace: Some(Label {
            key: "mesh".to_owned(),
            value: "on".to_owned(),
        }),
        ..Labels::default()
    };
    let model = with_workload(workload("Deployment", "checkout"));
    let files = pack(&model, "service/shop/checkout", &labels);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "README.md",
            "kustomization.yaml",
            "namespace-patch.yaml",
            "workload-patch.yaml",
            "workload-rollback.json"
        ]
    );
    assert!(
        files["workload-patch.yaml"]
            .contains(r#""envoy-sidecar-injector.example.com/enabled": "true""#),
        "{}",
        files["workload-patch.yaml"]
    );
    assert!(
        files["workload-rollback.json"]
            .contains("/labels/envoy-sidecar-injector.example.com~1enabled"),
    );
    let page = &files["README.md"];
    for command in [
        "kubectl patch deployment checkout -n shop --patch-file workload-patch.yaml",
        "kubectl patch namespace shop --patch-file namespace-patch.yaml",
        "kubectl get pods -n shop -l app=checkout",
        "Owner: team \\*a\\*.",
    ] {
        assert!(page.contains(command), "{page}");
    }
}

#[test]
fn a_workload_that_nobody_names_or_that_cannot_be_patched_gets_the_page_alone() {
    let hostile = ["a b", "../../etc", "x\ny", "-a", "a;reboot", "", "A"];
    let unpatchable = hostile
        .map(|name| with_workload(workload("Deployment", name)))
        .into_iter()
        .chain([shop(), with_workload(workload("Job", "checkout"))]);
    for model in unpatchable {
        let files = pack(&model, "service/shop/checkout", &Labels::default());
        assert_eq!(files.keys().collect::<Vec<_>>(), ["README.md"]);
        assert!(files["README.md"].contains("There is no patch"));
    }
}

#[test]
fn the_page_tells_the_settings_with_their_formulas_and_what_is_to_be_decided() {
    let mut model = shop();
    let service = model
        .services
        .iter_mut()
        .find(|service| service.id == "service/shop/checkout")
        .unwrap();
    service.hazards = vec![
        HazardNote {
            hazard: HazardKind::RefusedConnects,
            handling: Handling::Decision,
            how: "test fail-over".to_owned(),
        },
        HazardNote {
            hazard: HazardKind::LongCalls,
            handling: Handling::Handled,
            how: "no default timeout".to_owned(),
        },
    ];
    let tuning = &mut service.destinations[0].tuning;
    tuning.phase = Phase::Tuned;
    let setting = |value, formula: &str| Setting {
        value: SettingValue::Number(value),
        source: SettingSource::Observed,
        formula: formula.to_owned(),
        facts: vec!["p999_ms".to_owned()],
    };
    tuning
        .settings
        .insert(SettingName::RouteTimeout, setting(2450, "3 x p99.9"));
    tuning.withheld = vec![tracemesh_graph::egress::Absent {
        feature: Feature::Retries,
        reason: "the client retries".to_owned(),
    }];
    let files = pack(&model, "service/shop/checkout", &Labels::default());
    let page = &files["README.md"];
    for told in [
        "a call ends after 2.45 s: `3 x p99.9`",
        "- [ ] test fail-over",
        "- no default timeout",
        "retries, for kafka: the client retries.",
        "1 of your 4 destinations get settings; the rest",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
}

/// The order of sections is what owners scan for.
#[test]
fn every_page_answers_the_same_questions() {
    let model = shop();
    for service in &model.services {
        let files = pack(&model, &service.id, &Labels::default());
        let headings: Vec<&str> = files["README.md"]
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .filter(|heading| !["What has to wait", "What you have to decide"].contains(heading))
            .collect();
        assert_eq!(
            headings,
            [
                "What will change for you",
                "What we saw",
                "What we are unsure of",
                "How to join",
                "How to roll back"
            ]
        );
    }
}

#[test]
fn an_address_is_called_dialled_only_where_the_owner_dials_it() {
    let mut model = shop();
    let destinations = model.services.iter_mut();
    for destination in destinations.flat_map(|service| &mut service.destinations) {
        destination.evidence = vec![EvidenceClass::Address];
        destination.address_source = AddressSource::DialledByOthers;
        assert!(!super::words::known_by(destination).contains("dial"));
        destination.address_source = AddressSource::DialledByCaller;
        assert!(super::words::known_by(destination).contains("dial"));
    }
}

#[test]
fn pods_are_watched_by_labels_that_are_some() {
    let mut known = workload("Deployment", "checkout");
    let labels = [
        ("app.kubernetes.io/name", "pay"),
        ("x;reboot", "a"),
        ("b", "$(x)"),
    ];
    known.selector = BTreeMap::from(labels.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let files = pack(
        &with_workload(known),
        "service/shop/checkout",
        &Labels::default(),
    );
    assert!(files["README.md"].contains("-l app.kubernetes.io/name=pay\n"));
}
