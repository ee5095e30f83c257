//! Puts rendered Envoy files into a directory that sidecars read.
//!
//! Envoy reloads when `xds/current` is switched and does not notice files that change below it, so changed resources
//! go to a new generation and unchanged services keep theirs. Old generations stay: rolling back is switching the link.
//! `diff.md` in the directory of a service says what its last generation changed.

mod documents;
mod generations;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use tracemesh_graph::egress::{EgressModel, ServiceEgress};

use super::{FileSet, WriteSummary, write_files};
use crate::render::envoy::diff;
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

/// The egress model that an earlier run left below `root`; `None` when there is none.
///
/// # Errors
/// When there is something else, or it cannot be read.
pub fn previous_model(root: &Path) -> Result<Option<EgressModel>> {
    documents::read(root, documents::EGRESS)
}

/// What [`envoy_files`] found to write.
#[derive(Debug)]
pub struct EnvoyFiles {
    /// Files to write below the root.
    pub files: FileSet,
    /// Node ids of services that have files below the root and are no longer in the model, sorted. Their files are left
    /// alone and `index.json` proposes their removal; empty when only named services are written.
    pub proposed_removals: Vec<String>,
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
    for (service, mut rendered) in render_services(model, options, &is_wanted) {
        let (generation, review) = next_generation(root, service, &rendered)?;
        if let Some(page) = review {
            rendered.add_review(page);
        }
        entries.insert(service.id.clone(), rendered.place(generation, &mut files));
    }
    let index = Index::new(entries);
    let proposed_removals = match wanted {
        None => documents::add_whole(root, model, index, &mut files)?,
        Some(wanted) => {
            documents::add_named(root, model, index, wanted, &mut files)?;
            Vec::new()
        }
    };
    Ok(EnvoyFiles {
        files,
        proposed_removals,
    })
}

/// The number of the generation of a service: the current one where nothing changed, else the next free one and the
/// page about it.
fn next_generation(
    root: &Path,
    service: &ServiceEgress,
    rendered: &ServiceFiles,
) -> Result<(u32, Option<String>)> {
    let xds = root.join(&rendered.directory).join("xds");
    let older = generations::current(&xds)?;
    if let Some(older) = &older
        && older.files == rendered.generation
    {
        return Ok((older.generation, None));
    }
    let generation = generations::newest(&xds)? + 1;
    let page = diff::page(
        &service.id,
        generation,
        &rendered.generation,
        older.as_ref(),
    );
    Ok((generation, Some(page)))
}

#[cfg(test)]
mod tests;
