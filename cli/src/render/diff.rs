//! What differs between two graphs: for a terminal, as Markdown, and as JSON (`tracemesh.diff/v1`).
//!
//! [`Difference`] -> page (`words`) -> text. Names are hostile: printable and cut for the terminal, escaped for Markdown. Lists are
//! whole: each line is somebody's edge.

use tracemesh_graph::diff::Difference;

use super::onboarding::text::markdown as escaped;
use super::table::WIDTH;
use crate::text::clip;

mod words;

#[cfg(test)]
mod tests;

/// Longest name in the table: two of them and an arrow fit a line.
const NAME: usize = 36;

/// The difference in lines of at most 80 columns.
#[must_use]
pub fn table(difference: &Difference) -> String {
    let page = words::page(difference, |name| clip(name, NAME));
    let mut text = String::new();
    for line in &page.head {
        push(&mut text, "", line);
    }
    for section in &page.sections {
        text.push('\n');
        push(&mut text, "", &section.title.to_uppercase());
        for item in &section.items {
            let sign = words::sign(item.presence);
            push(&mut text, "  ", &format!("{sign} {}", item.head));
            for note in &item.notes {
                push(&mut text, "      ", &clip(note, WIDTH - 6));
            }
        }
    }
    text.push('\n');
    for line in &page.foot {
        push(&mut text, "", line);
    }
    text
}

fn push(text: &mut String, indent: &str, line: &str) {
    text.push_str(indent);
    text.push_str(line);
    text.push('\n');
}

/// The difference as a Markdown page.
#[must_use]
pub fn markdown(difference: &Difference) -> String {
    let page = words::page(difference, escaped);
    let mut text = String::from("# What changed\n\n");
    for line in &page.head {
        push(&mut text, "- ", line);
    }
    for section in &page.sections {
        push(&mut text, "\n## ", &section.title);
        text.push('\n');
        for item in &section.items {
            let word = words::word(item.presence);
            push(&mut text, "- ", &format!("{word} {}", item.head));
            for note in &item.notes {
                push(&mut text, "  - ", note);
            }
        }
    }
    text.push('\n');
    for line in &page.foot {
        push(&mut text, "", line);
    }
    text
}

/// The difference for programs.
///
/// # Errors
/// Never for differences that the graph crate makes; an error says what cannot be written.
pub fn json(difference: &Difference) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(difference)?;
    text.push('\n');
    Ok(text)
}
