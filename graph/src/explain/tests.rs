use super::*;
use crate::snapshot::EvidenceCounts;
use crate::snapshot::testing::{edge, service, snapshot, target};

const WEB: &str = "service/web";
const CART: &str = "service/cart";

fn graph(edges: Vec<Edge>) -> GraphSnapshot {
    let services = vec![
        service(WEB, &[("client", 10)]),
        service(CART, &[("server", 10)]),
    ];
    snapshot(services, edges)
}

fn with(callee: &str, evidence: EvidenceCounts) -> Edge {
    Edge {
        evidence,
        ..edge(WEB, callee, 10)
    }
}

#[test]
fn edges_are_told_verbatim_in_their_order() {
    let graph = graph(vec![
        edge(WEB, CART, 10),
        edge(WEB, "database/db", 3),
        edge(CART, WEB, 1),
    ]);
    let all = explain(&graph, WEB, None);
    let edges: Vec<&Edge> = all.edges.iter().map(|explained| &explained.edge).collect();
    assert_eq!(edges, [&graph.edges[1], &graph.edges[2]]);
    let one = explain(&graph, WEB, Some(CART));
    assert_eq!((one.edges.len(), one.callee.as_deref()), (1, Some(CART)));
    assert!(explain(&graph, "service/nobody", None).edges.is_empty());
}

#[test]
fn each_weak_class_has_its_own_way_out() {
    let none = EvidenceCounts::default();
    let cases = [
        (CART, EvidenceCounts { paired: 10, ..none }, vec![]),
        (
            CART,
            EvidenceCounts {
                address: 9,
                paired: 1,
                ..none
            },
            vec![Raise::PropagateContext],
        ),
        (
            CART,
            EvidenceCounts {
                parent: 9,
                named: 1,
                ..none
            },
            vec![Raise::SetKinds, Raise::PropagateContext],
        ),
        (
            "external/x",
            EvidenceCounts {
                address: 10,
                ..none
            },
            vec![Raise::InstrumentCallee],
        ),
        (
            "database/db",
            EvidenceCounts {
                address: 10,
                ..none
            },
            vec![],
        ),
    ];
    for (callee, evidence, ways) in cases {
        let graph = graph(vec![with(callee, evidence)]);
        assert_eq!(
            explain(&graph, WEB, None).edges[0].raise,
            ways,
            "{callee} {evidence:?}"
        );
    }
    let mut named = with("external/x", EvidenceCounts { named: 10, ..none });
    named.targets.clear();
    let ways = [Raise::InstrumentCallee, Raise::SetAddress];
    assert_eq!(explain(&graph(vec![named]), WEB, None).edges[0].raise, ways);
}

#[test]
fn what_made_no_edge_is_told_with_its_reasons() {
    let silent = with(
        "external/quote",
        EvidenceCounts {
            address: 10,
            ..EvidenceCounts::default()
        },
    );
    let mut elsewhere = edge("service/batch", "shared_host/gw", 4);
    elsewhere.targets = vec![target("cart.shop")];
    let mut graph = graph(vec![silent, elsewhere, edge(WEB, CART, 10)]);
    graph.diagnostics.per_service[0].unresolved = 7;
    let cart = graph.nodes.iter_mut().find(|node| node.id == CART).unwrap();
    cart.entry_calls = 5;
    cart.served = vec![target("cart.shop")];
    cart.facets.insert(
        "entered_at".to_owned(),
        [("a:1".to_owned(), 2), ("b:1".to_owned(), 3)].into(),
    );

    let web = missing(&graph, WEB);
    assert_eq!(web.diagnostics.unwrap().unresolved, 7);
    assert_eq!(
        web.unanswered,
        [About {
            name: "external/quote".to_owned(),
            count: 10
        }]
    );
    let cart = missing(&graph, CART);
    assert_eq!(
        (cart.entry_calls, cart.entered_at[0].name.as_str()),
        (5, "b:1")
    );
    assert_eq!((cart.perhaps.len(), cart.perhaps[0].calls), (1, 4));
    let outside = missing(&graph, "external/quote");
    assert!(outside.diagnostics.is_none() && outside.perhaps.is_empty());
}
