//! Sets of generated files: put together, then written below `--out` in one go.

use std::path::Path;

use crate::error::CliError;
use crate::output_dir::{Entry, FileSet, RelativePath, write_files};

/// Adds a text file.
///
/// # Errors
/// Never for the names that this crate chooses; a name with other characters is refused rather than written.
pub(super) fn add(files: &mut FileSet, path: &str, text: String) -> Result<(), CliError> {
    insert(files, path, Entry::File(text))
}

/// Adds a file or a link.
///
/// # Errors
/// As [`add`].
pub(super) fn insert(files: &mut FileSet, path: &str, entry: Entry) -> Result<(), CliError> {
    files.insert(relative(path)?, entry);
    Ok(())
}

/// Adds a set below a directory of its own.
pub(super) fn add_below(
    files: &mut FileSet,
    directory: &str,
    set: FileSet,
) -> Result<(), CliError> {
    for (path, entry) in set {
        insert(files, &format!("{directory}/{path}"), entry)?;
    }
    Ok(())
}

/// Refuses an `--out` that is, or lies below, something else than a directory: told before the work, and in its terms.
///
/// # Errors
/// When a directory cannot be there. Other faults show when files are written.
pub(super) fn check_out(out: &Path) -> Result<(), CliError> {
    let existing = out.ancestors().find_map(|place| {
        let metadata = std::fs::metadata(place).ok()?;
        Some((place, metadata.is_dir()))
    });
    match existing {
        Some((place, false)) => {
            let message = if place == out {
                format!("`--out` is a file, not a directory: `{}`", out.display())
            } else {
                let (out, place) = (out.display(), place.display());
                format!("`{out}` cannot be a directory: `{place}` is a file")
            };
            Err(CliError::new(message)
                .hint("name another directory with `--out`; it is made when it is missing"))
        }
        _ => Ok(()),
    }
}

/// Writes a set below a directory, which is made when it is missing. Files that are not in the set stay as they are.
pub(super) fn write(out: &Path, files: &FileSet) -> Result<(), CliError> {
    write_files(out, files).map(drop).map_err(|error| {
        let message = format!("cannot write to `{}`", out.display());
        let causes: Box<dyn std::error::Error + Send + Sync> = error.into();
        CliError::new(message)
            .because(causes)
            .hint("`--out` takes a directory that may be written, with no foreign links in it")
    })
}

fn relative(path: &str) -> Result<RelativePath, CliError> {
    RelativePath::new(path).map_err(|error| {
        let cause: Box<dyn std::error::Error + Send + Sync> = error.into();
        CliError::new("a generated file has an unsafe name").because(cause)
    })
}
