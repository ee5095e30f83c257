//! The graph as GraphML 1.0, for yEd, Gephi and networkx.
//!
//! Place in the flow: [`GraphSnapshot`] -> XML text. Data is typed by keys, so that numbers are numbers in the reader. Ids are numbers, as
//! the format wants tokens; the node id of tracemesh is the datum `node`, and `label` is its short name. Names are hostile: what
//! XML cannot hold, or could end a value, is escaped.

use std::collections::BTreeMap;

use tracemesh_graph::snapshot::{Edge, GraphSnapshot, Node};

use crate::render::group;
use crate::text::printable;

/// Name and type of a datum.
type Key = (&'static str, &'static str);

const NODE_KEYS: [Key; 11] = [
    ("node", "string"),
    ("label", "string"),
    ("kind", "string"),
    ("namespace", "string"),
    ("environment", "string"),
    ("address", "string"),
    ("system", "string"),
    ("entry_calls", "long"),
    ("requests", "long"),
    ("instances", "long"),
    ("internal_calls", "long"),
];

const EDGE_KEYS: [Key; 14] = [
    ("relation", "string"),
    ("calls", "long"),
    ("attempts", "long"),
    ("failed", "long"),
    ("failed_attempts", "long"),
    ("retries", "long"),
    ("weighted_calls", "double"),
    ("confidence", "double"),
    ("client_p50_ms", "double"),
    ("client_p99_ms", "double"),
    ("server_p50_ms", "double"),
    ("server_p99_ms", "double"),
    ("protocols", "string"),
    ("weight", "double"),
];

/// The graph as a GraphML document.
#[must_use]
pub fn render(snapshot: &GraphSnapshot) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!-- Made by tracemesh {version} from observed traces. -->\n\
         <graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"http://graphml.graphdrawing.org/xmlns \
         http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd\">\n"
    );
    for (letter, target, keys) in [('n', "node", &NODE_KEYS[..]), ('e', "edge", &EDGE_KEYS[..])] {
        for (number, (name, kind)) in keys.iter().enumerate() {
            xml.push_str(&format!(
                "  <key id=\"{letter}k{number}\" for=\"{target}\" attr.name=\"{name}\" attr.type=\"{kind}\"/>\n"
            ));
        }
    }
    xml.push_str("  <graph id=\"tracemesh\" edgedefault=\"directed\">\n");
    let mut numbers = BTreeMap::new();
    for (number, node) in snapshot.nodes.iter().enumerate() {
        numbers.insert(node.id.as_str(), number);
        xml.push_str(&format!("    <node id=\"n{number}\">\n"));
        data(&mut xml, 'n', &node_data(node));
        xml.push_str("    </node>\n");
    }
    for (number, edge) in snapshot.edges.iter().enumerate() {
        let end = |id: &str| numbers.get(id).copied().unwrap_or_default();
        let (caller, callee) = (end(&edge.caller), end(&edge.callee));
        xml.push_str(&format!(
            "    <edge id=\"e{number}\" source=\"n{caller}\" target=\"n{callee}\">\n"
        ));
        data(&mut xml, 'e', &edge_data(edge));
        xml.push_str("    </edge>\n");
    }
    xml.push_str("  </graph>\n</graphml>\n");
    xml
}

/// One datum per key that has a value.
fn data(xml: &mut String, letter: char, values: &[Option<String>]) {
    for (number, value) in values.iter().enumerate() {
        if let Some(value) = value {
            let value = escaped(value);
            xml.push_str(&format!(
                "      <data key=\"{letter}k{number}\">{value}</data>\n"
            ));
        }
    }
}

fn node_data(node: &Node) -> [Option<String>; NODE_KEYS.len()] {
    [
        Some(node.id.clone()),
        Some(node.name.clone()),
        Some(node.kind.as_str().to_owned()),
        Some(node.namespace.clone()),
        Some(node.environment.clone()),
        node.address.clone(),
        node.system.clone(),
        Some(long(node.entry_calls)),
        Some(long(node.requests)),
        Some(long(node.instances)),
        group::internal_calls(node).map(long),
    ]
}

fn edge_data(edge: &Edge) -> [Option<String>; EDGE_KEYS.len()] {
    let protocols: Vec<&str> = edge.protocols.keys().map(String::as_str).collect();
    let (client, server) = (edge.latency.client, edge.latency.server);
    [
        Some(edge.relation.as_str().to_owned()),
        Some(long(edge.calls)),
        Some(long(edge.attempts)),
        Some(long(edge.failed)),
        Some(long(edge.failed_attempts)),
        Some(long(edge.retries)),
        double(edge.weighted_calls),
        double(edge.confidence),
        client.and_then(|latency| double(latency.p50_ms)),
        client.and_then(|latency| double(latency.p99_ms)),
        server.and_then(|latency| double(latency.p50_ms)),
        server.and_then(|latency| double(latency.p99_ms)),
        Some(protocols.join(", ")),
        // Under this name Gephi takes it for the thickness of the line.
        Some(long(edge.calls)),
    ]
}

/// The type has a sign: what is larger becomes the largest.
fn long(number: u64) -> String {
    i64::try_from(number).unwrap_or(i64::MAX).to_string()
}

/// Readers differ in how they spell what is no number, so it is left out.
fn double(number: f64) -> Option<String> {
    number.is_finite().then(|| number.to_string())
}

/// Text of an element. Control characters, which XML 1.0 cannot hold, are visible by then; so are its two other exceptions.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in printable(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {
                escaped.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
            }
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
