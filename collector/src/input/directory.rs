//! Finds the files of a directory in sorted order.
//!
//! Hidden entries are passed over, since editors and version control live there. Links to directories are
//! not followed: that is how loops and surprises begin; they are reported instead.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file to look into, or a reason not to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    File(PathBuf),
    Skipped(PathBuf, &'static str),
}

/// All entries below a directory, sorted by path within each level.
///
/// # Errors
/// The path that could not be listed, and why.
pub(crate) fn walk(root: &Path) -> Result<Vec<Entry>, (PathBuf, io::Error)> {
    let mut found = Vec::new();
    // Depth first with an own stack: nesting is bounded by the file system, not by ours.
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let kind = fs::symlink_metadata(&path).map_err(|error| (path.clone(), error))?;
        if path == root || kind.is_dir() {
            let mut children = list(&path).map_err(|error| (path.clone(), error))?;
            children.sort_unstable_by(|a, b| b.cmp(a));
            pending.append(&mut children);
        } else {
            found.push(classify(path));
        }
    }
    Ok(found)
}

fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut children = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            children.push(entry.path());
        }
    }
    Ok(children)
}

/// Follows a link to see what it leads to.
fn classify(path: PathBuf) -> Entry {
    match fs::metadata(&path) {
        Ok(target) if target.is_file() => Entry::File(path),
        Ok(target) if target.is_dir() => Entry::Skipped(path, "a symbolic link to a directory"),
        Ok(_) => Entry::Skipped(path, "not a regular file"),
        Err(_) => Entry::Skipped(path, "a symbolic link to nowhere"),
    }
}
