//! Puts rendered Envoy files into a directory that sidecars read.
//!
//! Envoy reloads when `xds/current` is switched and does not notice files that change below it, so changed resources
//! go to a new generation and unchanged services keep theirs. Old generations stay: rolling back is switching the link.
//! `diff.md` in the directory of a service says what its last generation changed.

mod documents;
mod generations;
mod hand_over;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use tracemesh_graph::egress::{DestinationState, EgressModel, ServiceEgress};

use super::{Entry, FileSet, WriteSummary, write_files};
use crate::render::envoy::diff::{self, Older};
use crate::render::envoy::index::Index;
use crate::render::envoy::{EnvoyOptions, ServiceFiles, render_services};

/// Renders a model and writes it below `root`; every service whose resources changed gets the next generation.
///
/// The generations in `options` are chosen here: what was given is ignored.
///
/// # Errors
/// As [`write_files`]; when existing generations cannot be read.
pub fn write_envoy(
    root: &Path,
    model: &EgressModel,
    options: &EnvoyOptions,
) -> Result<WriteSummary> {
    write_files(root, &envoy_files(root, model, None, options)?.files)
}

/// The egress model that an earlier run left below `root`, with its evidence as far as that is there; `None` when there is
/// none.
///
/// # Errors
/// When there is something else, or it cannot be read.
pub fn previous_model(root: &Path) -> Result<Option<EgressModel>> {
    let model: Option<EgressModel> = documents::read(root, documents::EGRESS)?;
    let Some(mut model) = model else {
        return Ok(None);
    };
    model.evidence = documents::read(root, documents::EVIDENCE)?.unwrap_or_default();
    Ok(Some(model))
}

/// What [`envoy_files`] found to write.
#[derive(Debug)]
pub struct EnvoyFiles {
    /// Files to write below the root.
    pub files: FileSet,
    /// Links to the steps before new generations that bring clusters: where sidecars read the root itself, these are
    /// switched first, see [`first_step`](Self::first_step).
    pub steps: FileSet,
    /// Node ids of services that have files below the root and whose removal `index.json` proposes, sorted: those that are no
    /// longer in the model, whose files are left alone, and those that were not seen for long. Empty when only named
    /// services are written.
    pub proposed_removals: Vec<String>,
}

impl EnvoyFiles {
    /// All files, with links that lead to steps instead of generations; `None` when no generation brings clusters.
    ///
    /// Written before [`files`](Self::files), with time between for sidecars to look the new names up, no call is lost.
    #[must_use]
    pub fn first_step(&self) -> Option<FileSet> {
        if self.steps.is_empty() {
            return None;
        }
        let files = self.files.iter();
        let files = files.filter(|(_, entry)| matches!(entry, Entry::File(_)));
        let files = files.map(|(path, entry)| (path.clone(), entry.clone()));
        Some(files.chain(self.steps.clone()).collect())
    }
}

/// The files that [`write_envoy`] would write, for callers that write more than these. Reads below `root`, writes
/// nothing.
///
/// `model` is that of the whole graph. With `wanted`, only the files of these services are made, and the documents
/// beside them keep what they say about the others.
///
/// # Errors
/// When existing generations cannot be read, or existing documents are not ours.
pub fn envoy_files(
    root: &Path,
    model: &EgressModel,
    wanted: Option<&BTreeSet<String>>,
    options: &EnvoyOptions,
) -> Result<EnvoyFiles> {
    let is_wanted = |id: &str| wanted.is_none_or(|wanted| wanted.contains(id));
    let mut files = FileSet::new();
    let mut entries = BTreeMap::new();
    let mut steps = FileSet::new();
    for (service, mut rendered) in render_services(model, options, &is_wanted) {
        let generation = next_generation(root, service, &mut rendered)?;
        steps.extend(rendered.link_to_step(generation));
        entries.insert(service.id.clone(), rendered.place(generation, &mut files));
    }
    let index = Index::new(entries);
    let proposed_removals = match wanted {
        None => {
            let mut removals = documents::add_whole(root, model, index, &mut files)?;
            let services = model.services.iter();
            let unseen = services.filter(|one| one.state == DestinationState::ProposedRemoval);
            removals.extend(unseen.map(|service| service.id.clone()));
            removals.sort();
            removals
        }
        Some(wanted) => {
            documents::add_named(root, model, index, wanted, &mut files)?;
            Vec::new()
        }
    };
    Ok(EnvoyFiles {
        files,
        steps,
        proposed_removals,
    })
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

#[cfg(test)]
mod tests;
