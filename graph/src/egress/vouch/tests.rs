//! Claims of earlier models beside those of a snapshot.

use crate::egress::{EgressOptions, derive};
use crate::snapshot::GraphSnapshot;
use crate::snapshot::testing::{edge, snapshot};

/// One service that dials so many hosts, which belong to destinations with this word in their names.
fn hosts(word: &str, count: usize) -> GraphSnapshot {
    let edges = (0..count).map(|number| {
        let mut edge = edge("service/web", &format!("external/{word}{number}"), 5);
        edge.targets[0].host = format!("h{number}.example.com");
        edge
    });
    snapshot(Vec::new(), edges.collect())
}

/// The graph names every destination anew, but the addresses are the same: those of the earlier run are displaced. Tried one
/// by one, 4,000 of them took minutes.
#[test]
fn thousands_of_displaced_addresses_are_refused_at_once() {
    const COUNT: usize = 4_000;
    let first = derive(&hosts("old", COUNT), &EgressOptions::default());
    let options = EgressOptions {
        previous: Some(Box::new(first)),
        ..EgressOptions::default()
    };
    let second = derive(&hosts("new", COUNT), &options);
    let service = &second.services[0];
    assert_eq!(service.destinations.len(), COUNT);
    assert_eq!(service.displaced.len(), COUNT);
    let mut nodes = service.destinations.iter().map(|to| &to.node);
    assert!(nodes.all(|node| node.starts_with("external/new")));
}
