//! Puts rendered Envoy files into a directory that sidecars read.
//!
//! Envoy reloads when `xds/current` is switched and does not notice files that change below it, so changed resources
//! go to a new generation and unchanged services keep theirs. Old generations stay: rolling back is switching the link.
//! `diff.md` in the directory of a service says what its last generation changed.

mod documents;
mod generations;
mod hand_over;
mod services;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use tracemesh_graph::egress::{DestinationState, EgressModel};

use super::{Entry, FileSet, WriteSummary, write_files};
use crate::render::envoy::EnvoyOptions;
use crate::render::envoy::index::Index;
use services::{Delivery, Made};

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
    let (found, mut summary) = stage_envoy(root, model, None, options)?;
    summary.add(write_files(root, &found.files)?);
    Ok(summary)
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
    let made = services::make(root, model, wanted, (options, Delivery::Collected))?;
    with_documents(root, model, wanted, made)
}

/// As [`envoy_files`], but the files of each service are written as soon as they are made, so that a thousand services
/// need no memory for their texts. What is returned has the rest: documents, and the links that put the files in force.
///
/// # Errors
/// As [`envoy_files`] and [`write_files`]; whatever was written then, no sidecar reads it.
pub fn stage_envoy(
    root: &Path,
    model: &EgressModel,
    wanted: Option<&BTreeSet<String>>,
    options: &EnvoyOptions,
) -> Result<(EnvoyFiles, WriteSummary)> {
    documents::check(root)?;
    let made = services::make(root, model, wanted, (options, Delivery::Written))?;
    let summary = made.summary;
    Ok((with_documents(root, model, wanted, made)?, summary))
}

fn with_documents(
    root: &Path,
    model: &EgressModel,
    wanted: Option<&BTreeSet<String>>,
    made: Made,
) -> Result<EnvoyFiles> {
    let Made {
        mut files,
        steps,
        entries,
        ..
    } = made;
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

#[cfg(test)]
mod tests;
