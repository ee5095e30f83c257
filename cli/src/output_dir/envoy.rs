//! Puts rendered Envoy files into a directory that sidecars read.
//!
//! Envoy reloads when `xds/current` is switched and does not notice files that change below it, so changed resources
//! go to a new generation and unchanged services keep theirs. Old generations stay: rolling back is switching the link.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use tracemesh_graph::egress::EgressModel;

use super::{Entry, FileSet, WriteSummary, write_files};
use crate::render::envoy::{EnvoyOptions, directories, generation_directory, render};

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
    write_files(root, &envoy_files(root, model, options)?)
}

/// The files that [`write_envoy`] would write, for callers that write more than these. Reads below `root`, writes
/// nothing.
///
/// # Errors
/// When existing generations cannot be read.
pub fn envoy_files(root: &Path, model: &EgressModel, options: &EnvoyOptions) -> Result<FileSet> {
    let directories = directories(model);
    let mut options = options.clone();
    options.generations = BTreeMap::new();
    let mut newest = BTreeMap::new();
    for (id, directory) in &directories {
        let xds = root.join(directory).join("xds");
        newest.insert(id.clone(), newest_generation(&xds)?);
        if let Some(current) = current_generation(&xds)? {
            options.generations.insert(id.clone(), current);
        }
    }
    let unchanged = render(model, &options);
    for (id, directory) in &directories {
        let current = options.generations.get(id).copied();
        let same = current.is_some_and(|current| {
            let prefix = format!("{directory}/xds/{}/", generation_directory(current));
            is_written(root, &unchanged, &prefix)
        });
        if !same {
            options.generations.insert(id.clone(), newest[id] + 1);
        }
    }
    Ok(render(model, &options))
}

/// The generation that `current` points to, when it points to one.
fn current_generation(xds: &Path) -> Result<Option<u32>> {
    match fs::read_link(xds.join("current")) {
        Ok(target) => Ok(target.to_str().and_then(read_generation)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", xds.display())),
    }
}

/// The highest generation there is, 0 when there is none.
fn newest_generation(xds: &Path) -> Result<u32> {
    let entries = match fs::read_dir(xds) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", xds.display()));
        }
    };
    let mut newest = 0;
    for entry in entries {
        let name = entry
            .with_context(|| format!("cannot read `{}`", xds.display()))?
            .file_name();
        let generation = name.to_str().and_then(read_generation).unwrap_or(0);
        newest = newest.max(generation);
    }
    Ok(newest)
}

/// The number in a name that [`generation_directory`] could have made, with a successor.
fn read_generation(name: &str) -> Option<u32> {
    let generation: u32 = name.strip_prefix("gen-")?.parse().ok()?;
    let own = generation_directory(generation) == name && generation < u32::MAX;
    own.then_some(generation)
}

/// Whether every file with this prefix is on disk as rendered. A file that cannot be read is not: writing it will
/// say why.
fn is_written(root: &Path, files: &FileSet, prefix: &str) -> bool {
    files
        .iter()
        .filter(|(path, _)| path.as_str().starts_with(prefix))
        .all(|(path, entry)| match entry {
            Entry::File(text) => {
                fs::read(root.join(path.as_str())).is_ok_and(|written| written == text.as_bytes())
            }
            Entry::Link(_) => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracemesh_graph::egress::{EgressOptions, derive};
    use tracemesh_graph::snapshot::GraphSnapshot;

    fn shop() -> GraphSnapshot {
        let text = include_str!("../../../fixtures/egress/shop/snapshot.json");
        serde_json::from_str(text).unwrap()
    }

    fn write(root: &Path, snapshot: &GraphSnapshot) -> WriteSummary {
        let model = derive(snapshot, &EgressOptions::default());
        write_envoy(root, &model, &EnvoyOptions::default()).unwrap()
    }

    fn current(root: &Path, service: &str) -> String {
        let link = root
            .join("services/prod/shop")
            .join(service)
            .join("xds/current");
        fs::read_link(link).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn only_services_whose_resources_changed_get_a_new_generation() {
        let root = tempfile::tempdir().unwrap();
        let mut snapshot = shop();
        write(root.path(), &snapshot);
        assert_eq!(write(root.path(), &snapshot).written, 0);
        snapshot
            .edges
            .retain(|edge| edge.callee != "broker/kafka@kafka:9092");
        write(root.path(), &snapshot);
        assert_eq!(current(root.path(), "checkout"), "gen-0002");
        assert_eq!(current(root.path(), "frontend"), "gen-0001");
        let old = "services/prod/shop/checkout/xds/gen-0001/cds.yaml";
        assert!(
            fs::read_to_string(root.path().join(old))
                .unwrap()
                .contains("kafka")
        );
    }

    #[test]
    fn after_a_rollback_the_next_change_does_not_overwrite_the_newer_generation() {
        let root = tempfile::tempdir().unwrap();
        let first = shop();
        let mut second = shop();
        second
            .edges
            .retain(|edge| edge.callee != "broker/kafka@kafka:9092");
        write(root.path(), &first);
        write(root.path(), &second);
        let link = root.path().join("services/prod/shop/checkout/xds/current");
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("gen-0001", &link).unwrap();
        write(root.path(), &second);
        assert_eq!(current(root.path(), "checkout"), "gen-0003");
    }

    #[test]
    fn foreign_names_are_no_generations() {
        for name in [
            "gen-1",
            "gen-00001",
            "gen--1",
            "gen-4294967295",
            "x",
            "gen-",
        ] {
            assert_eq!(read_generation(name), None, "{name}");
        }
        assert_eq!(read_generation("gen-0012"), Some(12));
        assert_eq!(read_generation("gen-12345"), Some(12345));
    }
}
