//! The binary: arguments in, exit code out.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::Parser as _;
use tracemesh::args::Cli;
use tracemesh::commands;
use tracemesh::output::Output;
use tracemesh::terminal::{Capabilities, Surroundings};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let capabilities = Capabilities::decide(surroundings(), cli.color);
    // Not locked for the whole run: log lines of other threads share standard error.
    let (mut stdout, mut stderr) = (io::stdout(), io::stderr());
    let mut output = Output::new(&mut stdout, &mut stderr, capabilities);
    match commands::run(cli.command, &mut output) {
        Ok(outcome) => outcome.into(),
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            output.failure(&error);
            ExitCode::from(2)
        }
    }
}

/// The one look at the environment.
fn surroundings() -> Surroundings {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    Surroundings {
        stdout_is_terminal: io::stdout().is_terminal(),
        stderr_is_terminal: io::stderr().is_terminal() && !is_dumb,
        refuses_color: is_set("NO_COLOR") || is_dumb,
    }
}
