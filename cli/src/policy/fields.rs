//! A mapping of the file with the keys that mean something in it.

use super::faults::{Faults, did_you_mean, one_of, shown};
use super::tree::{Entry, Node, Value};

/// Known entries of a mapping.
pub(super) struct Fields<'n> {
    /// Line of the mapping.
    pub line: usize,
    entries: Vec<&'n Entry>,
    place: String,
}

impl<'n> Fields<'n> {
    /// Reports keys that are unknown or there twice; `None` when the value is no mapping.
    pub(super) fn read(
        node: &'n Node,
        place: &str,
        known: &[&str],
        faults: &mut Faults,
    ) -> Option<Self> {
        let Value::Map(all) = &node.value else {
            faults
                .add(
                    node.line,
                    format!("{place} is {}, not a mapping", node.described()),
                )
                .hint(format!("its keys are {}", one_of(known)));
            return None;
        };
        let mut entries: Vec<&Entry> = Vec::new();
        for entry in all {
            if let Some(first) = entries.iter().find(|other| other.key == entry.key) {
                let message = format!("{} is said twice in {place}", shown(&entry.key));
                faults
                    .add(entry.line, message)
                    .hint(format!("it is there since line {}", first.line));
            } else if known.contains(&entry.key.as_str()) {
                entries.push(entry);
            } else if !entry.key.is_empty() {
                unknown(entry, place, known, faults);
            }
        }
        Some(Self {
            line: node.line,
            entries,
            place: place.to_owned(),
        })
    }

    /// The value of a key, when it is given. One that is left empty is a fault.
    pub(super) fn get(&self, key: &str, faults: &mut Faults) -> Option<&'n Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        if entry.node.is_null() {
            faults
                .add(
                    entry.line,
                    format!("`{key}` in {} has no value", self.place),
                )
                .hint("give one, or remove the key");
            return None;
        }
        Some(&entry.node)
    }

    /// The value of a key that must be there.
    pub(super) fn require(&self, key: &str, faults: &mut Faults) -> Option<&'n Node> {
        if !self.has(key) {
            faults.add(self.line, format!("{} needs `{key}`", self.place));
        }
        self.get(key, faults)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Line of a key, else of the mapping.
    pub(super) fn line_of(&self, key: &str) -> usize {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.map_or(self.line, |entry| entry.line)
    }

    /// The entries, in the order of the file.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'n Entry> {
        self.entries.iter().copied()
    }
}

fn unknown(entry: &Entry, place: &str, known: &[&str], faults: &mut Faults) {
    let message = format!("unknown key {} in {place}", shown(&entry.key));
    // Settings are known elsewhere by their unit: `connect_timeout_ms` is `connect_timeout: 250ms` here.
    let without_unit = entry.key.strip_suffix("_ms").unwrap_or(&entry.key);
    let hint = if known.contains(&without_unit) {
        format!("write `{without_unit}`, and the unit in the value: `250ms`, `2s`")
    } else {
        did_you_mean(&entry.key, known.iter().copied())
            .unwrap_or_else(|| format!("known are {}", one_of(known)))
    };
    faults.add(entry.line, message).hint(hint);
}

/// The items of a list; a value that is none is a fault.
pub(super) fn list<'n>(node: &'n Node, place: &str, faults: &mut Faults) -> &'n [Node] {
    match &node.value {
        Value::List(items) => items,
        _ => {
            let message = format!("{place} is {}, not a list", node.described());
            faults
                .add(node.line, message)
                .hint("begin each item on a line of its own with `- `");
            &[]
        }
    }
}
