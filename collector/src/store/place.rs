//! Where segments lie: a directory, or something that behaves like one.
//!
//! A place knows names and bytes, not what they mean. Its one promise is that a segment is there as a whole or not at all:
//! whoever lists it before its manifest is in place does not see it.

mod local;
mod location;
#[cfg(feature = "object-store")]
pub(super) mod object;

use std::fmt;
use std::io;

use super::StoreError;

pub use location::{Location, LocationError};

#[cfg(test)]
pub(super) use local::{Disk, Local, Machine};

/// The entries of a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Listing {
    /// Names of segments, sorted; they may be gone when they are read.
    pub(super) segments: Vec<String>,
    /// What lies among the segments and is none, sorted, each with what it is.
    pub(super) foreign: Vec<(String, String)>,
}

/// Files of a segment: path inside of it, and content.
pub(super) type Files = Vec<(String, Vec<u8>)>;

/// A lock on a name, held until it is dropped.
pub(super) trait Guard: fmt::Debug + Send {
    /// Makes sure that the lock is still the one that others would find.
    ///
    /// # Errors
    /// When somebody else has it now, or the place cannot be reached.
    fn hold(&mut self) -> Result<(), StoreError>;
}

/// A place for segments.
pub(super) trait Place: fmt::Debug + Send + Sync {
    /// How users spell it.
    fn name(&self) -> String;

    /// What is there.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when nothing was ever written; else when the place cannot be listed.
    fn list(&self) -> Result<Listing, StoreError>;

    /// A file of a segment, at most `max_bytes` long.
    ///
    /// # Errors
    /// As the file system tells; [`io::ErrorKind::NotFound`] when the segment is gone.
    fn read(&self, segment: &str, file: &str, max_bytes: u64) -> io::Result<Vec<u8>>;

    /// Makes a segment, durably: `files` first, the manifest, which is the last of them, at the end. `writer` is the name
    /// under which this process has a lock. A segment of this name is replaced.
    ///
    /// # Errors
    /// When the place refuses; nothing of the segment can then be seen.
    fn commit(&self, writer: &str, segment: &str, files: &Files) -> Result<(), StoreError>;

    /// Takes a segment away, at once for whoever lists. One that is gone already is no error.
    ///
    /// # Errors
    /// When the place refuses.
    fn remove(&self, writer: &str, segment: &str) -> Result<(), StoreError>;

    /// Locks a name against other processes, makes the place if it is missing, and removes what a process that had the name
    /// left half done. The second value counts that.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it; else when the place refuses.
    fn lock(&self, writer: &str) -> Result<(Box<dyn Guard>, usize), StoreError>;

    /// True when a process has a lock on the name. Nothing is made or removed.
    ///
    /// # Errors
    /// When the place cannot tell.
    fn is_locked(&self, writer: &str) -> Result<bool, StoreError>;

    /// What a writer left for its successor; nothing when it left nothing.
    ///
    /// # Errors
    /// As the file system tells.
    fn note(&self, writer: &str) -> io::Result<Option<Vec<u8>>>;

    /// Replaces what a writer, which has the lock, leaves for its successor, durably and in one step; or removes it.
    ///
    /// # Errors
    /// When the place refuses; then the note is the old one or the new one.
    fn set_note(&self, writer: &str, note: Option<&[u8]>) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests;
