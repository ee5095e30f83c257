//! The graph as a Mermaid flowchart, for Markdown pages.
//!
//! Place in the flow: [`GraphSnapshot`] -> text. Nodes get numbers as ids and every name is a quoted label (module `escape`), because
//! names are hostile and Mermaid's syntax is full of words. It draws what DOT draws: boxes for namespaces, shapes for kinds,
//! dotted arrows for messages, thick ones for logical calls through a proxy, red where calls fail.
//!
//! Mermaid refuses large drawings ([`MAX_EDGES`], [`MAX_CHARACTERS`]): they are written nevertheless, and [`too_large`] tells.

use std::collections::BTreeMap;

use tracemesh_graph::snapshot::{Edge, GraphSnapshot, Node, NodeKind, Relation};

use super::dot::{FAILING_PERMILLE, legs};
use crate::render::group;
use crate::text::{clip, count_of, permille, short, thousands};

mod escape;

use escape::quoted;

/// Edges that Mermaid draws unless configured otherwise (`maxEdges`).
pub const MAX_EDGES: usize = 500;

/// Characters that it reads (`maxTextSize`).
pub const MAX_CHARACTERS: usize = 50_000;

/// Longest name drawn.
const NAME_WIDTH: usize = 32;

/// The graph as a flowchart.
#[must_use]
pub fn render(snapshot: &GraphSnapshot) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        "%% Made by tracemesh {version} from observed traces.\n\
         %% Arrows: plain calls, dotted messages, thick through a proxy; red: {} % or more failed.\n\
         flowchart LR\n",
        FAILING_PERMILLE / 10
    );
    let numbers: BTreeMap<&str, usize> = snapshot
        .nodes
        .iter()
        .enumerate()
        .map(|(number, node)| (node.id.as_str(), number))
        .collect();
    nodes(&mut text, snapshot, &numbers);
    let failing = edges(&mut text, snapshot, &numbers);
    classes(&mut text, snapshot);
    if !failing.is_empty() {
        let failing: Vec<String> = failing.iter().map(usize::to_string).collect();
        let failing = failing.join(",");
        text.push_str(&format!(
            "  linkStyle {failing} stroke:#c0392b,color:#c0392b\n"
        ));
    }
    text
}

/// Why Mermaid will not draw the text; `None` when it will.
#[must_use]
pub fn too_large(snapshot: &GraphSnapshot, text: &str) -> Option<String> {
    let edges = snapshot.edges.len() - legs::shown_by_flows(snapshot).len();
    let characters = text.chars().count();
    let told = |number: usize, of: &str, most: usize| {
        let (number, most) = (thousands(count_of(number)), thousands(count_of(most)));
        format!(
            "Mermaid draws up to {most} {of} unless configured otherwise, and this graph has {number}"
        )
    };
    if edges > MAX_EDGES {
        return Some(told(edges, "edges", MAX_EDGES));
    }
    (characters > MAX_CHARACTERS).then(|| told(characters, "characters", MAX_CHARACTERS))
}

/// Namespaces as boxes, as in DOT; nodes without one stand free.
fn nodes(text: &mut String, snapshot: &GraphSnapshot, numbers: &BTreeMap<&str, usize>) {
    let mut boxes: BTreeMap<(&str, &str), Vec<&Node>> = BTreeMap::new();
    for node in &snapshot.nodes {
        let place = (node.environment.as_str(), node.namespace.as_str());
        boxes.entry(place).or_default().push(node);
    }
    let mut environments: Vec<&str> = boxes.keys().map(|(environment, _)| *environment).collect();
    environments.dedup();
    let is_several = environments.iter().filter(|name| !name.is_empty()).count() > 1;
    for (number, ((environment, namespace), members)) in boxes.iter().enumerate() {
        let title = match (is_several, environment.is_empty(), namespace.is_empty()) {
            (true, false, false) => format!("{namespace} ({environment})"),
            (true, false, true) => format!("({environment})"),
            _ => (*namespace).to_owned(),
        };
        let is_boxed = !title.is_empty();
        if is_boxed {
            let title = quoted([clip(&title, NAME_WIDTH).as_str()]);
            text.push_str(&format!("  subgraph b{number}[{title}]\n"));
        }
        for node in members {
            let indent = if is_boxed { "    " } else { "  " };
            let number = numbers.get(node.id.as_str()).copied().unwrap_or_default();
            text.push_str(&format!("{indent}{}\n", node_statement(number, node)));
        }
        if is_boxed {
            text.push_str("  end\n");
        }
    }
}

fn node_statement(number: usize, node: &Node) -> String {
    let lines = group::caption(node, NAME_WIDTH);
    let (open, close) = match node.kind {
        NodeKind::Service => ("(", ")"),
        NodeKind::Database | NodeKind::ObjectStore => ("[(", ")]"),
        NodeKind::Broker => ("[[", "]]"),
        NodeKind::External | NodeKind::Metadata => ("([", "])"),
        NodeKind::Function | NodeKind::Genai => ("{{", "}}"),
        NodeKind::SharedHost | NodeKind::Unidentified | NodeKind::Group => ("[", "]"),
    };
    let label = quoted(lines.iter().map(String::as_str));
    format!("n{number}{open}{label}{close}:::{}", node.kind.as_str())
}

/// Writes the edges and returns the numbers of those that fail, as Mermaid counts them.
fn edges(
    text: &mut String,
    snapshot: &GraphSnapshot,
    numbers: &BTreeMap<&str, usize>,
) -> Vec<usize> {
    let shown_by_flows = legs::shown_by_flows(snapshot);
    let mut failing = Vec::new();
    let edges = snapshot.edges.iter().enumerate();
    let edges = edges.filter(|(position, _)| !shown_by_flows.contains(position));
    for (number, (_, edge)) in edges.enumerate() {
        let end = |id: &str| numbers.get(id).copied().unwrap_or_default();
        let arrow = match edge.relation {
            Relation::Sync => "-->",
            Relation::Async => "-.->",
            Relation::Proxied => "==>",
        };
        let label = quoted(edge_label(edge).iter().map(String::as_str));
        let (caller, callee) = (end(&edge.caller), end(&edge.callee));
        text.push_str(&format!("  n{caller} {arrow}|{label}| n{callee}\n"));
        if edge.failed > 0 && permille(edge.failed, edge.calls) >= FAILING_PERMILLE {
            failing.push(number);
        }
    }
    failing
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

/// Colours of the kinds that there are, those of DOT.
fn classes(text: &mut String, snapshot: &GraphSnapshot) {
    let kinds: BTreeMap<&str, NodeKind> = snapshot
        .nodes
        .iter()
        .map(|node| (node.kind.as_str(), node.kind))
        .collect();
    for (name, kind) in kinds {
        let (_, fill, stroke) = super::dot::look(kind);
        text.push_str(&format!(
            "  classDef {name} fill:{fill},stroke:{stroke},color:#222222\n"
        ));
    }
}

#[cfg(test)]
mod tests;
