//! `diff.md`: what a new generation changes, in words, for whoever reviews it.
//!
//! It compares files, not models: what is on disk is what sidecars run, also after a rollback or an edit by hand.
//! Endpoint files are no part of a generation and come and go without review.

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::generation_directory;
use super::yaml::{Node, read};
use tree::{Change, changes, field, shown};

/// An older generation, as it was found.
pub(crate) struct Older {
    /// Its number.
    pub(crate) generation: u32,
    /// Path below its directory -> text.
    pub(crate) files: BTreeMap<String, String>,
}

/// The page about the new generation of a service; `older` is what sidecars run so far.
pub(crate) fn page(
    service: &str,
    generation: u32,
    files: &BTreeMap<String, String>,
    older: Option<&Older>,
) -> String {
    let mut page = format!(
        "# {} of {}\n\n",
        generation_directory(generation),
        code(&super::quote(service))
    );
    let nothing = BTreeMap::new();
    let (old, introduction) = match older {
        None => (
            &nothing,
            "The first generation: all of it is new.".to_owned(),
        ),
        Some(older) => {
            let name = generation_directory(older.generation);
            let introduction = format!("Compared with {name}, which `current` pointed to.");
            (&older.files, introduction)
        }
    };
    page.push_str(&introduction);
    page.push_str(" Endpoints are not compared.\n");
    let paths: BTreeSet<&String> = old.keys().chain(files.keys()).collect();
    let mut same = true;
    for path in paths {
        let (before, after) = (old.get(path), files.get(path));
        if before == after {
            continue;
        }
        same = false;
        section(&mut page, path, before, after);
    }
    if same {
        page.push_str("\nNothing differs.\n");
    }
    page
}

fn section(page: &mut String, path: &str, before: Option<&String>, after: Option<&String>) {
    push_line(page, format_args!("\n## {}\n", title(path)));
    let old = before.map(|text| Resources::read(text));
    let new = after.map(|text| Resources::read(text));
    if matches!(old, Some(None)) {
        push_line(
            page,
            format_args!(
                "The older file is not as it was generated: all of the new one counts as new.\n"
            ),
        );
    }
    let old = old.flatten().unwrap_or_default();
    let new = new.flatten().unwrap_or_default();
    let names: BTreeSet<&String> = old.0.keys().chain(new.0.keys()).collect();
    for name in names {
        match (old.0.get(name), new.0.get(name)) {
            (None, Some(node)) => {
                push_line(
                    page,
                    format_args!("- added {}{}", code(name), summary(node)),
                );
            }
            (Some(node), None) => {
                push_line(
                    page,
                    format_args!("- removed {}{}", code(name), summary(node)),
                );
            }
            (Some(old), Some(new)) => changed(page, name, old, new),
            (None, None) => {}
        }
    }
}

fn changed(page: &mut String, name: &str, old: &Node, new: &Node) {
    let changes = changes(old, new);
    if changes.is_empty() {
        return;
    }
    push_line(page, format_args!("- changed {}", code(name)));
    for Change {
        path,
        before,
        after,
    } in changes
    {
        let words = match (before, after) {
            (Some(before), Some(after)) => format!("{} -> {}", code(&before), code(&after)),
            (None, Some(after)) => format!("added {}", code(&after)),
            (Some(before), None) => format!("removed {}", code(&before)),
            (None, None) => continue,
        };
        push_line(page, format_args!("  - {}: {words}", code(&path)));
    }
}

fn title(path: &str) -> String {
    match path {
        "cds.yaml" => "Clusters".to_owned(),
        "lds.yaml" => "Listeners".to_owned(),
        other => {
            let name = other.strip_prefix("rds/").unwrap_or(other);
            let name = name.strip_suffix(".yaml").unwrap_or(name);
            format!("Routes of {}", code(name))
        }
    }
}

/// What can be said about a whole resource in one line.
fn summary(node: &Node) -> String {
    let facts = ["metadata", "filter_metadata", "tracemesh"]
        .iter()
        .try_fold(node, |node, key| field(node, key));
    let Some(facts) = facts else {
        return String::new();
    };
    let word = |key: &str| field(facts, key).map(shown).unwrap_or_default();
    format!(
        ", for {} at {}, {}",
        code(&word("to")),
        code(&word("addresses")),
        code(&word("phase"))
    )
}

/// The named resources of a file.
#[derive(Default)]
struct Resources(BTreeMap<String, Node>);

impl Resources {
    fn read(text: &str) -> Option<Self> {
        let document = read(text)?;
        let Node::List(elements) = field(&document, "resources")? else {
            return None;
        };
        let mut named = BTreeMap::new();
        for element in elements {
            let Node::Text(name) = field(element, "name")? else {
                return None;
            };
            named.insert(name.clone(), element.clone());
        }
        Some(Self(named))
    }
}

/// Text in a code span, in which no character can end the span or start another line. Values come from spans.
fn code(text: &str) -> String {
    let mut span = String::with_capacity(text.len() + 2);
    span.push('`');
    for character in text.chars() {
        match character {
            '`' => span.push_str("\\x60"),
            plain => crate::text::push_printable(&mut span, plain),
        }
    }
    span.push('`');
    span
}

fn push_line(page: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(page, "{line}").expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests;
