//! The segment store: a directory of immutable files.
//!
//! Place in the flow: pipeline -> segments -> here -> merged segment -> snapshot. Every flush of every instance is one
//! file, written beside its name, synced, and renamed, so that a reader never sees half of one. Merging is idempotent
//! because instance, epoch and sequence name a segment once and for all. The format stays behind this module: a
//! columnar store can take its place without its callers noticing.

mod file;
mod read;

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tracemesh_graph::segment::Segment;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

pub use read::{SkippedSegment, StoreContents, read_all, read_window};

/// Value of the `schema` field of a segment file.
pub const SCHEMA: &str = "tracemesh.segment/v1";

/// The directory that commands use unless told otherwise.
pub const DEFAULT_DIRECTORY: &str = "tracemesh-data";

const MAX_INSTANCE_CHARS: usize = 64;

/// Why a store cannot be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("`{path}`: {action}")]
    Io {
        /// What was being done, such as `cannot be created`.
        action: &'static str,
        /// The file or directory.
        path: String,
        /// The refusal.
        source: io::Error,
    },
    /// Another process writes as the same instance.
    #[error("`{path}`: another process writes to this store as instance `{instance}`")]
    InUse {
        /// The store directory.
        path: String,
        /// The instance name.
        instance: String,
    },
    /// An instance name that cannot be part of a file name.
    #[error("`{0}` is no instance name")]
    Instance(String),
    /// There is no store.
    #[error("`{0}`: no store here")]
    Missing(String),
}

impl StoreError {
    /// What the user can do about it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { .. } => None,
            Self::InUse { .. } => {
                Some("stop the other process, or choose another instance name or store")
            }
            Self::Instance(_) => Some(
                "use 1 to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit",
            ),
            Self::Missing(_) => {
                Some("fill one with `tracemesh collect`, or name the directory of another")
            }
        }
    }
}

/// A store open for writing by one instance; the lock is held as long as it lives.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    instance: String,
    epoch: u64,
    sequence: u64,
    lock: File,
}

impl Store {
    /// Opens a store for writing and creates the directory when it is missing.
    ///
    /// The epoch is above that of every segment of this instance in the directory, and not below `started` in seconds,
    /// so that it never comes back after segments were moved away.
    ///
    /// # Errors
    /// When the name is bad, the directory cannot be used, or another process writes as this instance.
    pub fn open(directory: &Path, instance: &str, started: Timestamp) -> Result<Self, StoreError> {
        if !is_instance_name(instance) {
            return Err(StoreError::Instance(crate::decode::quote(instance)));
        }
        fs::create_dir_all(directory).map_err(io_error("cannot be created", directory))?;
        let lock = lock(directory, instance)?;
        let mut newest = 0;
        let entries = fs::read_dir(directory).map_err(io_error("cannot be listed", directory))?;
        for entry in entries {
            let entry = entry.map_err(io_error("cannot be listed", directory))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if file::is_temporary_of(&name, instance) {
                // The lock is ours: whoever wrote this died before the rename.
                fs::remove_file(entry.path())
                    .map_err(io_error("cannot be removed", &entry.path()))?;
            } else if let Some(epoch) = file::epoch_of(&name, instance) {
                newest = newest.max(epoch);
            }
        }
        Ok(Self {
            directory: directory.to_owned(),
            instance: instance.to_owned(),
            epoch: (started.0 / 1_000_000_000).max(newest.saturating_add(1)),
            sequence: 0,
            lock,
        })
    }

    /// Writes a segment durably and returns its file. `window` is the wall-clock time it covers. `waiting` are the counts
    /// of traces that still wait for late spans: they replace those of the file before, in one rename, so that a reader
    /// at any time counts every call once.
    ///
    /// A directory that was removed is made again: what was in it is gone, what is in hand need not be.
    ///
    /// # Errors
    /// When the file system refuses, or another process took the place of a removed directory as this instance; the
    /// segment is then not in the store and may be merged into the next.
    pub fn append(
        &mut self,
        settled: &Segment,
        waiting: &Segment,
        window: Window,
    ) -> Result<PathBuf, StoreError> {
        self.hold()?;
        let header = file::Header {
            schema: SCHEMA.to_owned(),
            instance: self.instance.clone(),
            epoch: self.epoch,
            sequence: self.sequence,
            window,
        };
        let path = file::write(&self.directory, &header, [settled, waiting])?;
        self.sequence += 1;
        Ok(path)
    }

    /// Makes sure that the lock is on the file that others would find, and not on a removed one.
    fn hold(&mut self) -> Result<(), StoreError> {
        let path = lock_path(&self.directory, &self.instance);
        let identity = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
        let held = self
            .lock
            .metadata()
            .map_err(io_error("cannot be inspected", &path))?;
        match fs::metadata(&path) {
            Ok(found) if identity(&found) == identity(&held) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error("cannot be inspected", &path)(error));
            }
            Ok(_) | Err(_) => {}
        }
        fs::create_dir_all(&self.directory)
            .map_err(io_error("cannot be created", &self.directory))?;
        self.lock = lock(&self.directory, &self.instance)?;
        let directory = self.directory.display();
        tracing::warn!(%directory, "store or its lock was removed, made again");
        Ok(())
    }
}

fn lock_path(directory: &Path, instance: &str) -> PathBuf {
    directory.join(format!(".{instance}.lock"))
}

fn lock(directory: &Path, instance: &str) -> Result<File, StoreError> {
    let path = lock_path(directory, instance);
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(io_error("cannot be created", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            path: crate::input::display_name(directory),
            instance: instance.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(io_error("cannot be locked", &path)(source)),
    }
}

fn is_instance_name(name: &str) -> bool {
    name.len() <= MAX_INSTANCE_CHARS
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> StoreError + use<'a> {
    move |source| StoreError::Io {
        action,
        path: crate::input::display_name(path),
        source,
    }
}

#[cfg(test)]
mod tests;
