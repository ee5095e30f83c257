//! Reads the policy file, `tracemesh.yaml`: every fault at once, each with its line and a hint.
//!
//! ```text
//! bytes -> tree (lines, limits) -> sections (keys, values) -> contradictions -> Policy
//! ```
//! It refuses to guess: unknown keys, values of another type, and rules of which only an order in the file would decide
//! are faults. The format: `docs/policy.md`, `docs/schemas/policy.json`.

mod contradictions;
mod faults;
mod fields;
mod numbers;
pub mod report;
mod sections;
mod settings;
pub(crate) mod status;
mod tree;
mod values;

use std::path::Path;

use jiff::civil::Date;
use tracemesh_graph::policy::{Policy, SCHEMA};

use crate::error::CliError;
use crate::text::{count_of, counted};

pub(crate) use faults::Faults;
pub use faults::{Fault, FaultKind};
pub(crate) use tree::{Node, Value, parse as parse_tree};

/// Where the policy is unless told otherwise.
pub const DEFAULT_FILE: &str = "tracemesh.yaml";

/// What a file says, and what is wrong with it.
#[derive(Debug)]
pub struct Checked {
    /// What could be understood; the whole of the file when no fault is of the kind [`FaultKind::Fault`].
    pub policy: Policy,
    /// Every fault, by line.
    pub faults: Vec<Fault>,
    /// Where the rules of the policy stand.
    pub lines: RuleLines,
}

/// Lines of the rules of a policy, each list as long as, and in the order of, that of the policy.
#[derive(Debug, Default)]
pub struct RuleLines {
    /// Of rules for services.
    pub services: Vec<usize>,
    /// Of rules for edges.
    pub edges: Vec<usize>,
    /// Of infrastructure.
    pub infra: Vec<usize>,
}

impl Checked {
    /// Whether the policy can be used: all that is wrong are pins that have no effect any more.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let mut faults = self.faults.iter();
        faults.all(|fault| fault.kind == FaultKind::ExpiredPin)
    }
}

/// Reads and checks a policy file; `today` is the day on which its pins are judged. Pins that have expired are in the
/// policy, and in the faults.
///
/// # Errors
/// When the file cannot be read, is no UTF-8 text or too large. What its text says wrongly is no error.
pub fn check(path: &Path, today: Date) -> Result<Checked, CliError> {
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = 1 + bytes
            .iter()
            .take(error.valid_up_to())
            .filter(|byte| **byte == b'\n')
            .count();
        CliError::new(format!(
            "`{}` is no UTF-8 text in line {line}",
            path.display()
        ))
        .hint("save it as UTF-8")
    })?;
    Ok(check_text(text, today))
}

/// Checks the text of a policy file.
#[must_use]
pub fn check_text(text: &str, today: Date) -> Checked {
    let mut faults = Faults::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = tree::parse(text, SCHEMA, &mut faults);
    let read = root.map_or_else(sections::Sections::default, |root| {
        let read = sections::sections(&root, today, &mut faults);
        contradictions::contradictions(&read, today, &mut faults);
        read
    });
    let lines = RuleLines {
        services: read.services.iter().map(|rule| rule.line).collect(),
        edges: read.edges.iter().map(|rule| rule.line).collect(),
        infra: read.infra.iter().map(|infra| infra.line).collect(),
    };
    let policy = Policy {
        defaults: read.defaults,
        services: read.services.into_iter().map(|rule| rule.item).collect(),
        edges: read.edges.into_iter().map(|rule| rule.item).collect(),
        pins: read.pins,
        infra: read.infra.into_iter().map(|infra| infra.item).collect(),
        labels: read.labels,
        naming: read.naming,
        thresholds: read.thresholds,
        onboarding: read.onboarding,
    };
    Checked {
        policy,
        faults: faults.into_sorted(),
        lines,
    }
}

/// Reads a policy that is to be used. Pins that have expired are in it, without effect.
///
/// # Errors
/// With every fault of the file, each with its line.
pub fn load(path: &Path, today: Date) -> Result<Policy, CliError> {
    let checked = check(path, today)?;
    if checked.is_usable() {
        return Ok(checked.policy);
    }
    let faults = checked.faults.iter();
    let lines: Vec<String> = faults.map(|fault| located(path, fault)).collect();
    let count = counted(count_of(lines.len()), "fault", "faults");
    Err(CliError::new(format!("`{}` has {count}", path.display()))
        .details(lines)
        .hint("`tracemesh policy check` tells the same"))
}

/// A fault as compilers tell theirs: `tracemesh.yaml:14: message (hint: ..)`.
#[must_use]
pub fn located(path: &Path, fault: &Fault) -> String {
    format!("{}:{}: {fault}", path.display(), fault.line)
}

/// The day in UTC.
#[must_use]
pub fn today() -> Date {
    jiff::tz::Offset::UTC
        .to_datetime(jiff::Timestamp::now())
        .date()
}

/// Reads a day as `--today` gives it.
///
/// # Errors
/// When it is none.
pub fn parse_day(text: &str) -> Result<Date, String> {
    values::day(text).ok_or_else(|| "give a day that exists, such as 2026-12-31".to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    use std::io::Read as _;
    let limit = count_of(tree::MAX_BYTES);
    let failed = |error| {
        CliError::file("cannot read", path, error)
            .hint("give the path of a policy file, `tracemesh.yaml`")
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if count_of(bytes.len()) > limit {
        return Err(
            CliError::new(format!("`{}` is larger than 1 MiB", path.display()))
                .hint("a policy is written by people: is this the right file?"),
        );
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
