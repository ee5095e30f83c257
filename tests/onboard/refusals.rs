//! Files and arguments that cannot be used: each is refused with what to do.

use std::fs;

use super::{boutique, onboard, plan_into};
use crate::harness::{call, request, tracemesh_in};

#[test]
fn bad_plan_files_are_refused_wherever_a_plan_is_read() {
    let place = boutique();
    let files: [(&str, &[u8], &str); 6] = [
        ("empty.json", b"", "is no JSON"),
        ("text.json", b"hello", "is no JSON"),
        ("list.json", b"[1]", "names no schema"),
        ("graph.json", b"", "has the schema `tracemesh.graph/v1`"),
        (
            "old.json",
            b"{\"schema\":\"tracemesh.onboarding/v0\"}",
            "has the schema `tracemesh.onboarding/v0`",
        ),
        (
            "part.json",
            b"{\"schema\":\"tracemesh.onboarding/v1\",\"waves\":[]}",
            "is no valid",
        ),
    ];
    for (name, bytes, message) in files {
        if name != "graph.json" {
            fs::write(place.path().join(name), bytes).unwrap();
        }
        for arguments in [
            format!("explain cart --plan {name}"),
            format!("check {name} --graph graph.json"),
            format!("diff {name} {name}"),
            format!("status --plan {name} --graph graph.json"),
            format!("--previous {name} --graph graph.json"),
        ] {
            onboard(place.path(), &arguments).expect_refusal(message);
        }
    }
    let missing = onboard(place.path(), "status --plan no.json --graph graph.json");
    missing.expect_refusal("cannot read `no.json`");
}

#[test]
fn directories_and_meshes_that_are_not_there_are_refused() {
    let place = boutique();
    for (arguments, message) in [
        ("--graph graph.json --out graph.json", "`--out` is a file"),
        (
            "--graph graph.json --out plan --packs nowhere",
            "cannot find packs in `nowhere`",
        ),
        ("--graph graph.json --mesh west", "there is no mesh `west`"),
        (
            "--graph graph.json --previous .",
            "cannot read `./plan.json`",
        ),
        (
            "--graph graph.json --policy no.yaml",
            "cannot read `no.yaml`",
        ),
        (
            "--graph graph.json --status no.yaml",
            "cannot read `no.yaml`",
        ),
    ] {
        onboard(place.path(), arguments).expect_refusal(message);
    }
    assert!(!place.path().join("plan").exists());
}

#[test]
fn arguments_that_make_no_sense_are_usage_errors() {
    let place = boutique();
    for arguments in [
        "--graph graph.json --in-flight 0",
        "--graph graph.json --start 2027-02-30",
        "--graph graph.json --goal fast",
        "--graph graph.json --out plan --format json",
        "--graph graph.json --packs egress",
        "--waves-done 201",
        "explain",
        "check",
        "status --graph graph.json",
        "--graph graph.json check plan.json",
    ] {
        let run = onboard(place.path(), arguments).expect_code(2);
        assert_eq!(run.stdout, "", "{arguments}");
        assert!(!run.stderr.is_empty(), "{arguments}");
    }
}

/// Numbers that no planner writes, in a plan that was edited: compared, judged and repaired without a crash.
#[test]
fn absurd_numbers_in_a_plan_do_no_harm() {
    let place = boutique();
    let mut plan = plan_into(
        place.path(),
        "plan.json",
        "--graph graph.json --start 2027-01-04",
    );
    plan["waves"][0]["wave"] = u32::MAX.into();
    plan["waves"][1]["wave"] = 0.into();
    plan["options"]["waves_done"] = u32::MAX.into();
    plan["options"]["in_flight"]["ramp"] = u32::MAX.into();
    plan["options"]["calendar"]["bake_days"] = u32::MAX.into();
    plan["options"]["ramp"]["growth"] = 1e300.into();
    let copy = plan["waves"][2].clone();
    plan["waves"].as_array_mut().unwrap().push(copy);
    plan["waves"][3]["services"][0]["service"] = "service/\u{1b}[2J\n\u{202e}x".into();
    fs::write(place.path().join("absurd.json"), plan.to_string()).unwrap();
    for (arguments, codes) in [
        ("explain cart --plan absurd.json", &[0][..]),
        ("check absurd.json --graph graph.json", &[1]),
        ("diff plan.json absurd.json", &[1]),
        ("status --plan absurd.json --graph graph.json", &[0, 1]),
        ("--previous absurd.json --graph graph.json", &[0]),
    ] {
        let run = onboard(place.path(), arguments);
        assert!(
            run.code.is_some_and(|code| codes.contains(&code)),
            "{run:?}"
        );
        assert!(!run.stderr.contains("panicked"), "{run:?}");
        let visible = |text: &str| text.chars().all(|c| c == '\n' || !c.is_control());
        assert!(visible(&run.stdout) && visible(&run.stderr), "{run:?}");
        assert!(!run.stdout.contains('\u{202e}'), "{run:?}");
    }
}

#[test]
fn ambiguous_names_list_who_is_meant() {
    let place = boutique();
    let mut spans = Vec::new();
    for (trace, namespace) in [(1, "a"), (2, "b")] {
        let mut pair = call(trace, "web", "cart", "cart.shop");
        for service in &mut pair {
            let resource = service.resource.as_mut().unwrap();
            let attribute = crate::harness::attribute("service.namespace", namespace);
            resource.attributes.push(attribute);
        }
        spans.extend(pair);
    }
    fs::write(place.path().join("two.pb"), request(spans)).unwrap();
    let run = onboard(place.path(), "explain cart --traces two.pb");
    let told = run.expect_refusal("`cart` fits 2 services");
    assert!(
        told.contains("`service/a/cart`, `service/b/cart`"),
        "{told}"
    );
    onboard(place.path(), "explain a/cart --traces two.pb").expect_code(0);
}

/// Names from spans in every form of a plan: data, and never a command.
#[test]
fn hostile_names_are_data_in_every_format() {
    const NAMES: [&str; 10] = [
        "two\nlines\r\n",
        "\"]; evil -> x [label=\"",
        "</svg><script>alert(1)</script>",
        "esc\u{1b}[2J\u{9b}",
        "\u{202e}exe.gnp",
        "../../../etc/cron.d/x",
        "=cmd|'/C calc'!A0",
        "BEGIN:VEVENT;X=\\,",
        "`id` $(id) {{x}}",
        "| [a](http://evil) ![b](x) <img>",
    ];
    let place = boutique();
    let spans = (1..).zip(NAMES.iter().zip(NAMES.iter().skip(1)));
    let spans: Vec<_> = spans
        .flat_map(|(trace, (caller, callee))| call(trace, caller, callee, "host.example"))
        .collect();
    fs::write(place.path().join("hostile.pb"), request(spans)).unwrap();
    for format in [
        "table",
        "markdown",
        "json",
        "csv",
        "ics",
        "svg-curves",
        "svg-gantt",
        "dot",
    ] {
        let arguments = format!("--traces hostile.pb --start 2027-01-04 --format {format}");
        let text = onboard(place.path(), &arguments).expect_code(0).stdout;
        let visible = |c: char| matches!(c, '\n' | '\r') || !c.is_control();
        assert!(text.chars().all(visible), "{format}: {text:?}");
        assert!(
            format == "json" || !text.contains('\u{202e}'),
            "{format}: {text:?}"
        );
        for forbidden in ["<script", "\nBEGIN:VEVENT;X", "\n=cmd", "\n\"=cmd", ",=cmd"] {
            assert!(
                format == "json" || !text.contains(forbidden),
                "{format}: {forbidden}"
            );
        }
        if format == "dot" {
            crate::harness::draw(&text);
        }
    }
    let out = ["onboard", "--traces", "hostile.pb", "--out", "plan"];
    tracemesh_in(place.path(), &out, b"").expect_code(0);
    let files = crate::harness::files_under(place.path());
    let outside =
        |file: &&std::path::PathBuf| !file.starts_with("plan") && file.components().count() > 1;
    assert_eq!(files.iter().find(outside), None);
}
