//! Whole drawings of the reference graph, and what hostile names cannot do. The plans here are also those of the other calendar tests.

use std::path::PathBuf;

use jiff::civil::Date;
use proptest::prelude::*;
use tracemesh_graph::onboarding::{
    Freeze, Hazard, InFlight, Plan, PlanEdge, PlanInput, PlanOptions, PlanService, Severity,
    Status, plan,
};

use super::super::{gantt_svg, protection_svg};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/onboarding")
}

/// Compares with an expected file, or rewrites it when `TRACEMESH_BLESS` is set.
#[track_caller]
pub(in crate::render::onboarding) fn expect(name: &str, actual: &str) {
    crate::render::golden::expect("onboarding", name, actual);
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn freeze(name: &str, from: &str, to: &str) -> Freeze {
    Freeze {
        name: name.to_owned(),
        from: day(from),
        to: day(to),
        services: Vec::new(),
        teams: Vec::new(),
    }
}

/// The reference graph with a calendar. Every service is pinned to its wave of the best plan, so that no rule of the search changes the picture.
pub(in crate::render::onboarding) fn reference() -> (PlanInput, Plan) {
    let text = std::fs::read_to_string(fixtures().join("online-boutique.json")).unwrap();
    let mut input: PlanInput = serde_json::from_str(&text).unwrap();
    let waves: [&[&str]; 7] = [
        &["payment", "shipping"],
        &["ad", "checkout"],
        &["email", "recommendation"],
        &["productcatalog"],
        &["frontend"],
        &["currency"],
        &["cart"],
    ];
    for (wave, names) in (1..).zip(waves) {
        for name in names {
            let service = input.services.get_mut(&format!("service/{name}"));
            service.unwrap().pins.wave = Some(wave);
        }
    }
    let mut options = PlanOptions::default();
    options.calendar.start = Some(day("2026-01-05"));
    options.calendar.cells = vec!["west".to_owned(), "east".to_owned()];
    options.freezes = vec![
        freeze("Easter", "2026-04-02", "2026-04-06"),
        Freeze {
            teams: vec!["web".to_owned()],
            ..freeze("release of the app", "2026-01-12", "2026-01-23")
        },
    ];
    let plan = plan(&input, &options, None).unwrap();
    (input, plan)
}

/// Names that attack some format.
pub(in crate::render::onboarding) const HOSTILE: [&str; 9] = [
    "</text><script>alert(1)</script>",
    "a\r\nBEGIN:VEVENT\r\nX:1",
    "\u{1b}]0;x\u{7}\u{0}",
    "\u{202e}gnitset\u{200b}\u{2028}",
    "\u{ffff}\u{fffe}\u{feff}",
    "\"]; evil -> sink; x [label=\"&lt;<b>",
    "a,b;c\\n\\",
    "]]>--><!--&#x0;&amp;",
    "",
];

/// A plan in which everything that has a name has these, with two waves in flight, services done, excluded and held back.
pub(in crate::render::onboarding) fn named(names: &[String]) -> (PlanInput, Plan) {
    let name = |number: usize| names[number % names.len()].clone();
    let id = |number: usize| format!("service/{}{number}", name(number));
    let mut input = PlanInput::default();
    for number in 0..24 {
        let service = PlanService {
            team: (number % 5 > 0).then(|| name(number / 2)),
            status: match number {
                3 => Status::Done,
                4 => Status::Excluded,
                _ => Status::Pending,
            },
            hazards: (number == 5)
                .then(|| Hazard {
                    code: name(number),
                    severity: Severity::Blocker,
                })
                .into_iter()
                .collect(),
            entry_rate: 1.0,
            ..PlanService::unknown()
        };
        input.services.insert(id(number), service);
    }
    for number in 0..40 {
        input.edges.push(PlanEdge {
            caller: id(number % 24),
            callee: id(number * 7 % 25),
            rate: 3.0,
            attempts: None,
            hit_ratio: None,
            confidence: 1.0,
        });
    }
    let mut options = PlanOptions::default();
    options.calendar.start = Some(day("2026-01-05"));
    options.calendar.cells = names.to_vec();
    options.calendar.cell_lag_days = 0;
    options.in_flight = InFlight { ramp: 2, after: 3 };
    for (number, name) in names.iter().enumerate() {
        let mut freeze = freeze(name, "2026-02-02", "2026-02-05");
        if number % 2 == 1 {
            freeze.teams.push(name.clone());
            freeze.services.push(id(number));
        }
        options.freezes.push(freeze);
    }
    let mut plan = plan(&input, &options, None).unwrap();
    plan.mesh = Some(names.concat());
    (input, plan)
}

pub(in crate::render::onboarding) fn hostile() -> (PlanInput, Plan) {
    named(&HOSTILE.map(str::to_owned))
}

#[test]
fn protection_curves_of_the_reference_graph() {
    let (_, mut plan) = reference();
    expect("online-boutique-protection.svg", &protection_svg(&plan));
    plan.calendar = None;
    let text = protection_svg(&plan);
    assert!(text.contains("\nwave\n") && !text.contains("2026"));
}

#[test]
fn calendar_of_the_reference_graph() {
    let (_, mut plan) = reference();
    expect("online-boutique-gantt.svg", &gantt_svg(&plan).unwrap());
    plan.calendar = None;
    assert_eq!(gantt_svg(&plan), None);
}

/// Only drawing, no scripts, no references, no characters that XML does not know; tags are closed.
fn assert_is_a_drawing(svg: &str) {
    let is_known = |c: char| c == '\n' || !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    assert!(svg.chars().all(is_known));
    assert!(!svg.contains('\u{202e}') && !svg.contains("href"));
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        let name: String = tag.chars().take_while(|c| *c != ' ').collect();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
        } else {
            let known = [
                "svg", "title", "desc", "line", "rect", "text", "polyline", "polygon",
            ];
            assert!(known.contains(&name.as_str()), "{name}");
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
        for entity in text.split('&').skip(1) {
            let known = ["lt;", "gt;", "amp;", "quot;", "apos;"];
            assert!(
                known.iter().any(|known| entity.starts_with(known)),
                "{entity}"
            );
        }
    }
    assert!(open.is_empty());
}

#[test]
fn no_name_breaks_out_of_a_drawing() {
    let (_, plan) = hostile();
    assert_is_a_drawing(&protection_svg(&plan));
    assert_is_a_drawing(&gantt_svg(&plan).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn no_names_at_all_break_out_of_a_drawing(names in prop::collection::vec(any::<String>(), 1..5)) {
        let (_, plan) = named(&names);
        assert_is_a_drawing(&protection_svg(&plan));
        assert_is_a_drawing(&gantt_svg(&plan).unwrap());
    }
}

/// No service, one wave, a calendar that ends before the plan, freezes and steps that fill millennia: still a picture.
#[test]
fn degenerate_plans_are_drawn() {
    let empty = plan(&PlanInput::default(), &PlanOptions::default(), None).unwrap();
    assert_is_a_drawing(&protection_svg(&empty));
    let mut options = PlanOptions::default();
    options.calendar.start = Some(Date::MIN);
    options.calendar.bake_days = u32::MAX;
    options.calendar.rollout_days = u32::MAX;
    options.freezes = vec![freeze("long", "2026-01-01", "7000-01-01")];
    let (input, _) = reference();
    for start in [Date::MIN, day("2025-12-01"), day("9990-01-01")] {
        options.calendar.start = Some(start);
        let mut plan = plan(&input, &options, None).unwrap();
        assert_is_a_drawing(&protection_svg(&plan));
        if let Some(picture) = gantt_svg(&plan) {
            assert_is_a_drawing(&picture);
            plan.calendar.as_mut().unwrap().waves.truncate(2);
            assert!(
                gantt_svg(&plan)
                    .unwrap()
                    .contains("waves after 2 have no dates")
            );
            assert!(protection_svg(&plan).contains("\nwave\n"));
        }
        // An edited file may hold any numbers, as long as they are numbers.
        for point in &mut plan.curves {
            point.exposure = 1e300;
            point.curves.shed = -1.0;
        }
        plan.calendar = None;
        assert_is_a_drawing(&protection_svg(&plan));
    }
}
