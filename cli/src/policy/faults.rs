//! Everything that is wrong with a policy file, each with its line, told together.

use std::fmt;

use crate::selection::nearest;
use crate::text::clip;

/// Faults kept; of a hostile file more would help nobody.
const MAX_FAULTS: usize = 200;

/// What a fault means for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The file cannot be used.
    Fault,
    /// A pin whose last day is over: it has no effect, the rest of the file has.
    ExpiredPin,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong: lower case, no final period, values in backticks.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What it means for a run.
    pub kind: FaultKind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        self.hint
            .iter()
            .try_for_each(|hint| write!(f, " (hint: {hint})"))
    }
}

/// Collects faults while a file is read.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    found: Vec<Fault>,
    beyond: u64,
}

impl Faults {
    pub(super) fn add(&mut self, line: usize, message: impl Into<String>) -> &mut Self {
        self.push(line, message.into(), FaultKind::Fault);
        self
    }

    pub(super) fn expired(&mut self, line: usize, message: String) -> &mut Self {
        self.push(line, message, FaultKind::ExpiredPin);
        self
    }

    /// Says what to do about the fault that was added last.
    pub(super) fn hint(&mut self, hint: impl Into<String>) {
        if self.beyond == 0
            && let Some(last) = self.found.last_mut()
        {
            last.hint = Some(hint.into());
        }
    }

    fn push(&mut self, line: usize, message: String, kind: FaultKind) {
        if self.found.len() == MAX_FAULTS {
            self.beyond += 1;
            return;
        }
        self.found.push(Fault {
            line,
            message,
            hint: None,
            kind,
        });
    }

    /// By line; those of one line in the order of finding them.
    pub(crate) fn into_sorted(mut self) -> Vec<Fault> {
        self.found.sort_by_key(|fault| fault.line);
        if self.beyond > 0 {
            let line = self.found.last().map_or(1, |fault| fault.line);
            let message = format!("{} more faults are not listed", self.beyond);
            self.found.push(Fault {
                line,
                message,
                hint: None,
                kind: FaultKind::Fault,
            });
        }
        self.found
    }
}

/// Text of the file in a message.
pub(super) fn shown(text: &str) -> String {
    format!("`{}`", clip(text, 60))
}

/// The known word that was probably meant.
pub(super) fn did_you_mean<'a>(
    wanted: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(wanted, known).map(|word| format!("did you mean `{word}`?"))
}

/// `a`, `b` or `c`.
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
