//! The options in force, as a file that would set them.

use std::collections::BTreeSet;

use clap::{ArgMatches, Command};

use super::sources::Setting;
use super::{is_switch, raw_values};
use crate::text::printable;

/// Every option with its value and where that comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    name: String,
    values: Vec<String>,
    /// Written as a list, however many values there are.
    is_list: bool,
    origin: String,
}

impl Effective {
    pub(super) fn of(
        command: &Command,
        matches: &ArgMatches,
        given: &BTreeSet<String>,
        settings: &[Setting],
    ) -> Self {
        let rows = command.get_arguments().filter_map(|argument| {
            let name = argument.get_long()?;
            if ["help", "version", "print-config", "color", "config"].contains(&name) {
                return None;
            }
            let id = argument.get_id().as_str();
            let values = match is_switch(command, name) {
                true => vec![matches.get_flag(id).to_string()],
                false => raw_values(matches, id),
            };
            let setting = settings.iter().find(|it| it.name == name);
            let origin = match setting {
                _ if given.contains(name) => "flag".to_owned(),
                Some(setting) => setting.origin.to_string(),
                None => "default".to_owned(),
            };
            Some(Row {
                name: name.to_owned(),
                values,
                is_list: matches!(argument.get_action(), clap::ArgAction::Append),
                origin,
            })
        });
        Self {
            rows: rows.collect(),
        }
    }

    /// A configuration file with the same effect, one option a line, each with its origin; options without a value are
    /// comments.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let told: Vec<(String, &str)> = self
            .rows
            .iter()
            .map(|row| (row.yaml(), row.origin.as_str()))
            .collect();
        let lengths = told.iter().map(|(text, _)| text.chars().count());
        let width = lengths
            .filter(|length| *length <= 44)
            .max()
            .unwrap_or_default();
        let told = told.iter();
        told.map(|(text, origin)| format!("{text:width$}  # {origin}"))
            .collect()
    }
}

impl Row {
    fn yaml(&self) -> String {
        let name = &self.name;
        let mut values = self.values.iter().map(|value| scalar(value));
        match (values.next(), self.is_list) {
            (None, _) => format!("# {name}:"),
            (Some(first), false) => format!("{name}: {first}"),
            (Some(first), true) => {
                let all: Vec<String> = std::iter::once(first).chain(values).collect();
                format!("{name}: [{}]", all.join(", "))
            }
        }
    }
}

/// A YAML scalar that every reader takes for this text.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '/');
    if begins_well && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", printable(&escaped))
}
