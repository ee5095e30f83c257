//! A place in memory that fails, dies or is looked at on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::store::StoreError;
use crate::store::place::{Files, Guard, Listing, Place};

/// What happens at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Fault {
    /// The step is refused; later ones work.
    Refused,
    /// The step is done, and said to have failed.
    DoneAndRefused,
    /// The process dies before the step.
    Death,
    /// The process dies after the step.
    DeathAfter,
}

impl Fault {
    pub(in crate::store) const ALL: [Self; 4] = [
        Self::Refused,
        Self::DoneAndRefused,
        Self::Death,
        Self::DeathAfter,
    ];
}

/// Called after each change.
pub(in crate::store) type Watcher = Box<dyn Fn(&Memory) + Send + Sync>;

#[derive(Default)]
pub(in crate::store) struct Memory {
    segments: Mutex<BTreeMap<String, BTreeMap<String, Vec<u8>>>>,
    /// Names that live processes have.
    pub(in crate::store) locked: Mutex<BTreeSet<String>>,
    /// The step at which something happens, counted down.
    fault: Mutex<Option<(usize, Fault)>>,
    is_dead: Mutex<bool>,
    steps: AtomicUsize,
    watcher: Mutex<Option<Watcher>>,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

#[derive(Debug)]
struct Free;

impl Guard for Free {
    fn hold(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Memory {
    /// The same segments, with no faults.
    pub(in crate::store) fn copy(&self) -> Self {
        Self {
            segments: Mutex::new(self.segments.lock().unwrap().clone()),
            locked: Mutex::new(self.locked.lock().unwrap().clone()),
            ..Self::default()
        }
    }

    /// Something happens at a step from now, 0 being the next.
    pub(in crate::store) fn fail_at(&self, step: usize, fault: Fault) {
        *self.fault.lock().unwrap() = Some((step, fault));
    }

    /// Everything works again. True when something had happened.
    pub(in crate::store) fn recover(&self) -> bool {
        *self.is_dead.lock().unwrap() = false;
        self.fault.lock().unwrap().take().is_none()
    }

    pub(in crate::store) fn watch(&self, watcher: Watcher) {
        *self.watcher.lock().unwrap() = Some(watcher);
    }

    pub(in crate::store) fn names(&self) -> Vec<String> {
        self.segments.lock().unwrap().keys().cloned().collect()
    }

    /// Changes a byte of a file.
    pub(in crate::store) fn spoil(&self, segment: &str, file: &str) {
        let mut segments = self.segments.lock().unwrap();
        let bytes = segments.get_mut(segment).and_then(|it| it.get_mut(file));
        *bytes.unwrap().last_mut().unwrap() ^= 1;
    }

    fn step<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        self.steps.fetch_add(1, Ordering::Relaxed);
        let refusal = || Err(io::Error::other("injected"));
        if *self.is_dead.lock().unwrap() {
            return refusal();
        }
        let fault = {
            let mut planned = self.fault.lock().unwrap();
            match *planned {
                Some((0, fault)) => {
                    *planned = None;
                    Some(fault)
                }
                Some((steps, fault)) => {
                    *planned = Some((steps - 1, fault));
                    None
                }
                None => None,
            }
        };
        if matches!(fault, Some(Fault::Death | Fault::DeathAfter)) {
            *self.is_dead.lock().unwrap() = true;
        }
        match fault {
            None => Ok(work()),
            Some(Fault::Refused | Fault::Death) => refusal(),
            Some(Fault::DoneAndRefused | Fault::DeathAfter) => {
                work();
                refusal()
            }
        }
    }

    fn change(&self, work: impl FnOnce()) -> Result<(), StoreError> {
        let outcome = self.step(work);
        if let Some(watcher) = &*self.watcher.lock().unwrap() {
            watcher(&self.copy());
        }
        outcome.map_err(error)
    }
}

fn error(source: io::Error) -> StoreError {
    StoreError::Io {
        action: "injected",
        path: "memory".to_owned(),
        source,
    }
}

impl Place for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn list(&self) -> Result<Listing, StoreError> {
        let names = self.step(|| self.names()).map_err(error)?;
        Ok(Listing {
            segments: names,
            foreign: Vec::new(),
        })
    }

    fn read(&self, segment: &str, file: &str, _max_bytes: u64) -> io::Result<Vec<u8>> {
        self.step(|| {
            let segments = self.segments.lock().unwrap();
            let bytes = segments.get(segment).and_then(|it| it.get(file)).cloned();
            bytes.ok_or_else(|| io::ErrorKind::NotFound.into())
        })?
    }

    fn commit(&self, _writer: &str, segment: &str, files: &Files) -> Result<(), StoreError> {
        self.change(|| {
            let files = files.iter().cloned().collect();
            self.segments
                .lock()
                .unwrap()
                .insert(segment.to_owned(), files);
        })
    }

    fn remove(&self, _writer: &str, segment: &str) -> Result<(), StoreError> {
        self.change(|| {
            self.segments.lock().unwrap().remove(segment);
        })
    }

    fn lock(&self, writer: &str) -> Result<(Box<dyn Guard>, usize), StoreError> {
        match self.locked.lock().unwrap().contains(writer) {
            true => Err(StoreError::InUse {
                path: self.name(),
                instance: writer.to_owned(),
            }),
            false => Ok((Box::new(Free), 0)),
        }
    }

    fn is_locked(&self, writer: &str) -> Result<bool, StoreError> {
        self.step(|| self.locked.lock().unwrap().contains(writer))
            .map_err(error)
    }

    fn note(&self, _writer: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn set_note(&self, _writer: &str, _note: Option<&[u8]>) -> Result<(), StoreError> {
        Ok(())
    }
}
