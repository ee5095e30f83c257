//! Every form of a plan, on the screen and as a directory.

use std::fs;

use super::{boutique, json, onboard};
use crate::harness::{draw, files_under, kubectl_is_here, tracemesh_in};

const PLAN: &str = "--graph graph.json --policy tracemesh.yaml --start 2026-11-30";

#[test]
fn every_format_holds_the_whole_plan() {
    let place = boutique();
    let told = |format: &str| {
        let run = onboard(place.path(), &format!("{PLAN} --format {format}")).expect_code(0);
        assert_eq!(run.stderr, "", "{format}");
        run.stdout
    };
    let table = told("table");
    for line in table.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let plan = json(&told("json"));
    assert_eq!(plan["schema"], "tracemesh.onboarding/v1");
    assert_eq!(plan["summary"]["waves"], 7);
    let hash = plan["input"].as_str().unwrap();
    assert!(hash.starts_with("sha256:") && hash.len() == 71, "{hash}");
    assert_eq!(told("csv").lines().count(), 11, "a head and ten services");
    let calendar = told("ics");
    assert!(calendar.starts_with("BEGIN:VCALENDAR\r\n"), "{calendar}");
    assert!(calendar.ends_with("END:VCALENDAR\r\n"), "{calendar}");
    assert!(calendar.contains("winter sale"), "{calendar}");
    for format in ["svg-curves", "svg-gantt"] {
        let picture = told(format);
        assert!(
            picture.contains("<svg") && picture.trim_end().ends_with("</svg>"),
            "{format}"
        );
        for far in ["<script", "href", "@import", "url("] {
            assert!(!picture.contains(far), "{format}: {far}");
        }
    }
    let drawn = draw(&told("dot"));
    assert!(drawn.is_none_or(|svg| svg.contains("frontend")));
    let runbook = told("markdown");
    for service in ["frontend", "cart", "payment"] {
        for text in [&table, &runbook, &calendar] {
            assert!(text.contains(service), "{service} is not in\n{text}");
        }
    }
}

#[test]
fn dates_need_a_first_day() {
    let place = boutique();
    for format in ["ics", "svg-gantt"] {
        let run = onboard(
            place.path(),
            &format!("--graph graph.json --format {format}"),
        );
        let told = run.expect_refusal("the plan has no dates");
        assert!(told.contains("--start"), "{told}");
    }
    let run = onboard(place.path(), "--graph graph.json --out plan").expect_code(0);
    assert!(!run.stdout.contains("calendar.ics"), "{}", run.stdout);
    assert!(place.path().join("plan/protection.svg").exists());
    assert!(!place.path().join("plan/gantt.svg").exists());
}

#[test]
fn a_directory_gets_everything_and_the_same_again() {
    let place = boutique();
    let write = || {
        onboard(place.path(), &format!("{PLAN} --out plan"))
            .expect_code(0)
            .stdout
    };
    let told = write();
    let names = [
        "calendar.ics",
        "gantt.svg",
        "plan.csv",
        "plan.json",
        "protection.svg",
        "runbook.md",
        "waves.dot",
    ];
    let out = place.path().join("plan");
    let written: Vec<String> = files_under(&out)
        .iter()
        .map(|file| file.to_str().unwrap().to_owned())
        .collect();
    assert_eq!(written, names);
    for name in names {
        assert!(told.contains(name), "{name} is not in\n{told}");
    }
    let contents = || names.map(|name| fs::read(out.join(name)).unwrap());
    let first = contents();
    assert_eq!(write(), told);
    assert_eq!(contents(), first);
    // What the directory has is what the formats print.
    let printed = onboard(place.path(), &format!("{PLAN} --format json")).expect_code(0);
    assert_eq!(printed.stdout.as_bytes(), first[3]);
}

#[test]
fn kustomizations_of_waves_name_the_packs_of_their_services() {
    let place = boutique();
    let egress = ["egress", "--graph", "graph.json", "--out", "made/egress"];
    tracemesh_in(place.path(), &egress, b"").expect_code(0);
    let run = onboard(
        place.path(),
        "--graph graph.json --out a/plan --packs made/egress",
    );
    let told = run.expect_code(0).stdout;
    assert!(told.contains("kustomize/"), "{told}");
    let first = place.path().join("a/plan/kustomize/wave-01");
    let text = fs::read_to_string(first.join("kustomization.yaml")).unwrap();
    assert!(text.contains("kind: \"Component\""), "{text}");
    let named: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .collect();
    assert_eq!(named.len(), 2, "{text}");
    for pack in named {
        let pack = first.join(pack.trim_matches('"'));
        assert!(
            pack.join("workload-patch.yaml").exists(),
            "{}",
            pack.display()
        );
    }
    if kubectl_is_here() {
        let overlay = place.path().join("overlay");
        fs::create_dir(&overlay).unwrap();
        let kustomization =
            "resources: [workloads.yaml]\ncomponents: [../a/plan/kustomize/wave-01]\n";
        fs::write(overlay.join("kustomization.yaml"), kustomization).unwrap();
        let workloads: String = ["payment", "shipping", "cart"].map(deployment).concat();
        fs::write(overlay.join("workloads.yaml"), workloads).unwrap();
        let built = std::process::Command::new("kubectl")
            .args(["kustomize", overlay.to_str().unwrap()])
            .output()
            .unwrap();
        let complaints = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{complaints}");
        let built = String::from_utf8(built.stdout).unwrap();
        assert_eq!(
            built.matches("sidecar.istio.io/inject").count(),
            2,
            "{built}"
        );
    }
}

fn deployment(name: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: boutique}}\nspec:\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
         spec: {{containers: [{{name: app, image: {name}}}]}}\n"
    )
}

/// A wave that an earlier plan had and this one does not have must not be applied by mistake.
#[test]
fn files_of_an_earlier_plan_are_named() {
    let place = boutique();
    fs::create_dir_all(place.path().join("plan/kustomize/wave-40")).unwrap();
    let stale = "plan/kustomize/wave-40/kustomization.yaml";
    fs::write(place.path().join(stale), "kind: Component\n").unwrap();
    let run = onboard(place.path(), "--graph graph.json --out plan").expect_code(0);
    let expected = format!("`{stale}` is of an earlier plan: remove it\n");
    assert_eq!(run.stderr, expected);
}

#[test]
fn analyze_writes_the_plan_beside_the_graph() {
    let place = boutique();
    let traces = crate::harness::root().join("fixtures/shop");
    let run = tracemesh_in(
        place.path(),
        &["analyze", traces.to_str().unwrap(), "--out", "out"],
        b"",
    );
    let told = run.expect_code(0).stdout;
    assert!(told.contains("out/onboarding/"), "{told}");
    assert!(told.contains("wave 1 "), "{told}");
    for name in [
        "onboarding.md",
        "onboarding.json",
        "onboarding/plan.csv",
        "onboarding/protection.svg",
        "onboarding/waves.dot",
        "onboarding/kustomize/wave-01/kustomization.yaml",
    ] {
        assert!(place.path().join("out").join(name).exists(), "{name}");
    }
    assert!(!place.path().join("out/onboarding/plan.json").exists());
    let check = "check out/onboarding.json --graph out/graph.json";
    onboard(place.path(), check).expect_code(0);
}
