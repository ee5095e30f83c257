//! The only place that writes to the streams: data to standard output, talk to standard error.

use std::io::{self, Write};

use crate::error::CliError;
use crate::terminal::{Capabilities, Role};
use crate::text::printable;

/// The two streams and what they may carry.
pub struct Output<'a> {
    stdout: &'a mut dyn Write,
    stderr: &'a mut dyn Write,
    capabilities: Capabilities,
    progress_is_shown: bool,
}

impl<'a> Output<'a> {
    /// Streams with their capabilities.
    pub fn new(
        stdout: &'a mut dyn Write,
        stderr: &'a mut dyn Write,
        capabilities: Capabilities,
    ) -> Self {
        Self {
            stdout,
            stderr,
            capabilities,
            progress_is_shown: false,
        }
    }

    /// What the streams may carry.
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// Writes the answer of a command.
    ///
    /// # Errors
    /// When standard output cannot be written; [`CliError::is_closed_pipe`] when its reader went away.
    pub fn data(&mut self, text: &str) -> Result<(), CliError> {
        self.clear_progress();
        self.stdout
            .write_all(text.as_bytes())
            .and_then(|()| self.stdout.flush())
            .map_err(CliError::stdout)
    }

    /// Tells the user something beside the answer.
    pub fn note(&mut self, text: &str) {
        self.clear_progress();
        let line = format!("{}\n", printable(text));
        self.talk(&line);
    }

    /// Tells that the answer is worse than it could be, and what to do about it.
    pub fn warning(&mut self, text: &str, hint: &str) {
        self.clear_progress();
        for (word, rest) in [("warning:", text), ("hint:", hint)] {
            let painted = self.capabilities.stderr.paint(Role::Notice, word);
            self.talk(&format!("{painted} {}\n", printable(rest)));
        }
    }

    /// Tells why a command failed.
    pub fn failure(&mut self, error: &CliError) {
        self.clear_progress();
        for line in error.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line.as_str(), ""));
            let role = if word == "error:" {
                Role::Fault
            } else {
                Role::Notice
            };
            let painted = self.capabilities.stderr.paint(role, word);
            self.talk(&format!("{painted} {rest}\n"));
        }
    }

    /// Shows one line of progress in place of the last one; nothing when standard error is no terminal.
    pub fn progress(&mut self, text: &str) {
        if self.capabilities.progress {
            self.progress_is_shown = true;
            let line = format!("\r\u{1b}[K{}", crate::text::clip(text, 79));
            self.talk(&line);
        }
    }

    fn clear_progress(&mut self) {
        if std::mem::take(&mut self.progress_is_shown) {
            self.talk("\r\u{1b}[K");
        }
    }

    /// Talk that nobody can read is lost by definition: there is no third stream to complain on.
    fn talk(&mut self, text: &str) {
        let written: io::Result<()> = self
            .stderr
            .write_all(text.as_bytes())
            .and_then(|()| self.stderr.flush());
        drop(written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Surroundings;
    use clap::ColorChoice;

    fn written(surroundings: Surroundings, act: impl FnOnce(&mut Output<'_>)) -> (String, String) {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let capabilities = Capabilities::decide(surroundings, ColorChoice::Never);
        act(&mut Output::new(&mut stdout, &mut stderr, capabilities));
        (
            String::from_utf8(stdout).unwrap(),
            String::from_utf8(stderr).unwrap(),
        )
    }

    #[test]
    fn progress_is_silent_without_a_terminal_and_cleared_with_one() {
        let act = |output: &mut Output<'_>| {
            output.progress("reading");
            output.data("answer\n").unwrap();
        };
        let (stdout, stderr) = written(Surroundings::default(), act);
        assert_eq!((stdout.as_str(), stderr.as_str()), ("answer\n", ""));
        let terminal = Surroundings {
            stderr_is_terminal: true,
            ..Surroundings::default()
        };
        let (_, stderr) = written(terminal, act);
        assert_eq!(stderr, "\r\u{1b}[Kreading\r\u{1b}[K");
    }

    #[test]
    fn notes_warnings_and_failures_show_control_characters_instead_of_sending_them() {
        let (_, stderr) = written(Surroundings::default(), |output| {
            output.note("a\u{1b}[2Jb");
            output.warning("c\u{202e}d", "e\nf");
            output.failure(&CliError::new("no\u{7} such file").hint("look\nelsewhere"));
        });
        assert_eq!(
            stderr,
            "a\\u{1b}[2Jb\nwarning: c\\u{202e}d\nhint: e\\nf\nerror: no\\u{7} such file\nhint: look\\nelsewhere\n"
        );
    }
}
