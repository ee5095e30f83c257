//! A directory as a place.
//!
//! ```text
//! DIR/segments/<segment>/segment.json, edges.parquet, ...   what readers see
//! DIR/tmp/<writer>/<segment>/...                            being written or removed
//! DIR/locks/<writer>.lock                                   held by the process that writes under that name
//! ```
//! A segment is written beside its place, every file and directory synced, and renamed.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Files, Guard, Listing, Place};
use crate::input::display_name;
use crate::store::StoreError;
use crate::store::manifest::SegmentName;

/// A directory with segments.
#[derive(Debug)]
pub(in crate::store) struct Local {
    root: PathBuf,
}

impl Local {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    fn segments(&self) -> PathBuf {
        self.root.join("segments")
    }

    fn workshop(&self, writer: &str) -> PathBuf {
        self.root.join("tmp").join(writer)
    }
}

impl Place for Local {
    fn name(&self) -> String {
        display_name(&self.root)
    }

    fn list(&self) -> Result<Listing, StoreError> {
        let directory = self.segments();
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::Missing(self.name()));
            }
            entries => entries.map_err(io_error("cannot be listed", &directory))?,
        };
        let mut listing = Listing::default();
        for entry in entries {
            let entry = entry.map_err(io_error("cannot be listed", &directory))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            match SegmentName::parse(&name) {
                Some(_) => listing.segments.push(name),
                None => listing.foreign.push(name),
            }
        }
        listing.segments.sort_unstable();
        listing.foreign.sort_unstable();
        Ok(listing)
    }

    fn read(&self, segment: &str, file: &str, max_bytes: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.segments().join(segment).join(file))?
            .take(max_bytes.saturating_add(1))
            .read_to_end(&mut bytes)?;
        match bytes.len() as u64 > max_bytes {
            true => Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("more than {max_bytes} bytes"),
            )),
            false => Ok(bytes),
        }
    }

    fn commit(&self, writer: &str, segment: &str, files: &Files) -> Result<(), StoreError> {
        let temporary = self.workshop(writer).join(segment);
        let written = write_files(&temporary, files)
            .map_err(io_error("cannot be written", &temporary))
            .and_then(|()| self.put(writer, segment, &temporary));
        if let Err(error) = written {
            // What cannot be removed either is removed by the next one who takes the lock.
            drop(fs::remove_dir_all(&temporary));
            return Err(error);
        }
        Ok(())
    }

    fn remove(&self, writer: &str, segment: &str) -> Result<(), StoreError> {
        let workshop = self.workshop(writer);
        let gone = workshop.join(format!("removed-{segment}"));
        fs::create_dir_all(&workshop).map_err(io_error("cannot be created", &workshop))?;
        match fs::rename(self.segments().join(segment), &gone) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(io_error("cannot be renamed", &gone))?,
        }
        sync(&self.segments())?;
        fs::remove_dir_all(&gone).map_err(io_error("cannot be removed", &gone))
    }

    fn lock(&self, writer: &str) -> Result<(Box<dyn Guard>, usize), StoreError> {
        let guard = Lock::take(&self.root, writer)?;
        let segments = self.segments();
        fs::create_dir_all(&segments).map_err(io_error("cannot be created", &segments))?;
        let workshop = self.workshop(writer);
        // The lock is ours: whoever worked here died over it.
        let left = fs::read_dir(&workshop).map_or(0, Iterator::count);
        match fs::remove_dir_all(&workshop) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error("cannot be removed", &workshop)(error));
            }
            _ => {}
        }
        Ok((Box::new(guard), left))
    }

    fn is_locked(&self, writer: &str) -> Result<bool, StoreError> {
        let path = Lock::path(&self.root, writer);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file.map_err(io_error("cannot be opened", &path))?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(io_error("cannot be locked", &path)(source)),
        }
    }
}

impl Local {
    /// Moves a finished segment to where readers look, in place of one of the same name.
    fn put(&self, writer: &str, segment: &str, temporary: &Path) -> Result<(), StoreError> {
        let segments = self.segments();
        fs::create_dir_all(&segments).map_err(io_error("cannot be created", &segments))?;
        let place = segments.join(segment);
        if place.exists() {
            self.remove(writer, segment)?;
        }
        fs::rename(temporary, &place).map_err(io_error("cannot be renamed", temporary))?;
        sync(&segments)
    }
}

fn write_files(directory: &Path, files: &Files) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(directory)?,
    }
    for (name, content) in files {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = File::options().write(true).create_new(true).open(&path)?;
        file.write_all(content)?;
        file.sync_all()?;
    }
    let inner = files
        .iter()
        .filter_map(|(name, _)| Path::new(name).parent());
    let mut inner: Vec<PathBuf> = inner.map(|inner| directory.join(inner)).collect();
    inner.push(directory.to_owned());
    inner.sort_unstable();
    inner.dedup();
    inner
        .iter()
        .try_for_each(|path| File::open(path)?.sync_all())
}

fn sync(directory: &Path) -> Result<(), StoreError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(io_error("cannot be synced", directory))
}

#[derive(Debug)]
struct Lock {
    root: PathBuf,
    writer: String,
    file: File,
}

impl Lock {
    fn take(root: &Path, writer: &str) -> Result<Self, StoreError> {
        let path = Self::path(root, writer);
        let locks = root.join("locks");
        fs::create_dir_all(&locks).map_err(io_error("cannot be created", &locks))?;
        let file = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(io_error("cannot be created", &path))?;
        match file.try_lock() {
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

    fn path(root: &Path, writer: &str) -> PathBuf {
        root.join("locks").join(format!("{writer}.lock"))
    }
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

fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> StoreError + use<'a> {
    move |source| StoreError::Io {
        action,
        path: display_name(path),
        source,
    }
}
