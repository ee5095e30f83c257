use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::render::sample::{HOSTILE_NAMES, edge, node, shop, snapshot};

/// Runs Graphviz over a drawing; `None` when it is not installed, which only a developer's machine may do.
fn draw(dot: &str, format: &str) -> Option<Vec<u8>> {
    let started = Command::new("dot")
        .arg(format!("-T{format}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        assert!(
            std::env::var_os("CI").is_none(),
            "`dot` is not installed, and CI must not skip this test"
        );
        eprintln!("SKIPPED: `dot` (Graphviz) is not installed, so the drawing was not checked");
        return None;
    };
    let mut input = child.stdin.take().unwrap();
    input.write_all(dot.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}\n{dot}");
    assert_eq!(complaints, "", "{dot}");
    Some(output.stdout)
}

#[test]
fn graphviz_draws_every_kind_of_node_and_relation() {
    let dot = render(&shop());
    if let Some(svg) = draw(&dot, "svg") {
        let svg = String::from_utf8(svg).unwrap();
        for shown in [
            "12k entry calls",
            "90 failed",
            "300 retries",
            "postgresql",
            "money",
        ] {
            assert!(svg.contains(shown), "{shown} is not drawn");
        }
    }
}

#[test]
fn hostile_names_are_drawn_as_they_are_and_add_nothing() {
    let nodes: Vec<_> = HOSTILE_NAMES
        .iter()
        .map(|name| {
            let mut node = node(NodeKind::Service, name, name);
            node.environment = (*name).to_owned();
            node
        })
        .collect();
    let edges: Vec<_> = nodes
        .iter()
        .zip(nodes.iter().rev())
        .map(|(caller, callee)| edge(&caller.id, &callee.id, 1))
        .collect();
    let (node_count, edge_count) = (nodes.len(), edges.len());
    let dot = render(&snapshot(nodes, edges));
    assert!(dot.chars().all(|c| c == '\n' || !c.is_control()), "{dot:?}");
    if let Some(svg) = draw(&dot, "svg") {
        let svg = String::from_utf8(svg).unwrap();
        assert_eq!(svg.matches("class=\"node\"").count(), node_count);
        assert_eq!(svg.matches("class=\"edge\"").count(), edge_count);
        assert!(svg.contains("&lt;/TABLE&gt;&gt;&lt;b&gt;html"), "{svg}");
        assert!(svg.contains("&amp;quot;&amp;#0;"), "{svg}");
    }
}

#[test]
fn ids_that_differ_only_in_escapes_stay_two_nodes() {
    let nodes =
        ["a\nb", "a\\nb", "a\\\nb", "a\\u{a}b"].map(|name| node(NodeKind::Service, "", name));
    if let Some(svg) = draw(&render(&snapshot(nodes.to_vec(), Vec::new())), "svg") {
        let svg = String::from_utf8(svg).unwrap();
        assert_eq!(svg.matches("class=\"node\"").count(), 4);
    }
}

#[test]
fn namespaces_are_boxes_and_environments_are_told_only_when_there_are_several() {
    let mut staging = node(NodeKind::Service, "shop", "cart");
    staging.id = "service/staging/shop/cart".to_owned();
    let prod = node(NodeKind::Service, "shop", "cart");
    let alone = render(&snapshot(vec![prod.clone()], Vec::new()));
    assert!(alone.contains("label=\"shop\""), "{alone}");
    staging.environment = "staging".to_owned();
    let both = render(&snapshot(vec![prod, staging], Vec::new()));
    for title in ["label=\"shop (prod)\"", "label=\"shop (staging)\""] {
        assert!(both.contains(title), "{both}");
    }
}

#[test]
fn an_empty_graph_is_a_drawing_too() {
    let mut empty = snapshot(Vec::new(), Vec::new());
    empty.window = tracemesh_graph::snapshot::Window::default();
    let dot = render(&empty);
    assert!(dot.contains("0 nodes, 0 edges"), "{dot}");
    draw(&dot, "svg");
}

#[test]
fn line_width_grows_with_calls_by_orders_of_magnitude() {
    assert!(pen_width(0) < 1.01 && pen_width(1) < 1.01);
    assert!(pen_width(1_000_000) > pen_width(1_000));
    assert!(pen_width(u64::MAX) < 10.0);
}

#[test]
fn messages_are_drawn_once_and_through_the_broker_only_where_the_ends_are_not_known() {
    let nodes = vec![
        node(NodeKind::Broker, "", "kafka"),
        node(NodeKind::Service, "shop", "consumer"),
        node(NodeKind::Service, "shop", "producer"),
    ];
    let ids = [
        "broker/kafka",
        "service/shop/consumer",
        "service/shop/producer",
    ];
    let message = |from: usize, to: usize, calls| Edge {
        relation: Relation::Async,
        ..edge(ids[from], ids[to], calls)
    };
    let legs = [message(0, 1, 7), message(2, 0, 5)];
    let mut known = legs.to_vec();
    known.push(message(2, 1, 5));
    let drawn = render(&snapshot(nodes.clone(), known));
    // Two of the seven messages came from somewhere else: that leg stays.
    assert!(
        drawn.contains("\"broker/kafka\" -> \"service/shop/consumer\""),
        "{drawn}"
    );
    assert!(
        !drawn.contains("\"service/shop/producer\" -> \"broker/kafka\""),
        "{drawn}"
    );
    assert!(
        drawn.contains("1 edge to and from brokers left out"),
        "{drawn}"
    );
    let unknown = render(&snapshot(nodes, legs.to_vec()));
    assert_eq!(unknown.matches(" -> \"").count(), 2, "{unknown}");
}
