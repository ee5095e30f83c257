//! Trace files in, one segment per window of span time out: what an import puts into a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracemesh_graph::record::{Names, Recorder};
use tracemesh_graph::segment::Segment;
use tracemesh_graph::settings::Settings;
use tracemesh_graph::shard::Shard;
use tracemesh_graph::snapshot::Window;
use tracemesh_graph::span::RejectReason;

use super::{Digest, FileReport, Progress, ReadError, Run, SkippedFile};
use crate::input::{Input, ReadLimits};

/// Files that were read and not yet inferred.
pub(crate) struct WindowedReplay {
    shard: Shard,
    /// Oldest first; their number in this order is their identity.
    pub(crate) windows: Vec<Window>,
    pub(crate) files: Vec<FileReport>,
    pub(crate) skipped: Vec<SkippedFile>,
    pub(crate) rejected: BTreeMap<RejectReason, u64>,
    /// Sorted: the order in which files are named says nothing.
    pub(crate) digests: Vec<Digest>,
}

/// Reads all inputs, as [`replay`](super::replay) does, and sorts their traces into windows.
pub(crate) fn replay_windows(
    inputs: &[Input],
    settings: &Settings,
    progress: &mut dyn FnMut(&Progress),
) -> Result<WindowedReplay, ReadError> {
    let names = Arc::new(Names::new(settings));
    let recorder = Recorder::new(Arc::clone(&names), settings);
    let shard = Shard::windowed(names, settings.clone());
    let mut run = Run::new(recorder, shard, ReadLimits::default(), progress);
    run.digests = Some(Vec::new());
    run.read_all(inputs)?;
    let mut digests = run.digests.unwrap_or_default();
    digests.sort_unstable();
    Ok(WindowedReplay {
        windows: run.shard.windows(),
        shard: run.shard,
        files: run.files,
        skipped: run.skipped,
        rejected: run.recorder.take_rejected(),
        digests,
    })
}

impl WindowedReplay {
    /// Infers the traces of a window; `None` when there is no window of this number. What was rejected belongs to no time:
    /// the last window counts it.
    pub(crate) fn take(&mut self, number: usize) -> Option<(Window, Segment)> {
        let window = *self.windows.get(number)?;
        let mut segment = self.shard.take_window(&window);
        if number + 1 == self.windows.len() {
            segment.count_rejected(&self.rejected);
        }
        Some((window, segment))
    }
}
