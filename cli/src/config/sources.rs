//! What environment and file say, before it is known whether it makes sense.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use clap::Command;

use super::is_switch;
use crate::error::CliError;
use crate::policy::{Faults, Node, Value, parse_tree};
use crate::selection::nearest;
use crate::text::printable;

/// What all our variables begin with.
const PREFIX: &str = "TRACEMESH_";

/// Variables that Kubernetes makes for a Service called `tracemesh`, and nobody wrote.
const OF_KUBERNETES: [&str; 2] = ["TRACEMESH_PORT", "TRACEMESH_SERVICE_"];

/// Bytes of a configuration file.
const MAX_BYTES: u64 = 1 << 20;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Typed.
    Flag,
    /// The variable.
    Environment(String),
    /// File and line.
    File(String, usize),
}

impl Origin {
    /// The place of a setting, to begin a fault with.
    pub(super) fn of(&self, name: &str) -> String {
        match self {
            Self::Flag => format!("--{name}"),
            Self::Environment(variable) => variable.clone(),
            Self::File(file, line) => format!("{file}:{line}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(variable) => f.write_str(variable),
            Self::File(file, line) => write!(f, "{file}:{line}"),
        }
    }
}

/// An option with its values, as text.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// Long name of the flag.
    pub(super) name: String,
    /// One, or several where the flag may be repeated.
    pub(super) values: Vec<String>,
    /// Where it was said.
    pub(super) origin: Origin,
}

impl Setting {
    /// The same as words of the command line.
    pub(super) fn arguments(&self, command: &Command) -> Vec<OsString> {
        let is_off = |value: &String| value == "false";
        let words = self.values.iter().filter_map(|value| {
            if is_switch(command, &self.name) && (value == "true" || is_off(value)) {
                return (!is_off(value)).then(|| format!("--{}", self.name));
            }
            Some(format!("--{}={value}", self.name))
        });
        words.map(OsString::from).collect()
    }
}

/// Variables that name an option. Others with our prefix are faults: a typing error must not pass for a setting.
pub(super) fn environment(
    command: &Command,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    faults: &mut Vec<String>,
) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (variable, value) in variables {
        let Some(variable) = variable.to_str() else {
            continue;
        };
        let is_made = OF_KUBERNETES
            .iter()
            .any(|start| variable.starts_with(start));
        let Some(rest) = variable.strip_prefix(PREFIX).filter(|_| !is_made) else {
            continue;
        };
        let name = rest.to_ascii_lowercase().replace('_', "-");
        if !is_known(command, &name) {
            let near = suggestion(command, &name).map(|near| variable_of(&near));
            faults.push(unknown(&printable(variable), "is no option", near));
            continue;
        }
        let Some(value) = value.to_str() else {
            faults.push(format!("{variable}: not UTF-8"));
            continue;
        };
        let is_list = may_repeat(command, &name);
        let values = match is_list {
            true => value.split(',').map(|it| it.trim().to_owned()).collect(),
            false => vec![value.to_owned()],
        };
        settings.push(Setting {
            name,
            values,
            origin: Origin::Environment(variable.to_owned()),
        });
    }
    settings.sort_by(|a, b| a.name.cmp(&b.name));
    settings
}

/// The settings of a file.
///
/// # Errors
/// When it cannot be read at all; what it says wrongly is among the faults.
pub(super) fn file(
    command: &Command,
    path: &OsString,
    named_by: &Origin,
    faults: &mut Vec<String>,
) -> Result<Vec<Setting>, CliError> {
    let path = Path::new(path);
    let shown = printable(&path.display().to_string()).into_owned();
    let text = read(path).map_err(|error| {
        let named_by = named_by.of("config");
        error.hint(format!(
            "{named_by} names it: a YAML file such as `flush-interval: 60s`"
        ))
    })?;
    let mut found = Faults::default();
    let mut settings = Vec::new();
    let root = parse_tree(&text, "", &mut found);
    match root.as_ref().map(|root| &root.value) {
        Some(Value::Map(entries)) => {
            for entry in entries {
                match setting(command, &shown, &entry.key, &entry.node) {
                    Ok(setting) => settings.push(setting),
                    Err(fault) => faults.push(format!("{shown}:{}: {fault}", entry.line)),
                }
            }
        }
        Some(_) => faults.push(format!("{shown}:1: not a mapping of options to values")),
        None => {}
    }
    let found = found.into_sorted();
    faults.extend(
        found
            .iter()
            .map(|fault| format!("{shown}:{}: {}", fault.line, fault.message)),
    );
    Ok(settings)
}

fn read(path: &Path) -> Result<String, CliError> {
    let refused = |error| CliError::file("cannot read", path, error);
    let mut text = String::new();
    let file = File::open(path).map_err(refused)?;
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(refused)?;
    match text.len() as u64 > MAX_BYTES {
        true => Err(CliError::new(format!(
            "`{}` is no configuration: it is larger than 1 MiB",
            path.display()
        ))),
        false => Ok(text),
    }
}

fn setting(command: &Command, file: &str, key: &str, node: &Node) -> Result<Setting, String> {
    if key == "config" {
        return Err("`config` names this file: it cannot stand in it".to_owned());
    }
    if !is_known(command, key) {
        return Err(unknown(
            &format!("`{}`", printable(key)),
            "is no option",
            suggestion(command, key),
        ));
    }
    let scalar = |node: &Node| match &node.value {
        Value::Scalar { text, .. } if !node.is_null() => Ok(text.clone()),
        _ => Err(format!(
            "`{key}` takes a single value, not {}",
            node.described()
        )),
    };
    let values = match &node.value {
        Value::List(items) if may_repeat(command, key) => {
            items.iter().map(scalar).collect::<Result<_, _>>()?
        }
        _ => vec![scalar(node)?],
    };
    Ok(Setting {
        name: key.to_owned(),
        values,
        origin: Origin::File(file.to_owned(), node.line),
    })
}

fn unknown(what: &str, problem: &str, near: Option<String>) -> String {
    let near = near.map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
    format!("{what} {problem} of `tracemesh collect`{near}")
}

fn suggestion(command: &Command, name: &str) -> Option<String> {
    let names: Vec<&str> = names(command).collect();
    nearest(name, names.iter().copied()).map(str::to_owned)
}

fn variable_of(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// Long names of options that can be set elsewhere than on the command line.
fn names(command: &Command) -> impl Iterator<Item = &str> {
    let longs = command.get_arguments().filter_map(|it| it.get_long());
    longs.filter(|name| !["help", "version", "print-config", "color"].contains(name))
}

fn is_known(command: &Command, name: &str) -> bool {
    names(command).any(|known| known == name)
}

fn may_repeat(command: &Command, name: &str) -> bool {
    let found = command
        .get_arguments()
        .find(|it| it.get_long() == Some(name));
    found.is_some_and(|it| matches!(it.get_action(), clap::ArgAction::Append))
}
