//! A tree of ordered maps and its YAML text.
//!
//! Every string is double-quoted and every character outside printable ASCII is escaped: a name such as `no`, `1e3`
//! or one with a newline stays that name for every YAML reader. Readers of YAML 1.1 take unquoted `n`, `y`, `no` and
//! `on` for booleans, and the general emitters for Rust leave those unquoted.

mod read;

use std::borrow::Cow;
use std::fmt::Write;

pub use read::read;

/// A YAML value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(u64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A map in the order given; keys are unique by construction of the callers.
    Map(Vec<(Cow<'static, str>, Self)>),
}

/// A map from its entries, in order.
#[must_use]
pub fn map<const N: usize>(entries: [(&'static str, Node); N]) -> Node {
    let entries = entries.into_iter();
    Node::Map(
        entries
            .map(|(key, value)| (Cow::Borrowed(key), value))
            .collect(),
    )
}

/// A list from its elements.
#[must_use]
pub fn list<T: Into<Node>>(elements: impl IntoIterator<Item = T>) -> Node {
    Node::List(elements.into_iter().map(Into::into).collect())
}

impl Node {
    /// Adds an entry at the end of a map; a node that is no map becomes one.
    #[must_use]
    pub fn with(self, key: &'static str, value: impl Into<Self>) -> Self {
        let mut entries = match self {
            Self::Map(entries) => entries,
            _ => Vec::new(),
        };
        entries.push((Cow::Borrowed(key), value.into()));
        Self::Map(entries)
    }

    /// The YAML document, ending in a newline.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        self.to_yaml_after("")
    }

    /// The YAML document after a header of whole comment lines, ending in a newline.
    #[must_use]
    pub fn to_yaml_after(&self, header: &str) -> String {
        let mut out = header.to_owned();
        match self {
            Self::Map(entries) if !entries.is_empty() => emit_map(&mut out, entries, 0),
            Self::List(elements) if !elements.is_empty() => emit_list(&mut out, elements, 0),
            scalar => {
                emit_scalar(&mut out, scalar);
                out.push('\n');
            }
        }
        out
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Node {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u16> for Node {
    fn from(value: u16) -> Self {
        Self::Number(value.into())
    }
}

impl From<u64> for Node {
    fn from(value: u64) -> Self {
        Self::Number(value)
    }
}

/// Text in double quotes: printable ASCII only, in one line.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(character),
            _ => {
                let code = u32::from(character);
                let written = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
                written.expect("writing to a string does not fail");
            }
        }
    }
    out.push('"');
    out
}

fn emit_map(out: &mut String, entries: &[(Cow<'static, str>, Node)], indent: usize) {
    for (index, (key, value)) in entries.iter().enumerate() {
        // The first entry follows the dash of a list element on the same line.
        if index > 0 || !out.ends_with("- ") {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        if is_plain_key(key) {
            out.push_str(key);
        } else {
            out.push_str(&quote(key));
        }
        out.push(':');
        match value {
            Node::Map(inner) if !inner.is_empty() => {
                out.push('\n');
                emit_map(out, inner, indent + 2);
            }
            Node::List(inner) if !inner.is_empty() => {
                out.push('\n');
                emit_list(out, inner, indent);
            }
            scalar => {
                out.push(' ');
                emit_scalar(out, scalar);
                out.push('\n');
            }
        }
    }
}

fn emit_list(out: &mut String, elements: &[Node], indent: usize) {
    for (index, element) in elements.iter().enumerate() {
        if index > 0 || !out.ends_with("- ") {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        out.push_str("- ");
        match element {
            Node::Map(inner) if !inner.is_empty() => emit_map(out, inner, indent + 2),
            Node::List(inner) if !inner.is_empty() => emit_list(out, inner, indent + 2),
            scalar => {
                emit_scalar(out, scalar);
                out.push('\n');
            }
        }
    }
}

fn emit_scalar(out: &mut String, node: &Node) {
    match node {
        Node::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Node::Number(value) => out.push_str(&value.to_string()),
        Node::Text(text) => out.push_str(&quote(text)),
        Node::List(_) => out.push_str("[]"),
        Node::Map(_) => out.push_str("{}"),
    }
}

/// Field names only: nothing that a reader could take for a boolean, a null or a number.
fn is_plain_key(key: &str) -> bool {
    const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
        && !WORDS.contains(&key.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests;
