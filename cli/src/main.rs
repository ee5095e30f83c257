//! The binary: arguments in, exit code out.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::ColorChoice;
use tracemesh::commands;
use tracemesh::config::{self, Stop};
use tracemesh::error::CliError;
use tracemesh::output::Output;
use tracemesh::terminal::{Capabilities, Surroundings};

/// Reading a large store makes and drops millions of small things on all cores, which the allocator of the C library does slowly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Not locked for the whole run: log lines of other threads share standard error.
    let (mut stdout, mut stderr) = (io::stdout(), io::stderr());
    let parsed = match config::parse(std::env::args_os().collect(), std::env::vars_os()) {
        Ok(parsed) => parsed,
        Err(Stop::Usage(usage)) => usage.exit(),
        Err(Stop::Faults(error)) => {
            let capabilities = Capabilities::decide(surroundings(), ColorChoice::Auto);
            return failed(
                &error,
                &mut Output::new(&mut stdout, &mut stderr, capabilities),
            );
        }
    };
    let capabilities = Capabilities::decide(surroundings(), parsed.cli.color);
    let mut output = Output::new(&mut stdout, &mut stderr, capabilities);
    match commands::run(parsed.cli.command, parsed.effective.as_ref(), &mut output) {
        Ok(outcome) => outcome.into(),
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => failed(&error, &mut output),
    }
}

fn failed(error: &CliError, output: &mut Output<'_>) -> ExitCode {
    output.failure(error);
    ExitCode::from(2)
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
