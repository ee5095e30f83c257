//! The graph for Graphviz.
//!
//! Place in the flow: [`GraphSnapshot`] -> DOT text. The writer is our own because names are hostile: every string is
//! quoted and escaped by the module `escape`, nothing is ever written bare. Output is sorted as the snapshot is, so the same
//! snapshot gives the same bytes.
//!
//! How to read the drawing: shape and colour tell what a node is, the box around nodes is their namespace (and environment,
//! when there are several), thick lines carry more calls (log scale), dashed lines are message flow, dotted lines go
//! through a proxy, red lines have at least [`FAILING_PERMILLE`] failing calls. Labels say the same in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tracemesh_graph::snapshot::{Edge, EvidenceCounts, GraphSnapshot, Node, NodeKind, Relation};

use crate::render::{evidence_classes, group, seconds};
use crate::text::{clip, count_of, counted, percent, permille, short, thousands};

pub(in crate::render) mod escape;
pub(in crate::render) mod legs;
mod order;

use escape::{id, label};

/// An edge is drawn as failing from this share of failed calls on, in thousandths.
pub const FAILING_PERMILLE: u64 = 50;

/// Longest name drawn; the tooltip has the whole one.
const NAME_WIDTH: usize = 32;

/// Dialled addresses listed in a tooltip.
const TOOLTIP_TARGETS: usize = 5;

/// The graph as a DOT digraph.
#[must_use]
pub fn render(snapshot: &GraphSnapshot) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut dot =
        format!("// Made by tracemesh {version} from observed traces.\ndigraph tracemesh {{\n");
    let shown_by_flows = legs::shown_by_flows(snapshot);
    header(&mut dot, snapshot, shown_by_flows.len());
    nodes(&mut dot, snapshot);
    let placing = order::placing_edges(snapshot);
    for (position, edge) in snapshot.edges.iter().enumerate() {
        if shown_by_flows.contains(&position) {
            continue;
        }
        line(&mut dot, &edge_statement(edge, placing.contains(&position)));
    }
    dot.push_str("}\n");
    dot
}

fn line(dot: &mut String, statement: &str) {
    writeln!(dot, "  {statement};").expect("writing to a string cannot fail");
}

fn header(dot: &mut String, snapshot: &GraphSnapshot, left_out: usize) {
    let size = format!(
        "{}, {}",
        counted(count_of(snapshot.nodes.len()), "node", "nodes"),
        counted(count_of(snapshot.edges.len()), "edge", "edges"),
    );
    let legend = format!(
        "solid: call, dashed: messages, dotted: through a proxy, red: {} % or more failed",
        FAILING_PERMILLE / 10
    );
    let mut title = vec![size, window(snapshot), legend];
    if left_out > 0 {
        let legs = counted(count_of(left_out), "edge", "edges");
        title.push(format!(
            "messages are drawn from producer to consumer: {legs} to and from brokers left out"
        ));
    }
    let font = "fontname=\"Helvetica,Arial,sans-serif\"";
    line(
        dot,
        &format!(
            "graph [rankdir=LR, ranksep=1.3, nodesep=0.35, splines=true, labelloc=t, labeljust=l, {font}, fontsize=12, \
             fontcolor=\"#555555\", label={}]",
            label(title.iter().map(String::as_str))
        ),
    );
    line(
        dot,
        &format!("node [{font}, fontsize=12, style=\"filled,rounded\", margin=\"0.15,0.07\"]"),
    );
    line(dot, &format!("edge [{font}, fontsize=10, arrowsize=0.7]"));
}

fn window(snapshot: &GraphSnapshot) -> String {
    match (snapshot.window.start, snapshot.window.end) {
        (Some(start), Some(end)) => format!("{} to {}", seconds(start), seconds(end)),
        _ => "no spans".to_owned(),
    }
}

/// Namespaces become boxes; nodes without one stand free. Databases, brokers and hosts have no namespace of their own
/// and are never drawn into one.
fn nodes(dot: &mut String, snapshot: &GraphSnapshot) {
    let mut boxes: BTreeMap<(&str, &str), Vec<&Node>> = BTreeMap::new();
    for node in &snapshot.nodes {
        boxes
            .entry((&node.environment, &node.namespace))
            .or_default()
            .push(node);
    }
    let mut environments: Vec<_> = boxes.keys().map(|(environment, _)| environment).collect();
    environments.dedup();
    let is_several = environments.iter().filter(|name| !name.is_empty()).count() > 1;
    for (number, ((environment, namespace), members)) in boxes.iter().enumerate() {
        let title = match (is_several, environment.is_empty(), namespace.is_empty()) {
            (true, false, false) => format!("{namespace} ({environment})"),
            (true, false, true) => format!("({environment})"),
            _ => (*namespace).to_owned(),
        };
        if title.is_empty() {
            for node in members {
                line(dot, &node_statement(node));
            }
            continue;
        }
        line_open(dot, number, &title);
        for node in members {
            dot.push_str("  ");
            line(dot, &node_statement(node));
        }
        dot.push_str("  }\n");
    }
}

fn line_open(dot: &mut String, number: usize, title: &str) {
    writeln!(
        dot,
        "  subgraph cluster_{number} {{\n    graph [label={}, style=\"rounded,filled\", color=\"#c8ccd4\", \
         fillcolor=\"#f7f8fa\", fontsize=13]",
        label([clip(title, NAME_WIDTH).as_str()])
    )
    .expect("writing to a string cannot fail");
}

/// Shape, fill and border of a kind. Distinct shapes, so that the drawing also works without colour.
pub(in crate::render) const fn look(kind: NodeKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        NodeKind::Service => ("box", "#dbe9ff", "#2f5d9e"),
        NodeKind::External => ("ellipse", "#eeeeee", "#777777"),
        NodeKind::Database => ("cylinder", "#dff3e1", "#37803f"),
        NodeKind::Broker => ("box3d", "#fff1d6", "#a86b00"),
        NodeKind::Function => ("component", "#e9e1fb", "#6542a6"),
        NodeKind::Genai => ("hexagon", "#fbe1f3", "#a03a80"),
        NodeKind::ObjectStore => ("folder", "#dff3e1", "#37803f"),
        NodeKind::SharedHost => ("doubleoctagon", "#ffe3e0", "#b0392b"),
        NodeKind::Metadata => ("note", "#eeeeee", "#777777"),
        NodeKind::Unidentified => ("octagon", "#ffe3e0", "#b0392b"),
        NodeKind::Group => ("tab", "#dbe9ff", "#2f5d9e"),
    }
}

fn node_statement(node: &Node) -> String {
    let (shape, fill, border) = look(node.kind);
    let text = group::caption(node, NAME_WIDTH);
    let rim = if node.entry_calls > 0 { 2.2 } else { 1.0 };
    // Only plain boxes can have round corners.
    let style = if node.kind == NodeKind::Service {
        "filled,rounded"
    } else {
        "filled"
    };
    format!(
        "{} [label={}, tooltip={}, shape={shape}, style=\"{style}\", fillcolor=\"{fill}\", color=\"{border}\", \
         penwidth={rim:.1}]",
        id(&node.id),
        label(text.iter().map(String::as_str)),
        label([node.id.as_str(), node.kind.as_str()]),
    )
}

fn edge_statement(edge: &Edge, is_placing: bool) -> String {
    let is_failing = edge.failed > 0 && permille(edge.failed, edge.calls) >= FAILING_PERMILLE;
    let style = match edge.relation {
        Relation::Sync => "solid",
        Relation::Async => "dashed",
        Relation::Proxied => "dotted",
    };
    let (color, ink) = if is_failing {
        ("#c0392b", "#c0392b")
    } else {
        ("#6b7280", "#444444")
    };
    let width = pen_width(edge.calls);
    let follows = if is_placing { "" } else { ", constraint=false" };
    format!(
        "{} -> {} [label={}, tooltip={}, style={style}, color=\"{color}\", fontcolor=\"{ink}\", penwidth={width:.1}{follows}]",
        id(&edge.caller),
        id(&edge.callee),
        label(edge_label(edge).iter().map(String::as_str)),
        label(edge_tooltip(edge).iter().map(String::as_str)),
    )
}

fn edge_label(edge: &Edge) -> Vec<String> {
    let mut lines = vec![short(edge.calls)];
    if edge.failed > 0 {
        lines.push(format!("{} failed", short(edge.failed)));
    }
    if edge.retries > 0 {
        lines.push(format!("{} retries", short(edge.retries)));
    }
    lines
}

fn edge_tooltip(edge: &Edge) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{} -> {} ({})",
            edge.caller,
            edge.callee,
            edge.relation.as_str()
        ),
        format!(
            "{}, {}, {} failed ({} %)",
            counted(edge.calls, "call", "calls"),
            counted(edge.attempts, "attempt", "attempts"),
            thousands(edge.failed),
            percent(edge.failed, edge.calls),
        ),
        format!("evidence: {}", evidence(edge.evidence)),
    ];
    let targets = edge.targets.iter().take(TOOLTIP_TARGETS);
    lines.extend(targets.map(crate::render::table::target));
    if let Some(more) = edge.targets.len().checked_sub(TOOLTIP_TARGETS + 1) {
        lines.push(format!("and {} more", more + 1));
    }
    lines
}

fn evidence(counts: EvidenceCounts) -> String {
    let seen: Vec<String> = evidence_classes(counts)
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{} {name}", thousands(count)))
        .collect();
    if seen.is_empty() {
        "none".to_owned()
    } else {
        seen.join(", ")
    }
}

/// 1.0 for up to one call, then about 0.45 more for every factor of ten.
fn pen_width(calls: u64) -> f64 {
    1.0 + 0.45 * f64::from(calls.max(1).ilog2()) * std::f64::consts::LOG10_2
}

#[cfg(test)]
mod tests;
