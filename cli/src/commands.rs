//! One module per command: arguments in, answer to the output, outcome back.
//!
//! Place in the flow: [`Command`] -> snapshot (`source`) -> models of the graph crate -> renderers -> output or files.

use crate::args::Command;
use crate::config::Effective;
use crate::error::{CliError, Outcome};
use crate::output::Output;

mod analyze;
mod collect;
mod diff;
mod doctor;
mod egress;
mod explain;
mod files;
mod graph;
mod import;
mod onboard;
mod policy;
mod sampling;
mod source;
mod store;
mod verify;

/// Runs a command to its end. `effective` are the options of `collect` and where they come from.
///
/// # Errors
/// When the input cannot be used or the answer cannot be written; the error says what to do.
pub fn run(
    command: Command,
    effective: Option<&Effective>,
    output: &mut Output<'_>,
) -> Result<Outcome, CliError> {
    match command {
        Command::Analyze(arguments) => analyze::run(&arguments, output),
        Command::Collect(arguments) => collect::run(*arguments, effective, output),
        Command::Import(arguments) => import::run(&arguments, output),
        Command::Graph(arguments) => graph::run(&arguments, output),
        Command::Egress(arguments) => egress::run(&arguments, output),
        Command::Onboard(arguments) => onboard::run(&arguments, output),
        Command::Explain(arguments) => explain::run(&arguments, output),
        Command::Diff(arguments) => diff::run(&arguments, output),
        Command::Doctor(arguments) => doctor::run(&arguments, output),
        Command::Policy(arguments) => policy::run(&arguments, output),
        Command::Store(arguments) => store::run(&arguments, output),
        Command::Verify(arguments) => verify::run(&arguments, output),
    }
}
