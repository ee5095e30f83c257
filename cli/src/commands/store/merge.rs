//! `tracemesh store merge`: the segments of other stores added to one.

use tracemesh_collector::store::{Pace, StoreError, adopt};

use super::{into_error, now};
use crate::args::{MergeArgs, ReportFormat};
use crate::error::{CliError, Outcome};
use crate::output::Output;
use crate::render::{store, upkeep};

/// Adds one store after the other; "no" when something was refused or could not be read.
pub(super) fn run(arguments: &MergeArgs, output: &mut Output<'_>) -> Result<Outcome, CliError> {
    if arguments.sources.contains(&arguments.store) {
        return Err(CliError::new("a store cannot be added to itself")
            .hint("name the store to add to first, then the others"));
    }
    let mut merges = upkeep::Merges::default();
    for source in &arguments.sources {
        let adopted = adopt(&arguments.store, source, now(), &Pace::new(&|| true));
        let adopted = adopted.map_err(|error| match error {
            StoreError::InUse { path, .. } => {
                CliError::new(format!("`{path}`: another process adds to this store"))
                    .hint("wait until it is done, and try again")
            }
            other => into_error(other),
        })?;
        merges.add(source.to_string(), adopted);
    }
    let text = match arguments.format {
        ReportFormat::Table => upkeep::merge_table(&merges, output.capabilities().stdout),
        ReportFormat::Json => store::json(&merges)?,
    };
    output.data(&text)?;
    Ok(match merges.is_complete() {
        true => Outcome::Done,
        false => Outcome::No,
    })
}
