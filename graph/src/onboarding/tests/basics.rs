//! Single rules of planning, each on a graph of a few services.

use super::*;

/// Numbers may lose their last bit on the way; the plan must still be the same one, and valid.
#[test]
fn a_plan_read_from_json_passes_the_checker() {
    let input = reference::online_boutique();
    let plan = checked(&input);
    let json = serde_json::to_string(&plan).unwrap();
    let read: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!(check(&input, &read), []);
    let names = |plan: &Plan| -> Vec<String> {
        let services = plan.waves.iter().flat_map(|wave| &wave.services);
        services.map(|service| service.service.clone()).collect()
    };
    assert_eq!(names(&read), names(&plan));
    assert!(!json.contains("-0.0"));
}

#[test]
fn options_reject_unknown_keys() {
    let read = serde_json::from_str::<PlanOptions>(r#"{"ramp": {"team_caps": 3}}"#);
    assert!(read.unwrap_err().to_string().contains("team_caps"));
    let read: PlanOptions = serde_json::from_str(r#"{"ramp": {"team_cap": 4}}"#).unwrap();
    assert_eq!((read.ramp.team_cap, read.ramp.first_size), (4, 2.0));
}

#[test]
fn an_empty_wave_appears_only_while_everybody_is_held_back() {
    let names = ids(2);
    let mut input = graph(&names, vec![]);
    for service in input.services.values_mut() {
        service.pins.not_before = Some(3);
    }
    let plan = checked(&input);
    let sizes: Vec<usize> = plan.waves.iter().map(|wave| wave.services.len()).collect();
    assert_eq!(sizes, [0, 0, 2]);
    input.services.get_mut(&names[0]).unwrap().pins.not_before = Some(u32::MAX);
    let late = checked(&input);
    assert_eq!(late.waves.len(), 200);
    assert!(
        late.notes
            .iter()
            .any(|note| note.contains("`not_before` above wave 200"))
    );
}

#[test]
fn a_blocking_hazard_keeps_a_service_out_and_its_callees_from_being_strict() {
    let names = ids(2);
    let mut input = graph(&names, vec![edge(&names[0], &names[1], 10.0)]);
    input.services.get_mut(&names[0]).unwrap().hazards = vec![Hazard {
        code: "raw-sockets".to_owned(),
        severity: Severity::Blocker,
    }];
    let plan = checked(&input);
    assert_eq!(
        plan.unplanned,
        [Unplanned {
            service: names[0].clone(),
            because: None,
            blockers: vec!["raw-sockets".to_owned()],
            strict_lost: vec![names[1].clone()],
        }]
    );
    assert_eq!(plan.maximum.strict, 0.0);
}

/// The facts of a plan are written per service, never echoed as options.
#[test]
fn facts_are_not_echoed() {
    let options = PlanOptions {
        facts: BTreeMap::from([("service/x".to_owned(), ServiceFacts::default())]),
        ..PlanOptions::default()
    };
    let plan = plan(&graph(&ids(1), vec![]), &options, None).unwrap();
    assert!(plan.options.facts.is_empty());
}
