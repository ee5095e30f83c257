//! `tracemesh store`: looking after a store.

mod check;
mod compact;
mod info;
mod merge;

use tracemesh_collector::store::StoreError;
use tracemesh_graph::time::Timestamp;

use crate::args::{StoreArgs, StoreCommand};
use crate::error::{CliError, Outcome};
use crate::output::Output;

/// Runs the command that was given.
pub(super) fn run(arguments: &StoreArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    match &arguments.command {
        StoreCommand::Info(arguments) => info::run(arguments, output),
        StoreCommand::Compact(arguments) => compact::run(arguments, output),
        StoreCommand::Merge(arguments) => merge::run(arguments, output),
        StoreCommand::Check(arguments) => check::run(arguments, output),
    }
}

/// The time of day, by which segments are old or not.
fn now() -> Timestamp {
    // Before 1970 nothing is old.
    Timestamp(u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or_default())
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
