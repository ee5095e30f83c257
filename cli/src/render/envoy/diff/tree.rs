//! Differences of two trees, leaf by leaf.
//!
//! Elements of lists are told apart by their `name` where they have one, so that a filter chain that moved is not a change
//! of all chains behind it; lists of plain values are compared as sets, any other by position.

use std::collections::{BTreeMap, BTreeSet};

use crate::render::envoy::yaml::{Node, quote};

/// A leaf that differs: absent on one side, or another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// All changes, sorted by path.
pub(super) fn changes(old: &Node, new: &Node) -> Vec<Change> {
    let (old, new) = (leaves(old), leaves(new));
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .map(|path| Change {
            path: path.clone(),
            before: old.get(path).cloned(),
            after: new.get(path).cloned(),
        })
        .collect()
}

/// An entry of a map.
pub(super) fn field<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Node::Map(entries) = node else {
        return None;
    };
    let found = entries.iter().find(|(found, _)| found == key);
    found.map(|(_, value)| value)
}

/// A node on one line.
pub(super) fn shown(node: &Node) -> String {
    match node {
        Node::Bool(value) => value.to_string(),
        Node::Number(value) => value.to_string(),
        Node::Text(text) => quote(text),
        Node::List(elements) => {
            let elements: Vec<String> = elements.iter().map(shown).collect();
            format!("[{}]", elements.join(", "))
        }
        Node::Map(entries) => {
            let entries = entries.iter();
            let entry = entries.map(|(key, value)| format!("{}: {}", key_of(key), shown(value)));
            let entries: Vec<String> = entry.collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn leaves(node: &Node) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(node, "", &mut found);
    found
}

fn collect(node: &Node, path: &str, found: &mut BTreeMap<String, String>) {
    match node {
        Node::Map(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                let dot = if path.is_empty() { "" } else { "." };
                collect(value, &format!("{path}{dot}{}", key_of(key)), found);
            }
        }
        Node::List(elements) if !elements.is_empty() => collect_list(elements, path, found),
        leaf => {
            found.insert(path.to_owned(), shown(leaf));
        }
    }
}

fn collect_list(elements: &[Node], path: &str, found: &mut BTreeMap<String, String>) {
    let is_plain = |node: &Node| !matches!(node, Node::List(_) | Node::Map(_));
    if elements.iter().all(is_plain) {
        for element in elements {
            let value = shown(element);
            found.insert(format!("{path}[{value}]"), value);
        }
        return;
    }
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for element in elements {
        let name = match field(element, "name") {
            Some(Node::Text(name)) => name.clone(),
            _ => String::new(),
        };
        // The second of a name gets a number, and so does what has none.
        let count = uses.entry(name.clone()).or_default();
        let label = match (name.is_empty(), *count) {
            (false, 0) => key_of(&name),
            (false, count) => format!("{}#{count}", key_of(&name)),
            (true, count) => count.to_string(),
        };
        *count += 1;
        collect(element, &format!("{path}[{label}]"), found);
    }
}

/// A key as it can stand in a path.
fn key_of(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-@/".contains(&byte);
    if !key.is_empty() && key.bytes().all(plain) {
        key.to_owned()
    } else {
        quote(key)
    }
}
