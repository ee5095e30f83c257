use super::*;
use crate::render::sample::HOSTILE_NAMES;
use tracemesh_graph::onboarding::{Curves, Gate, Missing, PROGRESS_SCHEMA, Shortfall, Unexpected};
use tracemesh_graph::snapshot::Window;

fn curves(share: f64) -> Curves {
    Curves {
        shed: share,
        client: share,
        both: share / 2.0,
        strict: 0.0,
    }
}

fn point(share: f64) -> CurvePoint {
    CurvePoint {
        wave: 2,
        curves: curves(share),
        exposure: 1.0 - share,
    }
}

fn behind(names: &[&str]) -> Progress {
    let wave = |wave, state, actual: Option<f64>| WaveProgress {
        wave,
        state,
        dates: None,
        services: 1_000,
        services_in: 1_000,
        planned: curves(1.0),
        actual: actual.map(curves),
    };
    let missing = names.iter().map(|name| Missing {
        wave: 2,
        service: format!("service/{name}"),
        status: Status::Pending,
    });
    let unexpected = names.iter().map(|name| Unexpected {
        service: (*name).to_owned(),
        plan: PlanSays::Nothing,
    });
    let contradictions = names.iter().map(|name| Contradiction {
        service: (*name).to_owned(),
        taken: Status::Done,
        says: vec![format!("the status file says {name}")],
    });
    Progress {
        schema: PROGRESS_SCHEMA.to_owned(),
        mesh: names.first().map(|name| (*name).to_owned()),
        plan_window: Window::default(),
        window: Window::default(),
        due: Due::Status,
        over: 2,
        services: 5_000,
        services_in: 40,
        planned: point(0.4),
        expected: point(0.4),
        actual: point(0.3),
        waves: vec![
            wave(1, WaveState::Over, Some(1.0)),
            wave(2, WaveState::Late, Some(0.3)),
            wave(4_294_967_295, WaveState::Waiting, None),
        ],
        missing: missing.collect(),
        unexpected: unexpected.collect(),
        gone: names.iter().map(|name| (*name).to_owned()).collect(),
        gate: Gate {
            wave: Some(3),
            is_open: false,
            tolerance: 0.05,
            short: vec![Shortfall {
                curve: CurveName::Shed,
                planned: 0.4,
                actual: 0.3,
            }],
        },
        is_behind: true,
        contradictions: contradictions.collect(),
    }
}

#[test]
fn a_late_rollout_in_one_screen() {
    let expected = "\
behind the plan; 40 of 5,000 services in
waves 1 to 2 should be over (by who is in: the plan has no dates)

PROTECTED TRAFFIC     SHED    CLIENT      BOTH    STRICT  EXPOSURE LEFT
  promised          40.0 %    40.0 %    20.0 %     0.0 %         60.0 %
  on this graph     40.0 %    40.0 %    20.0 %     0.0 %         60.0 %
  in force          30.0 %    30.0 %    15.0 %     0.0 %         70.0 %
  promised: what the plan said. on this graph: what the same services would
  protect of the traffic of these traces. in force: what those that are in do
  protect of it.

WAVE  STATE    SERVICES IN      SHED    CLIENT      BOTH    STRICT  FLIPS
   1  over     1000 of 1000 100 / 100 100 / 100   50 / 50     0 / 0
   2  LATE     1000 of 1000  30 / 100  30 / 100   15 / 50     0 / 0
4294967295  waiting  1000 of 1000   - / 100   - / 100    - / 50     - / 0
  shares of traffic in percent: in force / promised

GATE FOR WAVE 3: closed
  shed: 30.0 % in force, 40.0 % promised
  bring in who is missing, or plan again with `--previous`.
";
    let mut progress = behind(&[]);
    progress.mesh = None;
    assert_eq!(table(&progress, Palette::Plain), expected);
}

#[test]
fn hostile_names_stay_on_lines_of_eighty_columns() {
    let text = table(&behind(&HOSTILE_NAMES), Palette::Plain);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
    }
    assert!(!text.contains('\u{202e}'));
    for title in ["SHOULD BE IN, AND ARE NOT", "SOURCES THAT DISAGREE"] {
        assert!(text.contains(title), "{text}");
    }
    assert!(json(&behind(&HOSTILE_NAMES)).is_ok());
}
