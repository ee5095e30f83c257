//! Sets of generated files: put together, then written below `--out` in one go.

use std::path::Path;

use crate::error::CliError;
use crate::output_dir::{Entry, FileSet, RelativePath, write_files};

/// Adds a text file.
///
/// # Errors
/// Never for the names that this crate chooses; a name with other characters is refused rather than written.
pub(super) fn add(files: &mut FileSet, path: &str, text: String) -> Result<(), CliError> {
    files.insert(relative(path)?, Entry::File(text));
    Ok(())
}

/// Adds a set below a directory of its own.
pub(super) fn add_below(
    files: &mut FileSet,
    directory: &str,
    set: FileSet,
) -> Result<(), CliError> {
    for (path, entry) in set {
        files.insert(relative(&format!("{directory}/{path}"))?, entry);
    }
    Ok(())
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
