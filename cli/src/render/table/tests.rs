use super::*;
use crate::render::sample::{HOSTILE_NAMES, edge, node, shop, snapshot};
use tracemesh_graph::snapshot::{EdgeSampling, NodeKind};

#[test]
fn tables_fit_eighty_columns_and_say_what_was_cut() {
    let text = render(&shop());
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
    assert!(!text.contains("cut to fit"), "{text}");
    assert!(
        text.starts_with("16 nodes, 17 edges\nfrom 2025-10-09T08:53:20Z to "),
        "{text}"
    );
    let long = "x".repeat(100);
    let nodes = vec![node(NodeKind::Service, "", &long)];
    let text = render(&snapshot(nodes, vec![edge(&long, &long, 1)]));
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
    assert!(
        text.contains("3 names were cut to fit; `--format json`"),
        "{text}"
    );
}

#[test]
fn small_graphs_are_not_cut_and_numbers_stand_under_each_other() {
    let nodes = vec![
        node(NodeKind::Service, "", "a"),
        node(NodeKind::Service, "", "b"),
    ];
    let mut back = edge("service/b", "service/a", 1_234_567);
    back.failed = 1_234;
    back.latency.client = None;
    let text = render(&snapshot(
        nodes,
        vec![edge("service/a", "service/b", 7), back],
    ));
    assert!(!text.contains("cut to fit"), "{text}");
    let table: Vec<&str> = text.lines().skip(7).take(5).collect();
    assert_eq!(
        table,
        [
            "CALLER, ITS CALLEES      CALLS  FAILED  RETRIES  P99 MS  SURE %",
            "service/a",
            "  -> service/b               7       0        0    41.5     100",
            "service/b",
            "  -> service/a       1,234,567   1,234        0       -     100",
        ],
        "{text}"
    );
}

#[test]
fn hostile_names_cannot_start_a_line_or_move_the_cursor() {
    let nodes: Vec<_> = HOSTILE_NAMES
        .iter()
        .map(|name| node(NodeKind::Service, name, name))
        .collect();
    let count = nodes.len();
    let text = render(&snapshot(nodes, Vec::new()));
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
    assert!(!text.contains('\u{202e}'));
    let rows = text
        .lines()
        .filter(|line| line.starts_with("service"))
        .count();
    assert_eq!(rows, count, "{text}");
}

#[test]
fn an_empty_graph_says_so() {
    assert!(render(&snapshot(Vec::new(), Vec::new())).contains("name no service"));
}

#[test]
fn targets_read_like_urls() {
    let mut shown = edge("a", "b", 1).targets.remove(0);
    assert_eq!(target(&shown), "http://cart.shop.svc.cluster.local:8080");
    shown.host = "2001:db8::1".to_owned();
    shown.scheme = String::new();
    assert_eq!(target(&shown), "[2001:db8::1]:8080");
    shown.port = None;
    assert_eq!(target(&shown), "[2001:db8::1]");
}

#[test]
fn sampled_edges_tell_what_they_stand_for_and_tables_still_fit() {
    let mut sampled = edge("service/a", "service/b", 1_234);
    sampled.weighted_calls = 123_400.4;
    sampled.facts.sampling = Some(EdgeSampling {
        standard_error: Some(1_745.2),
        ..EdgeSampling::default()
    });
    let plain = edge("service/b", "service/c", 7);
    let nodes = ["a", "b", "c"].map(|name| node(NodeKind::Service, "", name));
    let text = render(&snapshot(nodes.to_vec(), vec![sampled, plain]));
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
    assert!(text.contains(" 1,234  123,400 +/- 1,746 "), "{text}");
    assert!(text.contains("STAND FOR: corrected"), "{text}");
    assert!(!render(&shop()).contains("STAND FOR"));
}
