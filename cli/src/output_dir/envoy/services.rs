//! The files of all services, a share of them on each thread: rendered, given a generation, and kept or written.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::path::Path;
use std::thread;

use anyhow::Result;
use tracemesh_graph::egress::{EgressModel, ServiceEgress};

use super::{generations, hand_over};
use crate::output_dir::{Entry, FileSet, WriteSummary, Writer};
use crate::render::envoy::diff::{self, Older};
use crate::render::envoy::index::IndexEntry;
use crate::render::envoy::{EnvoyOptions, Renderer, ServiceFiles};

/// Fewer services than this are not worth a thread.
const SHARE: usize = 32;

/// What becomes of the files of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// They are returned.
    Collected,
    /// They are written at once, and only links are returned.
    Written,
}

/// The files of services.
#[derive(Default)]
pub(super) struct Made {
    /// Files that were not written, and links.
    pub(super) files: FileSet,
    /// Links to steps.
    pub(super) steps: FileSet,
    /// Entries of the index.
    pub(super) entries: BTreeMap<String, IndexEntry>,
    /// What was written.
    pub(super) summary: WriteSummary,
}

/// Makes the files of the wanted services of a model; of all when none is named.
pub(super) fn make(
    root: &Path,
    model: &EgressModel,
    wanted: Option<&BTreeSet<String>>,
    (options, delivery): (&EnvoyOptions, Delivery),
) -> Result<Made> {
    let renderer = Renderer::new(model, options, wanted);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = renderer.len().div_ceil(threads).max(SHARE);
    let shares = (0..renderer.len()).step_by(share);
    let results: Vec<Result<Made>> = thread::scope(|scope| {
        let renderer = &renderer;
        let running: Vec<_> = shares
            .map(|first| {
                let last = renderer.len().min(first + share);
                scope.spawn(move || make_share(root, renderer, first..last, delivery))
            })
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            let joined = thread.join();
            joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        running.into_iter().map(join).collect()
    });
    let mut all = Made::default();
    for made in results {
        let made = made?;
        all.files.extend(made.files);
        all.steps.extend(made.steps);
        all.entries.extend(made.entries);
        all.summary.add(made.summary);
    }
    Ok(all)
}

fn make_share(
    root: &Path,
    renderer: &Renderer<'_>,
    share: std::ops::Range<usize>,
    delivery: Delivery,
) -> Result<Made> {
    let mut made = Made::default();
    let mut writer = match delivery {
        Delivery::Collected => None,
        Delivery::Written => Some(Writer::new(root)?),
    };
    for index in share {
        let (service, mut rendered) = renderer.render(index);
        let generation = next_generation(root, service, &mut rendered)?;
        made.steps.extend(rendered.link_to_step(generation));
        let mut files = FileSet::new();
        let entry = rendered.place(generation, &mut files);
        made.entries.insert(service.id.clone(), entry);
        if let Some(writer) = &mut writer {
            writer.write(&files)?;
            files.retain(|_, entry| matches!(entry, Entry::Link(_)));
        }
        made.files.extend(files);
    }
    made.summary = writer.map(|writer| writer.summary).unwrap_or_default();
    Ok(made)
}

/// The number of the generation of a service: the current one where nothing changed, else the next free one, with the page
/// about it and what lets it follow the one before.
fn next_generation(
    root: &Path,
    service: &ServiceEgress,
    rendered: &mut ServiceFiles,
) -> Result<u32> {
    let xds = root.join(&rendered.directory).join("xds");
    let older = generations::current(&xds)?;
    let before = older.as_ref().map(|older| Older {
        generation: older.generation,
        files: hand_over::own(&older.files),
    });
    if let (Some(older), Some(before)) = (&older, &before)
        && before.files == rendered.generation
    {
        rendered.generation.clone_from(&older.files);
        return Ok(older.generation);
    }
    let generation = generations::newest(&xds)? + 1;
    let page = diff::page(
        &service.id,
        generation,
        &rendered.generation,
        before.as_ref(),
    );
    rendered.add_review(page);
    if let Some(older) = older {
        rendered.step = hand_over::bridge(&older.files, &mut rendered.generation);
    }
    Ok(generation)
}
