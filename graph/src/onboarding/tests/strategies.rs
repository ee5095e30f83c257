//! Random graphs and random wishes of people.

use super::*;

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
        Just(1),
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
