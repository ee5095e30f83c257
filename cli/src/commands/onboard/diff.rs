//! `tracemesh onboard diff`: what changed from one plan to another.

use super::file;
use crate::args::DiffPlansArgs;
use crate::error::{CliError, Outcome};
use crate::output::Output;

/// Reads both plans, compares and prints.
pub(super) fn run(arguments: &DiffPlansArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let before = file::read(&arguments.before)?;
    let after = file::read(&arguments.after)?;
    if before.mesh != after.mesh {
        output.warning(
            "the plans are of different meshes",
            "what is told compares service by service all the same",
        );
    }
    let differ = before != after;
    output.data(if differ {
        "the plans differ\n"
    } else {
        "the plans are the same\n"
    })?;
    Ok(if differ { Outcome::No } else { Outcome::Done })
}
