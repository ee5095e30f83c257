//! The graph for a terminal of 80 columns: nodes, then edges.
//!
//! Place in the flow: [`GraphSnapshot`] -> text. Names are shown printable and cut in the middle where they do not fit, and
//! a footnote says so: the whole names are in `--format json`. Numbers are whole and right-aligned.

use std::collections::BTreeSet;

use tracemesh_graph::snapshot::{Edge, GraphSnapshot, Node, Relation, Target};

use crate::render::{estimate, seconds};
use crate::text::{bracketed, count_of, counted, printable, thousands};

pub(super) mod layout;

use layout::{Align, Column, Grid};

/// Columns of the terminal that every table fits.
pub const WIDTH: usize = 80;

/// Nodes and edges as two tables under a line that counts them.
#[must_use]
pub fn render(snapshot: &GraphSnapshot) -> String {
    let mut text = format!(
        "{}, {}",
        counted(count_of(snapshot.nodes.len()), "node", "nodes"),
        counted(count_of(snapshot.edges.len()), "edge", "edges"),
    );
    if let (Some(start), Some(end)) = (snapshot.window.start, snapshot.window.end) {
        text.push_str(&format!("\nfrom {} to {}", seconds(start), seconds(end)));
    }
    text.push('\n');
    if snapshot.nodes.is_empty() {
        text.push_str(match snapshot.selection {
            Some(_) => "\nThe filters leave nothing of the graph.\n",
            None => "\nThe traces name no service and no destination.\n",
        });
        return text;
    }
    let (nodes, cut_in_nodes) = nodes(&snapshot.nodes);
    let (edges, cut_in_edges) = edges(&snapshot.edges);
    text.push('\n');
    text.push_str(&nodes);
    if !snapshot.edges.is_empty() {
        text.push('\n');
        text.push_str(&edges);
    }
    let cut = cut_in_nodes + cut_in_edges;
    if cut > 0 {
        text.push_str(&format!(
            "\n{} cut to fit; `--format json` has them whole.\n",
            counted(cut, "name was", "names were")
        ));
    }
    text
}

/// The node table and how many cells had to be cut. The environment is told only when there are several.
fn nodes(nodes: &[Node]) -> (String, u64) {
    let environments: BTreeSet<&str> = nodes.iter().map(|node| node.environment.as_str()).collect();
    let is_several = environments.iter().filter(|name| !name.is_empty()).count() > 1;
    let mut columns = vec![
        Column::new("NODE", Align::Left).shrinking(),
        Column::new("KIND", Align::Left),
        Column::new("INSTANCES", Align::Right),
        Column::new("ENTRY CALLS", Align::Right),
    ];
    if is_several {
        columns.insert(2, Column::new("ENVIRONMENT", Align::Left).shrinking());
    }
    let mut grid = Grid::new(columns);
    for node in nodes {
        let mut cells = vec![
            printable(&node.id).into_owned(),
            node.kind.as_str().replace('_', " "),
            thousands(node.instances),
            thousands(node.entry_calls),
        ];
        if is_several {
            cells.insert(2, printable(&node.environment).into_owned());
        }
        grid.row(cells);
    }
    grid.finish(WIDTH)
}

/// The edge table and how many cells had to be cut. Callers are headings, so that both names have room.
fn edges(edges: &[Edge]) -> (String, u64) {
    let is_sampled = edges.iter().any(|edge| estimate(edge).is_some());
    let mut columns = vec![
        Column::new("CALLER, ITS CALLEES", Align::Left).shrinking(),
        Column::new("CALLS", Align::Right),
        Column::new("FAILED", Align::Right),
        Column::new("RETRIES", Align::Right),
        Column::new("P99 MS", Align::Right),
        Column::new("SURE %", Align::Right),
    ];
    if is_sampled {
        columns.insert(2, Column::new("STAND FOR", Align::Right));
    }
    let mut grid = Grid::new(columns);
    let mut caller = None;
    for edge in edges {
        if caller != Some(&edge.caller) {
            caller = Some(&edge.caller);
            grid.heading(printable(&edge.caller).into_owned());
        }
        let mut cells = vec![
            format!("  {} {}", arrow(edge.relation), printable(&edge.callee)),
            thousands(edge.calls),
            thousands(edge.failed),
            thousands(edge.retries),
            latency(edge),
            format!("{:.0}", edge.confidence * 100.0),
        ];
        if is_sampled {
            let estimate = estimate(edge);
            cells.insert(2, estimate.unwrap_or_else(|| thousands(edge.calls)));
        }
        grid.row(cells);
    }
    let (mut text, cut) = grid.finish(WIDTH);
    text.push_str(
        "\n-> call, => messages, ~> through a proxy; P99 at the caller, else at the callee\n",
    );
    if is_sampled {
        text.push_str(
            "STAND FOR: corrected for sampling, +/- one standard error where it is known\n",
        );
    }
    (text, cut)
}

/// The arrow of a relation, as the footnote of the edge table explains it.
pub(super) const fn arrow(relation: Relation) -> &'static str {
    match relation {
        Relation::Sync => "->",
        Relation::Async => "=>",
        Relation::Proxied => "~>",
    }
}

fn latency(edge: &Edge) -> String {
    edge.latency
        .client
        .or(edge.latency.server)
        .map_or_else(|| "-".to_owned(), |side| format!("{:.1}", side.p99_ms))
}

/// A dialled address: `http://cart:8080`, an IPv6 host in brackets, no port when none is known.
#[must_use]
pub fn target(target: &Target) -> String {
    let host = bracketed(&target.host);
    let scheme = if target.scheme.is_empty() {
        String::new()
    } else {
        format!("{}://", target.scheme)
    };
    let port = target
        .port
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    printable(&format!("{scheme}{host}{port}")).into_owned()
}

#[cfg(test)]
mod tests;
