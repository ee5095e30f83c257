//! The documents beside `services/`: `index.json`, `egress.json`, `evidence.json`, and `removals.json` with its page.
//!
//! They describe what is in the directory, also what a run does not write: a run for named services replaces their
//! entries and keeps the others, and a run for all lists the services that are gone and proposes removals. It removes
//! nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use tracemesh_graph::egress::{EgressEvidence, EgressModel};

use crate::output_dir::{Entry, FileSet, RelativePath};
use crate::render::envoy::index::{FileState, Index, json};
use crate::render::removals;

const INDEX: &str = "index.json";
pub(super) const EGRESS: &str = "egress.json";
pub(super) const EVIDENCE: &str = "evidence.json";

/// Refuses a directory whose index is not ours, before anything is written to it.
pub(super) fn check(root: &Path) -> Result<()> {
    read::<Index>(root, INDEX).map(drop)
}

/// Adds the documents of a run for all services; returns the ids of services that have files and are gone.
pub(super) fn add_whole(
    root: &Path,
    model: &EgressModel,
    mut index: Index,
    files: &mut FileSet,
) -> Result<Vec<String>> {
    let mut gone = Vec::new();
    if let Some(old) = read::<Index>(root, INDEX)? {
        let used = directories(&index);
        for (id, mut entry) in old.services {
            let replaced = index.services.contains_key(&id) || used.contains(&entry.directory);
            if replaced || !is_directory(root, &entry.directory) {
                continue;
            }
            entry.state = FileState::ProposedRemoval;
            gone.push(id.clone());
            index.services.insert(id, entry);
        }
    }
    add(files, INDEX, json(&index))?;
    add(files, EGRESS, json(model))?;
    add(files, EVIDENCE, json(&model.evidence))?;
    files.extend(removals::render(model));
    Ok(gone)
}

/// Adds the documents of a run for some services. `conservation` stays that of the last run for all.
pub(super) fn add_named(
    root: &Path,
    model: &EgressModel,
    mut index: Index,
    wanted: &BTreeSet<String>,
    files: &mut FileSet,
) -> Result<()> {
    index.services.retain(|id, _| wanted.contains(id));
    if let Some(old) = read::<Index>(root, INDEX)? {
        let used = directories(&index);
        for (id, entry) in old.services {
            if !used.contains(&entry.directory) {
                index.services.entry(id).or_insert(entry);
            }
        }
    }
    add(files, INDEX, json(&index))?;
    let egress = merged_egress(read(root, EGRESS)?, model, wanted);
    add(files, EGRESS, json(&egress))?;
    let evidence = merged_evidence(read(root, EVIDENCE)?, &model.evidence, wanted);
    add(files, EVIDENCE, json(&evidence))
}

fn merged_egress(
    old: Option<EgressModel>,
    model: &EgressModel,
    wanted: &BTreeSet<String>,
) -> EgressModel {
    let mut merged = old.unwrap_or_else(|| EgressModel {
        services: Vec::new(),
        evidence: EgressEvidence::default(),
        ..model.clone()
    });
    merged
        .services
        .retain(|service| !wanted.contains(&service.id));
    let new = model
        .services
        .iter()
        .filter(|service| wanted.contains(&service.id));
    merged.services.extend(new.cloned());
    merged.services.sort_by(|a, b| a.id.cmp(&b.id));
    merged
}

fn merged_evidence(
    old: Option<EgressEvidence>,
    evidence: &EgressEvidence,
    wanted: &BTreeSet<String>,
) -> EgressEvidence {
    let mut merged = old.unwrap_or_else(|| EgressEvidence {
        window: evidence.window,
        ..EgressEvidence::default()
    });
    let other_window = (merged.window != evidence.window).then_some(evidence.window);
    for (id, numbers) in &evidence.services {
        if wanted.contains(id) {
            let mut numbers = numbers.clone();
            numbers.window = numbers.window.or(other_window);
            merged.services.insert(id.clone(), numbers);
        }
    }
    merged
}

fn directories(index: &Index) -> BTreeSet<String> {
    let entries = index.services.values();
    entries.map(|entry| entry.directory.clone()).collect()
}

/// Whether an entry of an older index still has its files; a path that this crate would not write is none.
fn is_directory(root: &Path, path: &str) -> bool {
    RelativePath::new(path).is_ok()
        && fs::symlink_metadata(root.join(path)).is_ok_and(|found| found.is_dir())
}

pub(super) fn read<T: DeserializeOwned>(root: &Path, name: &str) -> Result<Option<T>> {
    let place = root.join(name);
    let text = match fs::read_to_string(&place) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", place.display()));
        }
    };
    serde_json::from_str(&text).map(Some).with_context(|| {
        format!(
            "`{}` is not what this version writes; move it away to start anew",
            place.display()
        )
    })
}

fn add(files: &mut FileSet, name: &str, text: String) -> Result<()> {
    files.insert(RelativePath::new(name)?, Entry::File(text));
    Ok(())
}
