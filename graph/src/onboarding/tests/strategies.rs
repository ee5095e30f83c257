//! Random graphs and random wishes of people.

use jiff::civil::{Date, date};

use super::*;

/// First day of every random calendar, a Monday.
const START: Date = date(2026, 1, 5);

/// Most services of a random graph.
const MOST: usize = 20;

pub(super) fn any_service() -> impl Strategy<Value = PlanService> {
    let severity = prop_oneof![
        6 => Just(None),
        1 => Just(Some(Severity::Low)),
        1 => Just(Some(Severity::Medium)),
        1 => Just(Some(Severity::High)),
        1 => Just(Some(Severity::Blocker)),
    ];
    let status = prop_oneof![
        8 => Just(Status::Pending),
        1 => Just(Status::Done),
        1 => Just(Status::Excluded),
    ];
    let evidence = prop_oneof![1 => Just(1.0), 1 => 0.0..1.0f64];
    (
        prop_oneof![3 => Just(0.0), 1 => 0.0..1000.0f64],
        proptest::option::of(0..3u8),
        proptest::option::of(0..5u8),
        (severity, status),
        prop_oneof![6 => Just(None), 1 => (0..12u32).prop_map(Some)],
        (0..2u64, evidence),
        prop_oneof![5 => Just(1), 1 => 0..5u32],
        proptest::option::weighted(0.2, 0.0..1.0f64),
    )
        .prop_map(
            |(
                entry_rate,
                team,
                tier,
                (severity, status),
                not_before,
                seen,
                effort,
                criticality,
            )| {
                let hazard = |severity| Hazard {
                    code: "tls-inside".to_owned(),
                    severity,
                };
                let (orphans, days) = seen;
                PlanService {
                    entry_rate,
                    team: team.map(|number| format!("team-{number}")),
                    tier,
                    hazards: severity.map(hazard).into_iter().collect(),
                    status,
                    pins: Pins {
                        not_before,
                        ..Pins::NONE
                    },
                    orphans,
                    effort,
                    criticality,
                    evidence: Evidence {
                        days,
                        ..Evidence::FULL
                    },
                    ..service()
                }
            },
        )
}

/// Up to [`MOST`] services and some ends that are none, with any edges between them: cycles, self-calls, repeated edges, zero rates.
pub(super) fn any_input() -> impl Strategy<Value = PlanInput> {
    let services = proptest::collection::vec(any_service(), 0..=MOST);
    let rate = prop_oneof![1 => Just(0.0), 9 => 0.001..1e6f64];
    let ends = (0..MOST + 3, 0..MOST + 3);
    let attempts = proptest::option::of(1.0..5.0f64);
    let edges = proptest::collection::vec((ends, rate, attempts), 0..60);
    (services, edges).prop_map(|(services, edges)| {
        let name = |number: usize| {
            if number < services.len() {
                id(number)
            } else {
                format!("external/x{}", number % 3)
            }
        };
        PlanInput {
            services: (0..).map(name).zip(services.clone()).collect(),
            edges: edges
                .into_iter()
                .map(|((caller, callee), rate, attempts)| PlanEdge {
                    attempts,
                    ..edge(&name(caller), &name(callee), rate)
                })
                .collect(),
            ..PlanInput::default()
        }
    })
}

fn any_ramp() -> impl Strategy<Value = Ramp> {
    let other = (
        0.0..4.0f64,
        0.5..3.0f64,
        proptest::option::of(0..6usize),
        proptest::collection::vec(0.0..0.5f64, 0..5),
        proptest::collection::vec(0.0..1.0f64, 0..5),
        0..4usize,
    )
        .prop_map(
            |(first_size, growth, size_cap, traffic_caps, risk_ceilings, team_cap)| Ramp {
                first_size,
                growth,
                size_cap,
                traffic_caps,
                risk_ceilings,
                team_cap,
            },
        );
    prop_oneof![2 => Just(Ramp::default()), 1 => other]
}

/// Any goal, order, ramp and number of waves in flight; no pins, groups or dates.
pub(super) fn any_options() -> impl Strategy<Value = PlanOptions> {
    let goal = prop_oneof![
        3 => Just(Goal::Balanced),
        1 => Just(Goal::StrictMtls),
        1 => Just(Goal::RiskAverse),
    ];
    let order = prop_oneof![
        3 => Just(Order::Soft),
        1 => Just(Order::CalleeFirst),
        1 => Just(Order::CallerFirst),
    ];
    let mesh_mode = prop_oneof![4 => Just(MeshMode::Permissive), 1 => Just(MeshMode::StrictOnly)];
    let in_flight = prop_oneof![2 => Just((1, 1)), 1 => (0..4u32, 0..4u32)];
    let adjacent_share = prop_oneof![3 => Just(0.0), 1 => 0.0..0.1f64];
    (
        (goal, order, mesh_mode),
        any_ramp(),
        in_flight,
        adjacent_share,
        prop_oneof![3 => Just(0), 1 => 0..5u32],
        proptest::option::weighted(0.2, 0.0..0.5f64),
    )
        .prop_map(
            |(kind, ramp, (in_ramp, after), adjacent_share, waves_done, retry_budget)| {
                PlanOptions {
                    goal: kind.0,
                    order: kind.1,
                    mesh_mode: kind.2,
                    ramp,
                    in_flight: InFlight {
                        ramp: in_ramp,
                        after,
                    },
                    adjacent_share,
                    waves_done,
                    retry_budget,
                    ..quick()
                }
            },
        )
}

/// One pin of each kind, few of them at a time.
fn any_pins() -> impl Strategy<Value = Pins> {
    let wave = || 1..10u32;
    let day = || (0..200i32).prop_map(|days| START.saturating_add(jiff::Span::new().days(days)));
    prop_oneof![
        2 => Just(Pins { first: true, ..Pins::NONE }),
        2 => Just(Pins { last: true, ..Pins::NONE }),
        3 => wave().prop_map(|wave| Pins { wave: Some(wave), ..Pins::NONE }),
        2 => wave().prop_map(|wave| Pins { not_before: Some(wave), ..Pins::NONE }),
        3 => wave().prop_map(|wave| Pins { not_after: Some(wave), ..Pins::NONE }),
        2 => day().prop_map(|day| Pins { not_before_day: Some(day), ..Pins::NONE }),
        2 => day().prop_map(|day| Pins { not_after_day: Some(day), ..Pins::NONE }),
    ]
}

fn any_groups() -> impl Strategy<Value = Groups> {
    let named = || (0..MOST + 1).prop_map(id);
    let some = |size| proptest::collection::vec(proptest::collection::vec(named(), size), 0..2);
    (
        proptest::collection::vec((named(), named()), 0..4),
        some(0..4usize),
        some(0..4usize),
    )
        .prop_map(|(before, together, apart)| Groups {
            before: before.into_iter().filter(|(a, b)| a != b).collect(),
            together,
            apart,
        })
}

fn any_freezes() -> impl Strategy<Value = Vec<Freeze>> {
    let days = (0..150i32, 0..30i32);
    let services = proptest::collection::vec((0..MOST).prop_map(id), 0..3);
    let teams = proptest::collection::vec((0..3u8).prop_map(|n| format!("team-{n}")), 0..2);
    let freeze = (days, services, teams).prop_map(|((from, length), services, teams)| Freeze {
        name: "freeze".to_owned(),
        from: START.saturating_add(jiff::Span::new().days(from)),
        to: START.saturating_add(jiff::Span::new().days(from + length)),
        services,
        teams,
    });
    proptest::collection::vec(freeze, 0..3)
}

fn any_calendar() -> impl Strategy<Value = CalendarOptions> {
    let working = proptest::sample::subsequence(CalendarOptions::default().working_days, 0..=5);
    (working, 0..15u32, 0..4u32, 0..3usize, 0..3u32).prop_map(
        |(working_days, bake_days, rollout_days, cells, cell_lag_days)| CalendarOptions {
            start: Some(START),
            working_days,
            bake_days,
            rollout_days,
            cells: (0..cells).map(|cell| format!("cell-{cell}")).collect(),
            cell_lag_days,
            ..CalendarOptions::default()
        },
    )
}

/// Everything that people can ask for; pins may contradict each other.
pub(super) fn any_wishes() -> impl Strategy<Value = (PlanInput, PlanOptions)> {
    let pins = proptest::collection::vec((0..MOST, any_pins()), 0..4);
    (
        any_input(),
        any_options(),
        pins,
        any_groups(),
        proptest::option::of((any_calendar(), any_freezes())),
    )
        .prop_map(|(mut input, mut options, pins, groups, dates)| {
            for (number, pins) in pins {
                if let Some(service) = input.services.get_mut(&id(number)) {
                    service.pins = pins;
                }
            }
            options.groups = groups;
            if let Some((calendar, freezes)) = dates {
                options.calendar = calendar;
                options.freezes = freezes;
            }
            (input, options)
        })
}
