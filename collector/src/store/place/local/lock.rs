//! The lock that a writer holds on its name.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::io_error;
use crate::input::display_name;
use crate::store::StoreError;
use crate::store::place::Guard;

/// Times that a lock is asked for, and the pause between.
const ATTEMPTS: u32 = 5;
/// See [`ATTEMPTS`].
const PAUSE: Duration = Duration::from_millis(20);

/// `locks/<writer>.lock`, locked as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    root: PathBuf,
    writer: String,
    file: File,
}

impl Lock {
    pub(super) fn take(root: &Path, writer: &str) -> Result<Self, StoreError> {
        let path = Self::path(root, writer);
        let locks = root.join("locks");
        fs::create_dir_all(&locks).map_err(io_error("cannot be created", &locks))?;
        let file = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(io_error("cannot be created", &path))?;
        match try_lock(&file) {
            Ok(()) => Ok(Self {
                root: root.to_owned(),
                writer: writer.to_owned(),
                file,
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
                path: display_name(root),
                instance: writer.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(io_error("cannot be locked", &path)(source)),
        }
    }

    pub(super) fn path(root: &Path, writer: &str) -> PathBuf {
        root.join("locks").join(format!("{writer}.lock"))
    }
}

/// Whoever asks whether a lock is taken has it for a moment, and is no reason to give up.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 1..ATTEMPTS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            outcome => return outcome,
        }
    }
    file.try_lock()
}

impl Guard for Lock {
    /// A lock on a removed file locks nobody out: then it is taken again.
    fn hold(&mut self) -> Result<(), StoreError> {
        let path = Self::path(&self.root, &self.writer);
        let identity = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
        let held = self.file.metadata();
        let held = held.map_err(io_error("cannot be inspected", &path))?;
        match fs::metadata(&path) {
            Ok(found) if identity(&found) == identity(&held) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error("cannot be inspected", &path)(error));
            }
            Ok(_) | Err(_) => {}
        }
        self.file = Self::take(&self.root, &self.writer)?.file;
        let directory = self.root.display();
        tracing::warn!(%directory, "store or its lock was removed, made again");
        Ok(())
    }
}
