//! The steps by which a directory changes, each of which can fail.
//!
//! There are so few of them so that tests can fail each in turn and look at what readers see.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// A file system.
pub(in crate::store) trait Disk: fmt::Debug + Send + Sync {
    /// Makes a directory and those above it; there already is fine.
    fn make_directory(&self, path: &Path) -> io::Result<()>;

    /// Makes a file with this content, which is on the disk when this returns.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()>;

    /// Makes sure that the entries of a directory are on the disk.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// Moves a file over another, or a directory to where nothing is.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file or a directory with all in it, without following links; gone already is fine.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The file system of this machine.
#[derive(Debug)]
pub(in crate::store) struct Machine;

impl Disk for Machine {
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut file = File::options().write(true).create_new(true).open(path)?;
        file.write_all(content)?;
        file.sync_all()
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
