//! Puts rendered Envoy files into a directory that sidecars read.
//!
//! Envoy reloads when `xds/current` is switched and does not notice files that change below it, so changed resources
//! go to a new generation and unchanged services keep theirs. Old generations stay: rolling back is switching the link.

mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use tracemesh_graph::egress::EgressModel;

use super::{FileSet, WriteSummary, write_files};
use crate::render::envoy::index::Index;
use crate::render::envoy::{EnvoyOptions, ServiceFiles, generation_directory, render_services};

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
    for (service, rendered) in render_services(model, options, &is_wanted) {
        let generation = generation_for(root, &rendered)?;
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

/// The number of the generation of a service: the current one where nothing changed, else the next free one.
fn generation_for(root: &Path, rendered: &ServiceFiles) -> Result<u32> {
    let xds = root.join(&rendered.directory).join("xds");
    if let Some(current) = current_generation(&xds)? {
        let directory = xds.join(generation_directory(current));
        if is_written(&directory, &rendered.generation) {
            return Ok(current);
        }
    }
    Ok(newest_generation(&xds)? + 1)
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

/// Whether every file is on disk as rendered. A file that cannot be read is not: writing it will say why.
fn is_written(directory: &Path, files: &BTreeMap<String, String>) -> bool {
    files.iter().all(|(path, text)| {
        fs::read(directory.join(path)).is_ok_and(|written| written == text.as_bytes())
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

    fn document(root: &Path, name: &str) -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(root.join(name)).unwrap()).unwrap()
    }

    fn write_one(root: &Path, snapshot: &GraphSnapshot, id: &str) {
        let model = derive(snapshot, &EgressOptions::default());
        let wanted = BTreeSet::from([id.to_owned()]);
        let found = envoy_files(root, &model, Some(&wanted), &EnvoyOptions::default());
        write_files(root, &found.unwrap().files).unwrap();
    }

    #[test]
    fn a_run_for_one_service_keeps_what_is_said_about_the_others() {
        let root = tempfile::tempdir().unwrap();
        let mut snapshot = shop();
        write(root.path(), &snapshot);
        let names = ["index.json", "egress.json", "evidence.json"];
        let before = names.map(|name| fs::read(root.path().join(name)).unwrap());
        write_one(root.path(), &snapshot, "service/shop/checkout");
        let after = names.map(|name| fs::read(root.path().join(name)).unwrap());
        assert_eq!(before, after, "nothing changed");
        snapshot
            .edges
            .retain(|edge| edge.caller == "service/shop/checkout");
        snapshot
            .edges
            .retain(|edge| edge.callee != "broker/kafka@kafka:9092");
        snapshot.window.end = None;
        write_one(root.path(), &snapshot, "service/shop/checkout");
        let [index, egress, evidence] = names.map(|name| document(root.path(), name));
        let entries = &index["services"];
        assert_eq!(entries["service/shop/checkout"]["generation"], 2);
        assert_eq!(entries["service/shop/frontend"]["generation"], 1);
        assert_eq!(entries.as_object().unwrap().len(), 8);
        assert_eq!(egress["services"].as_array().unwrap().len(), 8);
        let evidence = &evidence["services"];
        assert!(evidence["service/shop/checkout"]["window"].is_object());
        assert!(evidence["service/shop/frontend"]["window"].is_null());
        assert!(evidence["service/shop/frontend"]["destinations"]["service/shop/cart"].is_object());
    }

    #[test]
    fn services_that_are_gone_are_proposed_for_removal_and_keep_their_files() {
        let root = tempfile::tempdir().unwrap();
        let whole = shop();
        write(root.path(), &whole);
        let mut smaller = shop();
        smaller
            .nodes
            .retain(|node| node.id != "service/shop/mailer");
        let model = derive(&smaller, &EgressOptions::default());
        let found = envoy_files(root.path(), &model, None, &EnvoyOptions::default()).unwrap();
        assert_eq!(found.proposed_removals, ["service/shop/mailer"]);
        write_files(root.path(), &found.files).unwrap();
        let state = |service: &str| {
            document(root.path(), "index.json")["services"][service]["state"].clone()
        };
        assert_eq!(state("service/shop/mailer"), "proposed-removal");
        assert_eq!(state("service/shop/cart"), "active");
        assert_eq!(current(root.path(), "mailer"), "gen-0001");
        write(root.path(), &whole);
        assert_eq!(state("service/shop/mailer"), "active");
    }

    #[test]
    fn a_foreign_index_is_neither_used_nor_overwritten() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("index.json"), "{}").unwrap();
        let model = derive(&shop(), &EgressOptions::default());
        let error = write_envoy(root.path(), &model, &EnvoyOptions::default()).unwrap_err();
        assert!(error.to_string().contains("move it away"), "{error}");
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
