//! What the two output streams are, and what may therefore be sent to them.
//!
//! Colour goes only to a terminal, unless `--color` says otherwise; meaning never rests on it. Progress goes only to a
//! terminal on standard error. The environment is an argument, read once in `main.rs`.

use clap::ColorChoice;

/// Facts about the surroundings of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// Standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// `NO_COLOR` is set and not empty, or the terminal is `dumb`.
    pub refuses_color: bool,
}

/// What may be sent to the streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Styles for standard output.
    pub stdout: Palette,
    /// Styles for standard error.
    pub stderr: Palette,
    /// A line on standard error may be overwritten to show progress.
    pub progress: bool,
}

impl Capabilities {
    /// Decides once from the surroundings and the user's wish; an explicit `--color` beats `NO_COLOR`.
    #[must_use]
    pub fn decide(surroundings: Surroundings, wish: ColorChoice) -> Self {
        let palette = |is_terminal: bool| match wish {
            ColorChoice::Always => Palette::Ansi,
            ColorChoice::Never => Palette::Plain,
            ColorChoice::Auto if is_terminal && !surroundings.refuses_color => Palette::Ansi,
            ColorChoice::Auto => Palette::Plain,
        };
        Self {
            stdout: palette(surroundings.stdout_is_terminal),
            stderr: palette(surroundings.stderr_is_terminal),
            progress: surroundings.stderr_is_terminal,
        }
    }
}

/// A role that a piece of text plays; the palette decides its look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A heading.
    Heading,
    /// Something wrong.
    Fault,
    /// Something to look at, or a way out.
    Notice,
    /// A command to type or a path to open.
    Pointer,
}

/// Whether styles are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// Text only.
    Plain,
    /// ANSI styles.
    Ansi,
}

impl Palette {
    /// The text in the style of its role. The text must be printable already.
    #[must_use]
    pub fn paint(self, role: Role, text: &str) -> String {
        let code = match role {
            Role::Heading => "1",
            Role::Fault => "1;31",
            Role::Notice => "33",
            Role::Pointer => "36",
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Ansi => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_needs_a_terminal_and_no_objection_unless_asked_for() {
        let terminal = Surroundings {
            stdout_is_terminal: true,
            stderr_is_terminal: true,
            refuses_color: false,
        };
        let refusing = Surroundings {
            refuses_color: true,
            ..terminal
        };
        let cases = [
            (terminal, ColorChoice::Auto, Palette::Ansi),
            (refusing, ColorChoice::Auto, Palette::Plain),
            (refusing, ColorChoice::Always, Palette::Ansi),
            (terminal, ColorChoice::Never, Palette::Plain),
            (Surroundings::default(), ColorChoice::Auto, Palette::Plain),
        ];
        for (surroundings, wish, expected) in cases {
            assert_eq!(Capabilities::decide(surroundings, wish).stdout, expected);
        }
    }

    #[test]
    fn plain_text_carries_no_escape() {
        assert_eq!(Palette::Plain.paint(Role::Fault, "error:"), "error:");
        assert!(
            Palette::Ansi
                .paint(Role::Fault, "error:")
                .contains('\u{1b}')
        );
    }
}
