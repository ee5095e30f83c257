use super::*;
use crate::render::sample::shop;

fn run(filters: &Filters) -> Narrowed {
    narrow(shop(), filters, &Policy::default()).unwrap()
}

fn refused(graph: GraphSnapshot, filters: &Filters) -> String {
    let error = narrow(graph, filters, &Policy::default()).unwrap_err();
    error.lines().join("\n")
}

fn namespaces(wanted: &[&str]) -> Filters {
    let mut filters = Filters::default();
    let wanted = wanted.iter().map(|value| (*value).to_owned());
    filters.scope.namespaces.extend(wanted);
    filters
}

fn min_calls(calls: u64) -> Filters {
    Filters {
        min_calls: Some(calls),
        ..Filters::default()
    }
}

fn by_namespace() -> Filters {
    Filters {
        collapse: Some(GroupBy::Namespace),
        ..Filters::default()
    }
}

#[test]
fn no_filter_changes_nothing_and_says_nothing() {
    let narrowed = run(&Filters::default());
    assert_eq!(narrowed.snapshot, shop());
    assert_eq!(narrowed.notes, [""; 0]);
}

#[test]
fn what_is_left_out_is_counted() {
    let narrowed = run(&min_calls(u64::MAX));
    let whole = shop();
    let calls: u64 = whole.edges.iter().map(|edge| edge.calls).sum();
    let (nodes, edges) = (whole.nodes.len(), whole.edges.len());
    let calls = thousands(calls);
    let expected = format!(
        "left out {nodes} of {nodes} nodes and {edges} of {edges} edges, with {calls} of {calls} calls"
    );
    assert_eq!(narrowed.notes, [expected]);
    assert_eq!(narrowed.snapshot.nodes, []);
}

#[test]
fn filters_combine_in_their_order_and_mark_what_is_left() {
    let filters = Filters {
        relations: BTreeSet::from([Relation::Sync]),
        service: Some(("checkout".to_owned(), 1)),
        min_calls: Some(2),
        ..namespaces(&["shop"])
    };
    let narrowed = run(&Filters {
        collapse: Some(GroupBy::Namespace),
        ..filters
    });
    assert_eq!(narrowed.notes.len(), 2, "{:?}", narrowed.notes);
    let mark = serde_json::to_value(&narrowed.snapshot.selection).unwrap();
    let expected = serde_json::json!({
        "namespaces": ["shop"], "relations": ["sync"], "service": "service/shop/checkout", "depth": 1,
        "collapsed": "namespace", "min_calls": 2,
    });
    assert_eq!(mark, expected);
    let told = require_whole(&narrowed.snapshot, "to plan").unwrap_err();
    let told = told.lines().join("\n");
    for part in [
        "nodes of the namespace `shop` and their neighbours; edges that are sync;",
        "`service/shop/checkout` and what is within 1 call of it; one node for each namespace;",
        "edges of at least 2 calls",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn a_part_takes_later_filters_and_refuses_earlier_ones() {
    let part = run(&by_namespace()).snapshot;
    let again = narrow(part.clone(), &min_calls(1), &Policy::default());
    let mark = again.unwrap().snapshot.selection.unwrap();
    assert_eq!(
        (mark.collapsed, mark.min_calls),
        (Some(GroupBy::Namespace), Some(1))
    );
    let around = Filters {
        service: Some(("namespace/shop".to_owned(), 1)),
        ..Filters::default()
    };
    for filters in [namespaces(&["shop"]), by_namespace(), around] {
        let told = refused(part.clone(), &filters);
        assert!(told.contains("a part of a graph is not enough"), "{told}");
        assert!(told.contains("one node for each namespace"), "{told}");
    }
}

#[test]
fn what_nothing_in_the_graph_has_is_refused_with_what_there_is() {
    let told = refused(shop(), &namespaces(&["shopp"]));
    assert_eq!(
        told,
        "error: no node is of the namespace `shopp`\nhint: there is `shop`"
    );
    let told = refused(shop(), &namespaces(&["zzzzzz"]));
    assert!(
        told.contains("`money`") && told.contains("`shop`"),
        "{told}"
    );
    let mut filters = Filters::default();
    filters.scope.clusters.insert("c1".to_owned());
    assert!(refused(shop(), &filters).contains("`k8s.cluster.name`"));
    for (by, hint) in [
        (GroupBy::Cluster, "k8s.cluster.name"),
        (GroupBy::Team, "--policy"),
    ] {
        let filters = Filters {
            collapse: Some(by),
            ..Filters::default()
        };
        assert!(refused(shop(), &filters).contains(hint));
    }
}

#[test]
fn collapsing_tells_what_became_of_calls_and_latency() {
    let told = run(&by_namespace()).notes.concat();
    for part in ["collapsed ", "inside of them are no edges any more"] {
        assert!(told.contains(part), "{told}");
    }
}
