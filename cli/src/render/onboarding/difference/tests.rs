//! Differences on a terminal and as JSON.

use tracemesh_graph::onboarding::{
    Plan, PlanEdge, PlanInput, PlanOptions, PlanService, Status, difference, plan,
};

use super::super::text::columns;
use super::*;

const HOSTILE: &str =
    "service/a\u{1b}[31m\n\u{202e}very-long-name-of-a-service-that-nobody-should-have-given";

fn company() -> PlanInput {
    let mut input = PlanInput::default();
    let mut callers = Vec::new();
    for id in [
        "service/web",
        "service/cart",
        HOSTILE,
        "service/pay",
        "service/mail",
    ] {
        let mut service = PlanService::unknown();
        service.entry_rate = if callers.is_empty() { 50.0 } else { 0.0 };
        input.services.insert(id.to_owned(), service);
        for caller in callers.iter().take(1) {
            let (caller, callee) = (String::clone(caller), id.to_owned());
            let rate = 10.0;
            let (attempts, hit_ratio, confidence) = (None, None, 1.0);
            input.edges.push(PlanEdge {
                caller,
                callee,
                rate,
                attempts,
                hit_ratio,
                confidence,
            });
        }
        callers.push(id.to_owned());
    }
    input
}

fn plans() -> (Plan, Plan) {
    let mut input = company();
    let first = plan(&input, &PlanOptions::default(), None).unwrap();
    for service in &first.waves[0].services {
        input.services.get_mut(&service.service).unwrap().status = Status::Done;
    }
    let mut options = PlanOptions {
        waves_done: 1,
        ..PlanOptions::default()
    };
    options.ramp.team_cap = 2;
    options.groups.apart = vec![vec!["x\u{7}".to_owned(), "service/web".to_owned()]];
    input.services.remove("service/mail");
    input
        .services
        .insert("service/new".to_owned(), PlanService::unknown());
    let second = plan(&input, &options, Some(&first)).unwrap();
    (first, second)
}

#[test]
fn the_table_fits_and_cannot_command_the_terminal() {
    let (first, second) = plans();
    for (before, after) in [(&first, &second), (&second, &first), (&first, &first)] {
        let text = difference_table(&difference(before, after), 80);
        assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text}");
        assert_eq!(text, difference_table(&difference(before, after), 80));
    }
}

#[test]
fn the_table_says_what_changed() {
    let (first, second) = plans();
    let text = difference_table(&difference(&first, &second), 80);
    for expected in [
        "ramp.team_cap 3 -> 2",
        "waves over        0 -> 1",
        "- -> ",
        "1 new",
        "is in the mesh",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let same = difference_table(&difference(&first, &first), 80);
    assert!(
        same.starts_with("both plans move the same services"),
        "{same}"
    );
}

#[test]
fn the_json_names_its_schema_and_is_read_back() {
    let (first, second) = plans();
    let found = difference(&first, &second);
    let json = difference_json(&found);
    let read: PlanDifference = serde_json::from_str(&json).unwrap();
    assert_eq!(read.schema, "tracemesh.onboarding-diff/v1");
    assert_eq!(read.services, found.services);
}
