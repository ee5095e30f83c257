//! The store: immutable segments of what was seen, in a directory or an object store.
//!
//! Place in the flow: pipeline -> segments -> here -> merged segment -> snapshot. Every flush of every instance is one segment, a
//! few Parquet files beside a manifest, there as a whole or not at all. Merging is idempotent because instance, epoch
//! and sequence name a flush once and for all ([`Cover`]). The format stays behind this module; `docs/store.md`
//! describes it for others.

mod adopt;
mod check;
mod compact;
mod cover;
mod export;
mod gather;
mod import;
mod inspect;
mod manifest;
mod parquet;
mod place;
mod prune;
mod read;
mod retain;
mod run;
mod upkeep;
mod write;

use std::io;
use std::sync::Arc;

use tracemesh_graph::segment::Segment;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::time::Timestamp;

pub use adopt::{Adopted, LeftBehind, adopt};
pub use check::{CHECK_SCHEMA, StoreCheck, check};
pub use compact::Compacted;
pub use cover::{Cover, CoverSet, Relation};
pub use export::to_parquet;
pub use import::{Import, ImportError, ImportProgress, Imported, import};
pub use inspect::{INFO_SCHEMA, InstanceInfo, LevelInfo, RunInfo, StoreInfo, TableInfo, info};
pub use manifest::{FileEntry, Level, Manifest, Part, SCHEMA, SegmentName};
pub use place::{Location, LocationError};
pub use read::{SkippedSegment, StoreContents, Wanted, read};
pub use retain::{Removal, RemovalReason, Retention};
pub use run::{BrokenRun, LastRun};
pub use upkeep::{Pace, Upkeep, UpkeepReport, plan_upkeep, tend};

use place::{Guard, Place};

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
    /// A table cannot be written as a file.
    #[error("table `{table}` cannot be encoded: {reason}")]
    Encode {
        /// The table.
        table: &'static str,
        /// Why.
        reason: String,
    },
    /// Segments went away faster than they could be read.
    #[error("`{0}`: its segments change faster than they can be read")]
    Unsteady(String),
    /// Another process puts segments together.
    #[error("`{0}`: another process compacts this store")]
    Compacting(String),
    /// An object store where none is built in.
    #[error("`{0}`: this program was built without object stores")]
    NotBuiltIn(String),
    /// There is no store.
    #[error("`{0}`: no store here")]
    Missing(String),
}

impl StoreError {
    /// What the user can do about it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { .. } | Self::Encode { .. } => None,
            Self::Compacting(_) => Some("wait until it is done: nothing is lost by doing it later"),
            Self::NotBuiltIn(_) => Some("build it with the feature `object-store`"),
            Self::Unsteady(_) => Some("wait until its compaction is over, and try again"),
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
    place: Arc<dyn Place>,
    instance: String,
    epoch: u64,
    sequence: u64,
    lock: Box<dyn Guard>,
    left_half_done: usize,
    last_run: LastRun,
    /// When this run began to take notes.
    started: Option<Timestamp>,
}

impl Store {
    /// Opens a store for writing and makes it when it is missing.
    ///
    /// The epoch is above that of every segment of this instance in the store, and not below `started` in seconds,
    /// so that it never comes back after segments were moved away.
    ///
    /// # Errors
    /// When the name is bad, the place cannot be used, or another process writes as this instance.
    pub fn open(
        location: &Location,
        instance: &str,
        started: Timestamp,
    ) -> Result<Self, StoreError> {
        if !is_instance_name(instance) {
            return Err(StoreError::Instance(crate::decode::quote(instance)));
        }
        Self::open_place(location.place()?, instance, started)
    }

    /// [`open`](Self::open) with a good name.
    fn open_place(
        place: Arc<dyn Place>,
        instance: &str,
        started: Timestamp,
    ) -> Result<Self, StoreError> {
        let (lock, left_half_done) = place.lock(instance)?;
        let newest = read::survey(&*place)?.known.newest_epoch(instance);
        let newest = newest.unwrap_or_default();
        Ok(Self {
            last_run: run::last(&*place, instance),
            started: None,
            place,
            instance: instance.to_owned(),
            epoch: (started.0 / 1_000_000_000).max(newest.saturating_add(1)),
            sequence: 0,
            lock,
            left_half_done,
        })
    }

    /// Segments that an earlier process of this instance left half written when it died; they were removed.
    #[must_use]
    pub const fn left_half_done(&self) -> usize {
        self.left_half_done
    }

    /// Writes a segment durably and returns its name. `window` is the wall-clock time it covers. `waiting` are the counts
    /// of traces that still wait for late spans: they replace those of the segment before, in one step, so that a reader
    /// at any time counts every call once.
    ///
    /// A directory that was removed is made again: what was in it is gone, what is in hand need not be.
    ///
    /// # Errors
    /// When the place refuses, or another process took the place of a removed directory as this instance; the
    /// segment is then not in the store and may be merged into the next.
    pub fn append(
        &mut self,
        settled: &Segment,
        waiting: &Segment,
        window: Window,
    ) -> Result<String, StoreError> {
        self.lock.hold()?;
        let draft = write::Draft {
            level: Level::Flush,
            window,
            covers: vec![Cover {
                instance: self.instance.clone(),
                epoch: self.epoch,
                first: self.sequence,
                last: self.sequence,
            }],
        };
        let name = draft.commit(&*self.place, &self.instance, settled, waiting)?;
        self.sequence += 1;
        Ok(name)
    }
}

fn is_instance_name(name: &str) -> bool {
    name.len() <= MAX_INSTANCE_CHARS
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
pub(crate) mod faults;
#[cfg(test)]
mod tests;
