use super::*;
use crate::snapshot::testing::{edge, node, service, snapshot};

fn set(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn ids(graph: &GraphSnapshot) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.id.as_str()).collect()
}

fn pairs(graph: &GraphSnapshot) -> Vec<(&str, &str)> {
    let edges = graph.edges.iter();
    edges
        .map(|edge| (edge.caller.as_str(), edge.callee.as_str()))
        .collect()
}

/// a/web -> b/cart -> b/db -> c/log, and nobody calls d/idle.
fn graph() -> GraphSnapshot {
    let mut graph = snapshot(
        vec![
            service("service/b/cart", &[]),
            service("service/d/idle", &[]),
        ],
        vec![
            edge("service/a/web", "service/b/cart", 9),
            edge("service/b/cart", "database/db", 5),
            edge("service/c/log", "external/x", 1),
        ],
    );
    for node in &mut graph.nodes {
        let namespace = node.id.split('/').nth(1).unwrap_or_default();
        if namespace.len() == 1 {
            node.namespace = namespace.to_owned();
        }
    }
    graph
}

fn namespaces(wanted: &[&str]) -> Scope {
    Scope {
        namespaces: set(wanted),
        ..Scope::default()
    }
}

#[test]
fn nodes_in_scope_keep_their_edges_and_neighbours() {
    let kept = within(graph(), &namespaces(&["b"]));
    assert_eq!(
        ids(&kept),
        ["database/db", "service/a/web", "service/b/cart"]
    );
    assert_eq!(kept.edges.len(), 2);
    let kept = within(graph(), &namespaces(&["d"]));
    assert_eq!(ids(&kept), ["service/d/idle"]);
    assert_eq!(kept.diagnostics.per_service.len(), 1);
    assert_eq!(kept.diagnostics.spans, graph().diagnostics.spans);
    assert_eq!(kept.selection.unwrap().namespaces, set(&["d"]));
}

/// A service of the environment and one of the namespace are not a service of both.
#[test]
fn several_dimensions_have_to_hold_for_one_node() {
    let mut graph = graph();
    for node in &mut graph.nodes {
        node.environment = if node.id.contains("/b/") {
            "test"
        } else {
            "prod"
        }
        .to_owned();
    }
    let scope = |environment: &str| Scope {
        environments: set(&[environment]),
        ..namespaces(&["b"])
    };
    assert_eq!(within(graph.clone(), &scope("test")).edges.len(), 2);
    let none = within(graph, &scope("prod"));
    assert_eq!((none.nodes.len(), none.edges.len()), (0, 0));
}

#[test]
fn a_scope_of_nothing_is_the_whole_graph() {
    assert_eq!(within(graph(), &Scope::default()), graph());
    let relations = BTreeSet::new();
    assert_eq!(with_relations(graph(), &relations, None), graph());
}

#[test]
fn the_namespace_of_kubernetes_stands_in_where_the_own_one_is_missing() {
    let mut one = node("service/x");
    let facet = |name: &str, values: &[&str]| {
        let values = values.iter().map(|value| ((*value).to_owned(), 1));
        (name.to_owned(), values.collect())
    };
    one.facets.extend([
        facet("kube_namespace", &["k1", "k2"]),
        facet("cluster", &["c"]),
    ]);
    let values = |node: &Node, dimension: Dimension| -> Vec<String> {
        dimension.values(node).map(ToOwned::to_owned).collect()
    };
    assert_eq!(values(&one, Dimension::Namespace), ["k1", "k2"]);
    assert_eq!(values(&one, Dimension::Cluster), ["c"]);
    assert_eq!(values(&one, Dimension::Environment), [""; 0]);
    one.namespace = "own".to_owned();
    assert_eq!(values(&one, Dimension::Namespace), ["own"]);
}

#[test]
fn edges_are_kept_by_relation_and_calls_and_the_centre_in_any_case() {
    let mut graph = graph();
    graph.edges[0].relation = Relation::Async;
    let wanted = BTreeSet::from([graph.edges[0].relation]);
    let kept = with_relations(graph.clone(), &wanted, Some("service/d/idle"));
    assert_eq!(pairs(&kept), [("service/a/web", "service/b/cart")]);
    assert_eq!(
        ids(&kept),
        ["service/a/web", "service/b/cart", "service/d/idle"]
    );
    let kept = with_calls(kept, 9, None);
    assert_eq!(ids(&kept), ["service/a/web", "service/b/cart"]);
    let none = with_calls(kept, 10, None);
    assert_eq!((none.nodes.len(), none.edges.len()), (0, 0));
    let mark = serde_json::to_value(none.selection).unwrap();
    let expected = serde_json::json!({"relations": ["async"], "min_calls": 10});
    assert_eq!(mark, expected);
}

/// Snapshots of older versions hold nothing else.
#[test]
fn a_mark_of_service_and_depth_is_read_and_written_as_before() {
    let text = r#"{"service":"service/shop/cart","depth":2}"#;
    let mark: Selection = serde_json::from_str(text).unwrap();
    assert_eq!(
        (mark.service.as_deref(), mark.depth),
        (Some("service/shop/cart"), Some(2))
    );
    assert_eq!(serde_json::to_string(&mark).unwrap(), text);
}
