//! `tracemesh diff`: what changed between two snapshots, stores, windows of a store, or recordings.

mod sides;

use tracemesh_graph::diff::{Options, compare};

use crate::args::{DiffArgs, DiffFormat};
use crate::commands::sampling;
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::diff as render;

/// Loads both sides, compares and prints. The answer is no when they certainly differ.
pub(super) fn run(arguments: &DiffArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    let [before, after] = sides::load(arguments, output)?;
    if !before.is_from_traces && !after.is_from_traces {
        sampling::refuse(&arguments.reading.sampling)?;
    }
    let options = Options {
        fdr: arguments.fdr,
        min_calls: arguments.min_calls,
        min_change: arguments.min_change,
    };
    let difference = compare(before.side(), after.side(), options);
    let text = match arguments.format {
        DiffFormat::Table => render::table(&difference),
        DiffFormat::Markdown => render::markdown(&difference),
        DiffFormat::Json => render::json(&difference)
            .map_err(|error| CliError::new("cannot write the difference as JSON").because(error))?,
    };
    output.data(&text)?;
    Ok(match difference.differ {
        true => Outcome::No,
        false => Outcome::Done,
    })
}
