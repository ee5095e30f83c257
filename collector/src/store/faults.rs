//! A disk that fails when a test says so.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tracemesh_graph::time::Timestamp;

use super::place::{Disk, Local, Machine};
use super::{Store, StoreError};

/// Steps of a disk, counted; those that a test chose fail.
#[derive(Debug)]
pub(crate) struct FaultyDisk {
    machine: Machine,
    steps: AtomicUsize,
    fails_at: AtomicUsize,
    /// All after it fail as well, as on a full disk, or only the one.
    stays: AtomicBool,
}

impl FaultyDisk {
    /// A disk on which everything works.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            machine: Machine,
            steps: AtomicUsize::new(0),
            fails_at: AtomicUsize::new(usize::MAX),
            stays: AtomicBool::new(false),
        })
    }

    /// Lets the step with this number, from now on, fail, and those after it as well if it `stays`.
    pub(crate) fn fail_at(&self, step: usize, stays: bool) {
        self.steps.store(0, Ordering::SeqCst);
        self.fails_at.store(step, Ordering::SeqCst);
        self.stays.store(stays, Ordering::SeqCst);
    }

    /// Lets everything work again, and returns the number of steps since [`fail_at`](Self::fail_at).
    pub(crate) fn heal(&self) -> usize {
        self.fails_at.store(usize::MAX, Ordering::SeqCst);
        self.stays.store(false, Ordering::SeqCst);
        self.steps.load(Ordering::SeqCst)
    }

    fn step(&self) -> io::Result<()> {
        let step = self.steps.fetch_add(1, Ordering::SeqCst);
        let fails_at = self.fails_at.load(Ordering::SeqCst);
        match step == fails_at || (self.stays.load(Ordering::SeqCst) && step > fails_at) {
            true => Err(io::Error::from(io::ErrorKind::StorageFull)),
            false => Ok(()),
        }
    }
}

impl Disk for FaultyDisk {
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.machine.make_directory(path)
    }

    /// A disk that is full takes the first half.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        if let Err(error) = self.step() {
            self.machine.write(path, &content[..content.len() / 2])?;
            return Err(error);
        }
        self.machine.write(path, content)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.machine.sync_directory(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        self.machine.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.machine.remove(path)
    }
}

/// A store in a directory on such a disk.
pub(crate) fn open(
    root: &Path,
    disk: &Arc<FaultyDisk>,
    started: Timestamp,
) -> Result<Store, StoreError> {
    let disk: Arc<dyn Disk> = Arc::clone(disk) as _;
    Store::open_place(Arc::new(Local::on(root, disk)), "a", started)
}
