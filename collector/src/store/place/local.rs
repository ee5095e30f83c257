//! A directory as a place.
//!
//! ```text
//! DIR/segments/<segment>/segment.json, edges.parquet, ...   what readers see
//! DIR/tmp/<writer>/<segment>/...                            being written or removed
//! DIR/runs/<writer>.json                                    the note of a writer that runs, or died
//! DIR/locks/<writer>.lock                                   held by the process that writes under that name
//! ```
//! A segment is written beside its place, every file and directory synced, and renamed. Links are not followed: what is in a
//! store is in its directory.

mod disk;
mod lock;

use std::fs::{self, DirEntry, File, TryLockError};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::{Files, Guard, Listing, Place};
use crate::input::display_name;
use crate::store::StoreError;
use crate::store::manifest::SegmentName;
use lock::Lock;

pub(in crate::store) use disk::{Disk, Machine};

/// Longest note that is read, in bytes.
const MAX_NOTE_BYTES: u64 = 1 << 16;

/// A directory with segments.
#[derive(Debug)]
pub(in crate::store) struct Local {
    root: PathBuf,
    disk: Arc<dyn Disk>,
}

impl Local {
    pub(super) fn new(root: &Path) -> Self {
        Self::on(root, Arc::new(Machine))
    }

    /// A directory of another file system than that of the machine; reading and locking are not part of it.
    pub(in crate::store) fn on(root: &Path, disk: Arc<dyn Disk>) -> Self {
        Self {
            root: root.to_owned(),
            disk,
        }
    }

    fn segments(&self) -> PathBuf {
        self.root.join("segments")
    }

    fn workshop(&self, writer: &str) -> PathBuf {
        self.root.join("tmp").join(writer)
    }

    fn note_path(&self, writer: &str) -> PathBuf {
        self.root.join("runs").join(format!("{writer}.json"))
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
            match oddity(&entry, &name) {
                None => listing.segments.push(name),
                Some(reason) => listing.foreign.push((name, reason)),
            }
        }
        listing.segments.sort_unstable();
        listing.foreign.sort_unstable();
        Ok(listing)
    }

    fn read(&self, segment: &str, file: &str, max_bytes: u64) -> io::Result<Vec<u8>> {
        let mut path = self.segments();
        for component in Path::new(segment).join(file).components() {
            let Component::Normal(component) = component else {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "its path leads out of the store",
                ));
            };
            path.push(component);
            if fs::symlink_metadata(&path)?.is_symlink() {
                return Err(io::Error::other("it is a link, which is not followed"));
            }
        }
        read_file(&path, max_bytes)
    }

    fn commit(&self, writer: &str, segment: &str, files: &Files) -> Result<(), StoreError> {
        let temporary = self.workshop(writer).join(segment);
        let written = self
            .write_files(&temporary, files)
            .map_err(io_error("cannot be written", &temporary))
            .and_then(|()| self.put(writer, segment, &temporary));
        if let Err(error) = written {
            // What cannot be removed either is removed by the next one who takes the lock.
            drop(self.disk.remove(&temporary));
            return Err(error);
        }
        Ok(())
    }

    fn remove(&self, writer: &str, segment: &str) -> Result<(), StoreError> {
        let workshop = self.workshop(writer);
        let gone = workshop.join(format!("removed-{segment}"));
        self.make(&workshop)?;
        match self.disk.rename(&self.segments().join(segment), &gone) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(io_error("cannot be renamed", &gone))?,
        }
        self.sync(&self.segments())?;
        let removed = self.disk.remove(&gone);
        removed.map_err(io_error("cannot be removed", &gone))
    }

    fn lock(&self, writer: &str) -> Result<(Box<dyn Guard>, usize), StoreError> {
        let guard = Lock::take(&self.root, writer)?;
        self.make(&self.segments())?;
        self.sync(&self.root)?;
        let workshop = self.workshop(writer);
        // The lock is ours: whoever worked here died over it.
        let left = fs::read_dir(&workshop).map_or(0, Iterator::count);
        let removed = self.disk.remove(&workshop);
        removed.map_err(io_error("cannot be removed", &workshop))?;
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

    fn note(&self, writer: &str) -> io::Result<Option<Vec<u8>>> {
        match read_file(&self.note_path(writer), MAX_NOTE_BYTES) {
            // Without the directory of notes nobody can have left one.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            note => note.map(Some),
        }
    }

    fn set_note(&self, writer: &str, note: Option<&[u8]>) -> Result<(), StoreError> {
        let path = self.note_path(writer);
        let Some(note) = note else {
            let removed = self.disk.remove(&path);
            return removed.map_err(io_error("cannot be removed", &path));
        };
        let workshop = self.workshop(writer);
        let runs = self.root.join("runs");
        self.make(&workshop)?;
        self.make(&runs)?;
        let temporary = workshop.join("run.json");
        let disk = &self.disk;
        disk.remove(&temporary)
            .and_then(|()| disk.write(&temporary, note))
            .and_then(|()| disk.rename(&temporary, &path))
            .and_then(|()| disk.sync_directory(&runs))
            .map_err(io_error("cannot be written", &path))
    }
}

impl Local {
    /// Moves a finished segment to where readers look, in place of one of the same name.
    fn put(&self, writer: &str, segment: &str, temporary: &Path) -> Result<(), StoreError> {
        let segments = self.segments();
        self.make(&segments)?;
        let place = segments.join(segment);
        if fs::symlink_metadata(&place).is_ok() {
            self.remove(writer, segment)?;
        }
        let renamed = self.disk.rename(temporary, &place);
        renamed.map_err(io_error("cannot be renamed", temporary))?;
        let Err(error) = self.sync(&segments) else {
            return Ok(());
        };
        // Readers see it, and the caller will write its counts again: it has to go, or to stay for good.
        match self.disk.rename(&place, temporary) {
            Ok(()) => Err(error),
            Err(_) => {
                let directory = segments.display();
                tracing::warn!(%directory, segment, "written, but a power failure may undo it: the directory cannot be synced");
                Ok(())
            }
        }
    }

    fn write_files(&self, directory: &Path, files: &Files) -> io::Result<()> {
        self.disk.remove(directory)?;
        self.disk.make_directory(directory)?;
        let mut inner = vec![directory.to_owned()];
        for (name, content) in files {
            let path = directory.join(name);
            if let Some(parent) = path.parent().filter(|parent| *parent != directory)
                && !inner.iter().any(|known| known == parent)
            {
                self.disk.make_directory(parent)?;
                inner.push(parent.to_owned());
            }
            self.disk.write(&path, content)?;
        }
        inner
            .iter()
            .rev()
            .try_for_each(|path| self.disk.sync_directory(path))
    }

    fn make(&self, directory: &Path) -> Result<(), StoreError> {
        let made = self.disk.make_directory(directory);
        made.map_err(io_error("cannot be created", directory))
    }

    fn sync(&self, directory: &Path) -> Result<(), StoreError> {
        let synced = self.disk.sync_directory(directory);
        synced.map_err(io_error("cannot be synced", directory))
    }
}

/// Why an entry among the segments is none; `None` for one that is.
fn oddity(entry: &DirEntry, name: &str) -> Option<String> {
    if SegmentName::parse(name).is_none() {
        return Some("no segment".to_owned());
    }
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => None,
        Ok(kind) if kind.is_symlink() => Some("a link, which is not followed".to_owned()),
        Ok(_) => Some("a file with the name of a segment".to_owned()),
        Err(error) => Some(format!("unreadable ({error})")),
    }
}

/// A regular file of at most so many bytes: opening anything else, such as a pipe, might never end.
fn read_file(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > max_bytes {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is longer than {max_bytes} bytes"),
        )),
        false => Ok(bytes),
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
