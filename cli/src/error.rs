//! What can end a command, how it is told, and with which exit code.
//!
//! A message is lower case, names the thing and the cause, and never repeats its source. The way out is a hint: data
//! on the error, printed on a line of its own. Bad data inside traces is no error: it is counted in the snapshot.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::text::printable;

/// How a command ends when it does not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done: exit code 0.
    Done,
    /// Done, and the answer is no: exit code 1.
    No,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::No => Self::from(1),
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub struct CliError {
    message: String,
    details: Vec<String>,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
    is_closed_pipe: bool,
}

impl CliError {
    /// An error from a message alone: lower case, no final period, values in backticks.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            details: Vec::new(),
            hint: None,
            source: None,
            is_closed_pipe: false,
        }
    }

    /// An error that says it all itself, with its own causes.
    #[must_use]
    pub fn from_cause(error: impl Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            push_cause(&mut message, &next.to_string());
            cause = next.source();
        }
        Self::new(message)
    }

    /// Adds the cause, told after the message.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds lines that belong to the message, such as the faults of a file, one each.
    #[must_use]
    pub fn details(mut self, lines: Vec<String>) -> Self {
        self.details = lines;
        self
    }

    /// A failed operation on a file: `verb` reads like `cannot read`.
    #[must_use]
    pub fn file(verb: &str, path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(format!("{verb} `{}`", path.display())).because(source)
    }

    /// A failed write to standard output. A reader that went away (`| head`) is no failure.
    #[must_use]
    pub fn stdout(source: io::Error) -> Self {
        let is_closed_pipe = source.kind() == io::ErrorKind::BrokenPipe;
        Self {
            is_closed_pipe,
            ..Self::new("cannot write to standard output").because(source)
        }
    }

    /// True when the reader of standard output went away, which ends the program quietly with exit code 0.
    #[must_use]
    pub const fn is_closed_pipe(&self) -> bool {
        self.is_closed_pipe
    }

    /// The lines for standard error: `error: <message>: <causes>`, details, then `hint: <way out>`. Hostile characters from
    /// names and files are visible, never effective.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut told = self.message.clone();
        let mut cause: Option<&(dyn Error + 'static)> = self.source();
        while let Some(error) = cause {
            push_cause(&mut told, &error.to_string());
            cause = error.source();
        }
        let mut lines = vec![format!("error: {}", printable(&told))];
        lines.extend(self.details.iter().map(|line| printable(line).into_owned()));
        lines.extend(
            self.hint
                .iter()
                .map(|hint| format!("hint: {}", printable(hint))),
        );
        lines
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CliError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| source.as_ref() as &(dyn Error + 'static))
    }
}

/// Some errors repeat their cause in their own message: tell it once.
fn push_cause(told: &mut String, cause: &str) {
    if !told.ends_with(cause) {
        told.push_str(": ");
        told.push_str(cause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_causes_and_hint_are_told_once_each() {
        let error = CliError::file(
            "cannot read",
            Path::new("a\nb.json"),
            io::Error::other("disk on fire"),
        )
        .hint("use another disk");
        assert_eq!(
            error.lines(),
            [
                "error: cannot read `a\\nb.json`: disk on fire",
                "hint: use another disk"
            ]
        );
    }

    #[test]
    fn only_a_broken_pipe_on_stdout_ends_quietly() {
        let broken = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(CliError::stdout(broken).is_closed_pipe());
        assert!(!CliError::stdout(io::Error::other("full")).is_closed_pipe());
        let elsewhere = CliError::new("x").because(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(!elsewhere.is_closed_pipe());
    }
}
