//! Whole artefacts of the reference graph, and what hostile names cannot do.

use std::path::PathBuf;

use jiff::ToSpan;
use jiff::civil::Date;
use proptest::prelude::*;
use tracemesh_graph::onboarding::{
    Bounds, Calendar, Contradiction, Evidence, Exception, ExceptionCause, Goal, Hazard, Health,
    LimitName, Move, MoveReason, Plan, PlanEdge, PlanInput, PlanOptions, PlanService, Replan,
    Rollout, Search, Severity, Status, WaveDates, plan,
};

use super::*;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/onboarding")
}

fn online_boutique() -> Plan {
    let text = std::fs::read_to_string(fixtures().join("online-boutique.json")).unwrap();
    let input: PlanInput = serde_json::from_str(&text).unwrap();
    plan(&input, &PlanOptions::default(), None).unwrap()
}

/// Compares with an expected file, or rewrites it when `TRACEMESH_BLESS` is set.
#[track_caller]
fn expect(name: &str, actual: &str) {
    crate::render::golden::expect("onboarding", name, actual);
}

#[test]
fn onboarding_table_of_the_reference_graph() {
    expect("online-boutique.txt", &table(&online_boutique(), 80));
}

#[test]
fn onboarding_runbook_of_the_reference_graph() {
    expect("online-boutique.md", &markdown(&online_boutique()));
}

#[test]
fn onboarding_csv_of_the_reference_graph() {
    expect("online-boutique.csv", &csv(&online_boutique()));
}

#[test]
fn onboarding_page_of_a_service_of_the_reference_graph() {
    expect(
        "online-boutique-checkout.txt",
        &explain(&online_boutique(), "checkout", 80).unwrap(),
    );
}

/// The reference graph with everything that a plan can hold: dates, exceptions, moves, contradictions, health, blockers.
fn everything() -> Plan {
    let text = std::fs::read_to_string(fixtures().join("online-boutique.json")).unwrap();
    let mut input: PlanInput = serde_json::from_str(&text).unwrap();
    let mut change = |id: &str, change: &dyn Fn(&mut PlanService)| {
        change(input.services.get_mut(id).unwrap());
    };
    change("service/email", &|service| service.status = Status::Done);
    change("service/ad", &|service| service.status = Status::Excluded);
    change("service/payment", &|service| {
        service.hazards[0] = Hazard {
            code: "refused-connects".to_owned(),
            severity: Severity::Blocker,
        };
    });
    change("service/cart", &|service| {
        service.requests = 39_323;
        service.hazards.push(Hazard {
            code: "grpc-trailers".to_owned(),
            severity: Severity::Medium,
        });
        service.health = Health {
            error_share: Some(0.0021),
            p50_ms: Some(3.0),
            p99_ms: Some(41.0),
            requests_per_second: Some(0.5),
            instances: Some(24),
        };
    });
    let options = PlanOptions {
        goal: Goal::RiskAverse,
        ..PlanOptions::default()
    };
    let mut plan = plan(&input, &options, None).unwrap();
    plan.mesh = Some("eu".to_owned());
    plan.input = "sha256:2c26b46b68ffc68f".to_owned();
    plan.unplanned[0].because = Some("ends in spring".to_owned());
    let wave = &mut plan.waves[0];
    wave.exceptions = vec![Exception {
        limit: LimitName::Risk,
        because: ExceptionCause::Pinned {
            services: vec![wave.services[0].service.clone()],
        },
    }];
    plan.summary.exceptions += 1;
    plan.calendar = Some(dates(&plan));
    plan.contradictions = vec![Contradiction {
        service: "service/email".to_owned(),
        taken: Status::Done,
        says: vec!["status file: pending".to_owned(), "label: in".to_owned()],
    }];
    let moved = |service: &str, to, reason| Move {
        service: format!("service/{service}"),
        from: Some(2),
        to,
        reason,
    };
    let limit = LimitName::Traffic;
    plan.replan = Some(Replan {
        kept_waves: 2,
        common: 8,
        moves: vec![
            moved("cart", Some(1), MoveReason::Pin),
            moved("currency", Some(6), MoveReason::RateChanged { limit }),
            moved("payment", None, MoveReason::NotPlanned),
        ],
        fresh_objective: 4.0,
        gap: 1.25,
        fresh_moves: 7,
        advise_full: true,
        replaced: false,
    });
    plan.bounds = Bounds {
        waves: 5,
        area: 4.0,
        objective: 4.25,
    };
    plan
}

/// A wave every three weeks, in two cells.
fn dates(plan: &Plan) -> Calendar {
    let first = Date::constant(2026, 12, 1);
    let waves = (0..).zip(&plan.waves).map(|(number, wave)| {
        let day = |day: i64| first + (21 * number + day).days();
        let rollout = |cell: &str, from| Rollout {
            cell: Some(cell.to_owned()),
            from: day(from),
            to: day(from + 1),
        };
        WaveDates {
            wave: wave.wave,
            prepare: day(0),
            canary: day(2),
            bake_until: day(16),
            rollouts: vec![rollout("blue", 17), rollout("green", 18)],
            flips: day(20),
            moved_by: if number == 1 {
                vec!["new year".to_owned()]
            } else {
                vec![]
            },
        }
    });
    let waves: Vec<WaveDates> = waves.collect();
    Calendar {
        start: first,
        end: waves.last().unwrap().flips,
        weeks: 20.5,
        mean_weeks: 12.25,
        waves,
    }
}

#[test]
fn onboarding_table_of_a_plan_with_everything() {
    expect("everything.txt", &table(&everything(), 80));
}

#[test]
fn onboarding_runbook_of_a_plan_with_everything() {
    expect("everything.md", &markdown(&everything()));
}

#[test]
fn onboarding_page_of_a_plan_with_everything() {
    let page = |service: &str| explain(&everything(), service, 80).unwrap();
    let pages = ["service/cart", "email", "payment"].map(page);
    expect("everything-pages.txt", &pages.join("\n"));
}

/// `tests/onboarding_schema.rs` holds it against `docs/schemas/onboarding.json`.
#[test]
fn onboarding_json_of_a_plan_with_everything() {
    expect("everything.json", &json(&everything()));
}

#[test]
fn onboarding_csv_of_a_plan_with_everything() {
    expect("everything.csv", &csv(&everything()));
}

/// Services in a chain of five teams, with names as long as they come.
fn many(count: usize) -> Plan {
    let id = |number: usize| {
        format!(
            "service/shop-{}/{}-{number:04}",
            number % 7,
            "checkout-".repeat(number % 6)
        )
    };
    let mut input = PlanInput::default();
    for number in 0..count {
        let service = PlanService {
            entry_rate: f64::from(u32::from(number == 0)) * 100.0,
            team: Some(format!("team-{}", number % 5)),
            requests: 1000,
            ..PlanService::unknown()
        };
        input.services.insert(id(number), service);
        if number > 0 {
            input.edges.push(PlanEdge {
                caller: id(number / 3),
                callee: id(number),
                rate: 10.0,
                attempts: None,
                hit_ratio: None,
                confidence: 1.0,
            });
        }
    }
    let options = PlanOptions {
        search: Search { tries: 0 },
        ..PlanOptions::default()
    };
    plan(&input, &options, None).unwrap()
}

#[test]
fn a_plan_of_many_services_is_summed_up_by_wave_and_says_where_the_rest_is() {
    let plan = many(90);
    let text = table(&plan, 80);
    assert!(text.lines().all(|line| line.chars().count() <= 80));
    assert!(text.contains("MOST VALUABLE FIRST") && text.contains("--format csv"));
    assert!(text.lines().count() < 120, "{text}");
    assert_eq!(csv(&plan).lines().count(), 91);
}

#[test]
fn a_service_is_found_by_its_id_and_by_what_people_call_it() {
    let plan = online_boutique();
    let page = explain(&plan, "service/cart", 80).unwrap();
    assert_eq!(explain(&plan, "cart", 80), Ok(page));
    let nobody = explain(&plan, "crat\u{1b}", 80).unwrap_err();
    assert_eq!(nobody.to_string(), "the plan has no service `crat\\u{1b}`");
}

/// A graph whose every name attacks some format, with something of everything: exclusion, cycle, outside ends, exceptions.
fn hostile() -> Plan {
    let service = || PlanService {
        entry_rate: 3.0,
        team: Some("</td>|\u{1b}]0;x\u{7}".to_owned()),
        tier: None,
        evidence: Evidence {
            requests: 0.1,
            ..Evidence::FULL
        },
        requests: 2,
        orphans: 1,
        ..PlanService::unknown()
    };
    let ids = [
        "service/<script>alert(1)</script>".to_owned(),
        "service/a\nb | `c` [d](http://evil) \u{202e}".to_owned(),
        format!("service/{}", "long".repeat(60)),
        "service/excluded **bold**".to_owned(),
    ];
    let edge = |caller: &str, callee: &str| PlanEdge {
        caller: caller.to_owned(),
        callee: callee.to_owned(),
        rate: 10.0,
        attempts: None,
        hit_ratio: None,
        confidence: 0.5,
    };
    let mut input = PlanInput {
        services: ids.iter().map(|id| (id.clone(), service())).collect(),
        edges: vec![
            edge(&ids[0], &ids[1]),
            edge(&ids[1], &ids[0]),
            edge(&ids[3], &ids[1]),
            edge(&ids[2], "database/<img src=x>"),
            edge("external/\u{1b}[2J", &ids[2]),
        ],
        ..PlanInput::default()
    };
    input.services.get_mut(&ids[3]).unwrap().status = Status::Excluded;
    plan(&input, &PlanOptions::default(), None).unwrap()
}

#[test]
fn no_name_breaks_out_of_the_table() {
    for width in [0, 60, 80, 200] {
        let text = table(&hostile(), width);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(!text.contains('\u{202e}'));
        for line in text.lines() {
            assert!(line.chars().count() <= width.max(72), "{line}");
        }
    }
}

#[test]
fn no_name_breaks_out_of_the_page_of_a_service() {
    let plan = hostile();
    let services = plan.waves.iter().flat_map(|wave| &wave.services);
    for service in services.map(|service| &service.service).chain(&plan.done) {
        let text = explain(&plan, service, 0).unwrap();
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        // Queries are whole, to be copied.
        let mut lines = text.lines().filter(|line| !line.starts_with("    "));
        assert!(lines.all(|line| line.chars().count() <= 60), "{text}");
    }
}

/// Read by a strict reader of RFC 4180: every record has every cell, and none is a formula.
#[test]
fn no_name_breaks_out_of_the_csv() {
    let mut plan = hostile();
    plan.waves[0].services[0].service = "service/=1+1,\"x\"\r\n@cmd".to_owned();
    let text = csv(&plan);
    let header = text.lines().next().unwrap().split(',').count();
    for record in text.split_terminator("\r\n") {
        let cells = cells(record);
        assert_eq!(cells.len(), header, "{record}");
        assert!(
            cells
                .iter()
                .all(|cell| !cell.starts_with(['=', '+', '-', '@']))
        );
        assert!(record.chars().all(|c| !c.is_control()));
    }
}

fn cells(record: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    for character in record.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            other => cells.last_mut().unwrap().push(other),
        }
    }
    assert!(!is_quoted);
    cells
}

#[test]
fn no_name_breaks_out_of_the_runbook() {
    let text = markdown(&hostile());
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    assert!(!text.contains('<') && !text.contains("http://") && !text.contains("[d]"));
    assert!(!text.contains("excluded **"));
}

#[test]
fn the_json_names_its_schema_and_reads_back() {
    let text = json(&online_boutique());
    assert!(text.starts_with("{\n  \"schema\": \"tracemesh.onboarding/v1\""));
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(read.summary.waves, 7);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    let documented = [
        "bounds",
        "broken_arcs",
        "calendar",
        "candidates",
        "contradictions",
        "curves",
        "cut_arcs",
        "done",
        "input",
        "inverted",
        "left_out",
        "maximum",
        "mesh",
        "notes",
        "options",
        "replan",
        "schema",
        "summary",
        "traffic",
        "unplanned",
        "waves",
        "window",
    ];
    assert_eq!(keys, documented);
    let cart = &value["waves"][6]["services"][0];
    assert_eq!(cart["service"], "service/cart");
    assert_eq!(cart["strict"]["state"], "ready");
    assert_eq!(cart["blocked"][0]["reason"], "risk_ceiling");
    assert_eq!(cart["risk"]["parts"][0]["factor"], "criticality");
    assert_eq!(value["curves"][7]["wave"], 7);
}

#[test]
fn an_empty_plan_still_reads_well() {
    let empty = plan(&PlanInput::default(), &PlanOptions::default(), None).unwrap();
    assert!(table(&empty, 80).starts_with("Onboarding plan: 0 of 0 services in 0 waves"));
    assert!(markdown(&empty).contains("0 of 0 services join the mesh in 0 waves"));
}

#[test]
fn a_plan_without_teams_has_no_team_column_and_counts_who_is_in() {
    let text = std::fs::read_to_string(fixtures().join("online-boutique.json")).unwrap();
    let mut input: PlanInput = serde_json::from_str(&text).unwrap();
    for service in input.services.values_mut() {
        service.team = None;
    }
    input.services.get_mut("service/email").unwrap().status = Status::Done;
    let text = table(&plan(&input, &PlanOptions::default(), None).unwrap(), 80);
    assert!(text.starts_with("Onboarding plan: 9 of 10 services (1 already in) in "));
    assert!(!text.contains("TEAM"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever services, teams and hazards are called: lines fit, nothing is invisible, and every reader of a format finds its own.
    #[test]
    fn any_name_stays_a_name(names in proptest::collection::vec(any::<String>(), 3..6), width in 0..120usize) {
        let mut input = PlanInput::default();
        for name in &names {
            let mut service = PlanService::unknown();
            service.team = Some(name.clone());
            service.hazards.push(Hazard { code: name.clone(), severity: Severity::Medium });
            input.services.insert(format!("service/{name}"), service);
            input.edges.push(PlanEdge {
                caller: format!("service/{name}"),
                callee: format!("external/{name}"),
                rate: 1.0,
                attempts: None,
                hit_ratio: None,
                confidence: 1.0,
            });
        }
        let plan = plan(&input, &PlanOptions::default(), None).unwrap();
        let is_plain = |text: &str| text.chars().all(|c| c == '\n' || !c.is_control());
        let text = table(&plan, width);
        prop_assert!(is_plain(&text));
        for line in text.lines() {
            prop_assert!(text::columns(line) <= width.max(72), "{}", line);
        }
        prop_assert!(is_plain(&markdown(&plan)));
        for record in csv(&plan).split_terminator("\r\n") {
            prop_assert_eq!(cells(record).len(), 21);
        }
        for service in input.services.keys() {
            prop_assert!(is_plain(&explain(&plan, service, width).unwrap()));
        }
    }
}
