//! The proposal over a life of some weeks.

use tracemesh_graph::egress::{EgressOptions, derive};
use tracemesh_graph::snapshot::GraphSnapshot;

use super::*;

const DAY: u64 = 24 * 60 * 60 * 1_000_000_000;
const KAFKA: &str = "broker/kafka@kafka:9092";

fn shop(later_days: u64, keep: impl Fn(&str) -> bool) -> GraphSnapshot {
    let text = include_str!("../../../../fixtures/egress/shop/snapshot.json");
    let mut snapshot: GraphSnapshot = serde_json::from_str(text).unwrap();
    snapshot.edges.retain(|edge| keep(&edge.callee));
    let later = |time: &mut Timestamp| time.0 += later_days * DAY;
    for edge in &mut snapshot.edges {
        later(&mut edge.first_seen);
        later(&mut edge.last_seen);
        for target in &mut edge.targets {
            later(&mut target.last_seen);
        }
    }
    snapshot.window.start.iter_mut().for_each(later);
    snapshot.window.end.iter_mut().for_each(later);
    snapshot
}

fn text(model: &EgressModel, name: &str) -> String {
    match &render(model)[name] {
        Entry::File(text) => text.clone(),
        Entry::Link(_) | Entry::Bytes(_) => unreachable!("there are only files"),
    }
}

fn after(previous: EgressModel, snapshot: &GraphSnapshot) -> EgressModel {
    let options = EgressOptions {
        previous: Some(Box::new(previous)),
        ..EgressOptions::default()
    };
    derive(snapshot, &options)
}

#[test]
fn what_is_quiet_and_what_is_proposed_are_told_with_the_observed_days() {
    let first = derive(&shop(0, |_| true), &EgressOptions::default());
    assert!(text(&first, PAGE).contains("## Proposed for removal\n\nNothing.\n"));
    let without = |callee: &str| callee != KAFKA;
    let mut model = first;
    for fortnight in 1..=4 {
        model = after(model, &shop(fortnight * 14, without));
        let page = text(&model, PAGE);
        let quiet = page.find("## Quiet").unwrap();
        let kafka = page.find("broker/kafka\\@kafka\\:9092");
        match fortnight {
            1 => assert_eq!(kafka, None),
            2 | 3 => assert!(kafka.unwrap() > quiet, "{page}"),
            _ => assert!(kafka.unwrap() < quiet, "{page}"),
        }
    }
    let json: serde_json::Value = serde_json::from_str(&text(&model, DOCUMENT)).unwrap();
    let proposed = &json["proposed"][0];
    assert_eq!(proposed["destination"], KAFKA);
    assert_eq!(proposed["unseen_days"], 56);
    assert_eq!(proposed["last_seen"], "2026-11-15T00:00:00.000000000Z");
    let addresses = proposed["addresses"].as_array().unwrap();
    assert_eq!(addresses.len(), 2, "{addresses:?}");
}

#[test]
fn names_cannot_write_markdown() {
    let mut model = derive(&shop(0, |_| true), &EgressOptions::default());
    model.services[0].id = "[x](http://evil)\n# y".to_owned();
    model.services[0].state = DestinationState::ProposedRemoval;
    let page = text(&model, PAGE);
    assert!(page.contains("\\[x\\]\\(http\\://evil\\)"), "{page}");
    assert!(!page.contains("\n# y"), "{page}");
}

#[test]
fn the_command_says_that_there_is_something_to_read() {
    let mut model = derive(&shop(0, |_| true), &EgressOptions::default());
    assert_eq!(told(&model), None);
    for fortnight in 1..=4 {
        model = after(model, &shop(fortnight * 14, |callee| callee != KAFKA));
    }
    let said = told(&model).unwrap();
    assert!(said.contains("1 proposed for removal"), "{said}");
    assert!(said.contains("--accept-removals"), "{said}");
}
