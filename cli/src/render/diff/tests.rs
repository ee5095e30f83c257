use tracemesh_graph::diff::{Options, Side, compare};
use tracemesh_graph::snapshot::{GraphSnapshot, NodeKind};

use super::*;
use crate::render::sample::{HOSTILE_NAMES, edge, node, shop, snapshot};

fn compared(before: &GraphSnapshot, after: &GraphSnapshot) -> Difference {
    compare(Side::of(before), Side::of(after), Options::default())
}

#[test]
fn the_shop_does_not_differ_from_itself() {
    let text = table(&compared(&shop(), &shop()));
    assert!(text.starts_with("no difference beyond noise\n"), "{text}");
}

#[test]
fn every_change_is_told_in_80_columns_with_its_meaning() {
    let before = shop();
    let after = shop();
    let callee = "external/a-very-long-name-of-a-destination-somewhere.example.com:443";
    let mut nodes = after.nodes;
    let mut long = node(NodeKind::External, "", "x");
    long.id = callee.to_owned();
    nodes.push(long);
    let mut edges = after.edges;
    edges.retain(|edge| edge.callee != "shared_host/api.internal:443");
    edges.push(edge("service/shop/cart", callee, 5_000));
    for edge in &mut edges {
        if edge.callee == "service/shop/catalog" {
            edge.failed = edge.calls / 4;
            edge.targets[0].host = "catalog.example".to_owned();
        }
    }
    let after = snapshot(nodes, edges);
    let difference = compared(&before, &after);
    let text = table(&difference);
    for told in [
        "ADDED",
        "GONE",
        "CHANGED",
        "egress: no cluster for it",
        "egress: its cluster is unused",
        "errors 0 % before, 25 % after",
        "address + http://catalog.example:8080 (123,456 times)",
        "- service/money/fraud -> shared_host/api.internal:443",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert_eq!(
        text,
        table(&compared(&before, &after)),
        "same graphs, same bytes"
    );
    let page = markdown(&difference);
    assert!(page.contains("## Gone\n\n- gone service"), "{page}");
    let value: serde_json::Value = serde_json::from_str(&json(&difference).unwrap()).unwrap();
    assert_eq!(value["schema"], "tracemesh.diff/v1");
    assert_eq!(value["differ"], true);
}

#[test]
fn hostile_names_break_neither_terminal_nor_markdown() {
    let empty = snapshot(Vec::new(), Vec::new());
    for name in HOSTILE_NAMES {
        let hostile = node(NodeKind::External, "", name);
        let mut dialled = edge(&hostile.id, &hostile.id, 500);
        dialled.targets[0].host = name.to_owned();
        let after = snapshot(vec![hostile], vec![dialled]);
        let difference = compared(&empty, &after);
        let shown = table(&difference);
        let is_safe = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(shown.chars().all(is_safe), "{shown:?}");
        assert!(!markdown(&difference).contains('<'), "{name:?}");
    }
}
