//! The store of `tracemesh collect` and `tracemesh import`, merged into one snapshot.

use tracemesh_collector::store::{self, Location, StoreContents, StoreError, Wanted};
use tracemesh_graph::settings::Settings;
use tracemesh_graph::snapshot::{GraphSnapshot, Window};

use super::window::told;
use crate::error::CliError;
use crate::output::Output;
use crate::text::{count_of, counted};

/// Reads the segments that are wanted. Files that cannot be used are told, and never hide the others.
pub(super) fn read(
    location: &Location,
    wanted: &Wanted,
    output: &mut Output<'_>,
) -> Result<GraphSnapshot, CliError> {
    output.progress("reading the store");
    let contents = store::read(location, wanted).map_err(into_error)?;
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
        return Err(empty(location, wanted.window, &contents));
    }
    if wanted.window != Window::default() {
        let segments = count_of(contents.segments);
        output.note(&format!(
            "{}, {}",
            counted(segments, "segment", "segments"),
            told(contents.window)
        ));
    }
    Ok(contents.segment.snapshot(&Settings::default()))
}

fn empty(location: &Location, wanted: Window, contents: &StoreContents) -> CliError {
    if contents.covered == Window::default() {
        return CliError::new(format!("the store `{location}` is empty")).hint(
            "`tracemesh collect` writes the first segment after its first flush: wait, send traces, or import files with \
             `tracemesh import`",
        );
    }
    let message = format!("the store `{location}` has nothing of {}", told(wanted));
    CliError::new(message).hint(format!(
        "it covers {}: choose `--since` and `--until` within",
        told(contents.covered)
    ))
}

pub(in crate::commands) fn into_error(error: StoreError) -> CliError {
    let hint = match &error {
        StoreError::Missing(_) => {
            "fill one with `tracemesh collect` or `tracemesh import`, name its directory with `--store`, or read files with \
             `--traces`"
        }
        other => other
            .hint()
            .unwrap_or("check the directory and its permissions"),
    };
    CliError::from_cause(error).hint(hint)
}
