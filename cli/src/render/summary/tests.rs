use super::*;
use crate::findings;
use tracemesh_graph::egress::{EgressOptions, derive};

use crate::render::sample::{HOSTILE_NAMES, node, shop, snapshot};

fn told(snapshot: &GraphSnapshot, waves: &[Vec<String>]) -> String {
    let findings = findings::told(&tracemesh_graph::findings::report(snapshot));
    let written = [
        (
            "out/graph.json".to_owned(),
            "the graph, for programs".to_owned(),
        ),
        (
            "out/graph.dot".to_owned(),
            "the graph, for Graphviz".to_owned(),
        ),
    ];
    let waves: Vec<(String, Vec<String>)> = (1..)
        .zip(waves)
        .map(|(number, services)| (format!("wave {number}"), services.clone()))
        .collect();
    let summary = Summary {
        files: 2,
        skipped: Some("passed over 1 file without traces, such as `a.txt`: text".to_owned()),
        snapshot,
        egress: derive(snapshot, &EgressOptions::default()).conservation,
        findings: &findings,
        waves: &waves,
        graph_path: Some("out/graph.json"),
        written: &written,
    };
    render(&summary, Palette::Plain)
}

#[test]
fn the_shop_in_one_screen() {
    let waves = [
        vec![
            "service/mailer".to_owned(),
            "service/shop/catalog".to_owned(),
        ],
        vec!["service/shop/cart".to_owned()],
    ];
    let expected = "\
Read
  files        2
               passed over 1 file without traces, such as `a.txt`: text
  spans        300,000: 299,000 used, 100 rejected, 0 dropped, 900 duplicates
  rejected     100 utf8
  window       2025-10-09T08:53:20Z to 2025-10-09T08:54:20Z

Graph
  services     7
  other nodes  1 database, 1 broker, 1 external, 1 function, 1 genai, 1
               objectstore, 1 shared host, 1 metadata, 1 unidentified
  edges        17 by best evidence: 17 paired
  unresolved   1,000 outgoing calls without destination, in 1 service
  egress       7 of 17 edges defined, 1 of messages, 1 through a proxy, 7 with
               an address that belongs to another, 1 not from a service

First waves of onboarding
  wave 1       mailer, shop/catalog
  wave 2       shop/cart

Look at
  1. 90 of 1,100 calls from service/shop/checkout to service/money/payment
     failed (8.1 %)
     know the cause before a sidecar gets the blame
     tracemesh graph --graph out/graph.json --service service/money/payment
  2. service/shop/checkout turns 1,100 calls to service/money/payment into 1,400
     attempts (1.27 each)
     retries of the mesh would multiply with these: move retries to one place
     first
     tracemesh graph --graph out/graph.json --service service/money/payment
  3. 1,000 of 4,000 outgoing spans of service/shop/cart name no destination
     (25.0 %)
     set `server.address` on client spans, or instrument the callee
     tracemesh graph --graph out/graph.json --service service/shop/cart
     and 3 more kinds: orphaned spans, nameless spans, shared host

Files
  out/graph.json  the graph, for programs
  out/graph.dot   the graph, for Graphviz
";
    assert_eq!(told(&shop(), &waves), expected);
}

#[test]
fn hostile_names_stay_on_their_lines_and_out_of_the_shell() {
    let nodes: Vec<_> = HOSTILE_NAMES
        .iter()
        .map(|name| node(NodeKind::Unidentified, "", name))
        .collect();
    let waves: Vec<Vec<String>> = vec![
        HOSTILE_NAMES
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
    ];
    let text = told(&snapshot(nodes, Vec::new()), &waves);
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
    assert!(!text.contains('\u{202e}'));
    assert!(text.contains("8 more"), "{text}");
}

#[test]
fn an_empty_graph_is_told_without_nonsense() {
    let mut empty = snapshot(Vec::new(), Vec::new());
    empty.window = tracemesh_graph::snapshot::Window::default();
    let text = told(&empty, &[]);
    for line in [
        "  spans        0: 0 used",
        "  services     0",
        "  edges        0",
        "  nothing stands out",
        "  unresolved   none: of every outgoing call it is known whom it calls",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("waves"), "{text}");
}
