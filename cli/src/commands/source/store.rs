//! The store of `tracemesh collect`, merged into one snapshot.

use tracemesh_collector::store::{self, Location, StoreError, Wanted};
use tracemesh_graph::settings::Settings;
use tracemesh_graph::snapshot::GraphSnapshot;

use crate::error::CliError;
use crate::output::Output;
use crate::text::{count_of, counted};

/// Reads every segment. Files that cannot be used are told, and never hide the others.
pub(super) fn read(
    location: &Location,
    output: &mut Output<'_>,
) -> Result<GraphSnapshot, CliError> {
    output.progress("reading the store");
    let contents = store::read(location, &Wanted::default()).map_err(into_error)?;
    if let Some(example) = contents.skipped.first() {
        output.note(&format!(
            "passed over {} in `{}`, such as `{}`: {}",
            counted(count_of(contents.skipped.len()), "file", "files"),
            location,
            example.name,
            example.reason,
        ));
    }
    if contents.segments == 0 {
        return Err(
            CliError::new(format!("the store `{}` is empty", location)).hint(
                "`tracemesh collect` writes the first segment after its first flush: wait, or send traces",
            ),
        );
    }
    Ok(contents.segment.snapshot(&Settings::default()))
}

fn into_error(error: StoreError) -> CliError {
    let hint = match &error {
        StoreError::Missing(_) => {
            "fill one with `tracemesh collect`, name its directory with `--store`, or read files with `--traces`"
        }
        other => other
            .hint()
            .unwrap_or("check the directory and its permissions"),
    };
    CliError::from_cause(error).hint(hint)
}
