//! Calendar files and drawings of an onboarding plan before programs that other people wrote: a calendar reader, an XML reader and
//! Graphviz, with names that attack all of them.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tracemesh::render::onboarding::{dot, gantt_svg, ics, protection_svg};
use tracemesh_graph::onboarding::{
    Freeze, Plan, PlanEdge, PlanInput, PlanOptions, PlanService, plan,
};

use crate::harness::{graphviz_is_here, python};

const NAMES: [&str; 6] = [
    "</text><script>alert(1)</script>",
    "a\r\nBEGIN:VEVENT\r\nX:1",
    "\u{1b}]0;x\u{7}\u{0}\u{202e}\u{ffff}",
    "\"]; evil -> sink; x [label=\"&lt;<b>",
    "a,b;c\\n\\",
    "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{65e5}\u{672c}\u{8a9e} \u{1f600}",
];

fn planned() -> (PlanInput, Plan) {
    let id = |number: usize| format!("service/{}", NAMES[number % NAMES.len()]);
    let service = |number: usize| PlanService {
        team: Some(NAMES[(number + 1) % NAMES.len()].to_owned()),
        entry_rate: 1.0,
        ..PlanService::unknown()
    };
    let mut input = PlanInput::default();
    for number in 0..NAMES.len() {
        input.services.insert(id(number), service(number));
        input.edges.push(PlanEdge {
            caller: id(number),
            callee: id(number + 2),
            rate: 2.0,
            attempts: None,
            hit_ratio: None,
            confidence: 1.0,
        });
    }
    let mut options = PlanOptions::default();
    options.calendar.start = Some("2026-01-05".parse().unwrap());
    options.calendar.cells = NAMES.map(str::to_owned).to_vec();
    options.freezes = NAMES
        .map(|name| Freeze {
            name: name.to_owned(),
            from: "2026-02-02".parse().unwrap(),
            to: "2026-02-04".parse().unwrap(),
            services: vec![format!("service/{name}")],
            teams: Vec::new(),
        })
        .to_vec();
    let plan = plan(&input, &options, None).unwrap();
    (input, plan)
}

/// Python with a calendar reader.
fn reader() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        python::environment("icalendar", &["icalendar==7.3.0"], |venv| {
            python::interpreter(venv, "icalendar")
        })
    });
    python::or_skip(found, "icalendar for Python")
}

fn run(python: &Path, script: &str, file: &Path) -> String {
    let output = Command::new(python)
        .args(["-c", script])
        .arg(file)
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_calendar_reader_finds_every_step_of_every_wave_on_its_day() {
    let Some(python) = reader() else { return };
    let (_, plan) = planned();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("onboarding.ics");
    fs::write(&file, ics(&plan).unwrap()).unwrap();
    let script = "
import sys, icalendar
calendar = icalendar.Calendar.from_ical(open(sys.argv[1], 'rb').read())
events = calendar.walk('VEVENT')
assert not calendar.errors and not any(event.errors for event in events)
assert all(event['DTSTAMP'] and len(str(event['DESCRIPTION'])) > 20 for event in events)
for event in events:
    print(event['UID'].rsplit('-', 1)[0], event.decoded('DTSTART'), event.decoded('DTEND'))
";
    let read = run(python, script, &file);
    let calendar = plan.calendar.as_ref().unwrap();
    let mut events: Vec<String> = Vec::new();
    for wave in &calendar.waves {
        let mut event = |step: &str, from: jiff::civil::Date, end: jiff::civil::Date| {
            events.push(format!("wave-{}-{step} {from} {end}", wave.wave));
        };
        let next = |day: jiff::civil::Date| day.tomorrow().unwrap();
        event("prepare", wave.prepare, wave.canary);
        event("canary", wave.canary, next(wave.canary));
        event("bake", wave.bake_until, next(wave.bake_until));
        for (number, rollout) in (1..).zip(&wave.rollouts) {
            event(&format!("rollout-{number}"), rollout.from, next(rollout.to));
        }
        event("flips", wave.flips, next(wave.flips));
    }
    let (waves, freezes): (Vec<&str>, Vec<&str>) =
        read.lines().partition(|line| line.starts_with("wave-"));
    assert_eq!(waves, events);
    let is_whole = |line: &str| line.ends_with(" 2026-02-02 2026-02-05");
    assert!(freezes.iter().all(|line| is_whole(line)), "{freezes:?}");
    assert_eq!(freezes.len(), NAMES.len());
}

#[test]
fn an_xml_reader_takes_the_drawings_and_finds_nothing_but_drawing() {
    let Some(python) = reader() else { return };
    let (_, plan) = planned();
    let place = tempfile::tempdir().unwrap();
    let script = "
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
print(*sorted({node.tag.split('}')[-1] for node in root.iter()}))
assert not any('href' in key or key.startswith('on') for node in root.iter() for key in node.keys())
";
    for (name, drawing) in [
        ("gantt.svg", gantt_svg(&plan).unwrap()),
        ("protection.svg", protection_svg(&plan)),
    ] {
        let file = place.path().join(name);
        fs::write(&file, drawing).unwrap();
        let tags = run(python, script, &file);
        let known = [
            "desc", "line", "polygon", "polyline", "rect", "svg", "text", "title",
        ];
        assert!(
            tags.split_whitespace().all(|tag| known.contains(&tag)),
            "{tags}"
        );
    }
}

/// As Graphviz reads it, the drawing has the services of the plan and no node or edge besides.
#[test]
fn graphviz_draws_the_graph_by_wave() {
    if !graphviz_is_here() {
        return;
    }
    let (input, plan) = planned();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("onboarding.dot");
    fs::write(&file, dot(&plan, &input)).unwrap();
    let output = Command::new("dot")
        .arg("-Tjson0")
        .arg(&file)
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{complaints}"
    );
    let drawn: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let objects = drawn["objects"].as_array().unwrap();
    let nodes = objects
        .iter()
        .filter(|object| object.get("tooltip").is_some());
    assert_eq!(nodes.count(), NAMES.len());
    let edges = drawn["edges"].as_array().unwrap();
    let calls = edges.iter().filter(|edge| edge["style"] != "invis");
    assert_eq!(calls.count(), input.edges.len());
}
