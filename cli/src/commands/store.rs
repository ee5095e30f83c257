//! `tracemesh store`: looking after a store.

mod check;
mod info;

use tracemesh_collector::store::StoreError;

use crate::args::{StoreArgs, StoreCommand};
use crate::error::{CliError, Outcome};
use crate::output::Output;

/// Runs the command that was given.
pub(super) fn run(arguments: &StoreArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    match &arguments.command {
        StoreCommand::Info(arguments) => info::run(arguments, output),
        StoreCommand::Check(arguments) => check::run(arguments, output),
    }
}

/// What to do about a store that cannot be used.
fn into_error(error: StoreError) -> CliError {
    let hint = match &error {
        StoreError::Missing(_) => {
            "fill one with `tracemesh collect`, or name its directory with `--store`"
        }
        other => other
            .hint()
            .unwrap_or("check the directory and its permissions"),
    };
    CliError::from_cause(error).hint(hint)
}
