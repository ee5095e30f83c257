//! Recorded files, byte by byte. `TRACEMESH_BLESS=1` rewrites them; review the difference as code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tracemesh::output_dir::{Entry, write_files};
use tracemesh::render::envoy::{EnvoyOptions, render};
use tracemesh_graph::egress::{EgressModel, EgressOptions, derive};

use super::snapshots;
use super::validate::assert_model_valid;
use crate::harness::envoy::envoy;

fn fixture(path: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/egress");
    fixtures.join(path)
}

#[test]
fn the_shop_renders_as_recorded() {
    let model = derive(&snapshots::shop(), &EgressOptions::default());
    assert_renders(&model, &EnvoyOptions::default(), "shop/expected");
}

/// Both phases in one file, retries split by method, endpoint files with zones, load shedding.
#[test]
fn the_tuned_model_renders_as_recorded() {
    let text = fs::read_to_string(fixture("tuned/egress.json")).unwrap();
    let model: EgressModel = serde_json::from_str(&text).unwrap();
    let options = EnvoyOptions {
        endpoint_files: true,
        ..EnvoyOptions::default()
    };
    assert_renders(&model, &options, "tuned/expected");
    if let Some(envoy) = envoy() {
        assert_eq!(assert_model_valid(envoy, &model, &options), 2);
    }
}

fn assert_renders(model: &EgressModel, options: &EnvoyOptions, expected: &str) {
    let files = render(model, options);
    let root = fixture(expected);
    if blessing() {
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        write_files(&root, &files).unwrap();
    }
    let made: BTreeMap<String, String> = files
        .iter()
        .map(|(path, entry)| {
            let (Entry::File(text) | Entry::Link(text)) = entry else {
                panic!("{path} is no text");
            };
            (path.to_string(), text.clone())
        })
        .collect();
    let recorded = read_tree(&root, &root);
    let paths = |tree: &BTreeMap<String, String>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&made), paths(&recorded));
    for (path, text) in &made {
        assert!(
            *text == recorded[path],
            "{path} differs from the recorded file; run with TRACEMESH_BLESS=1 and look at the difference"
        );
    }
}

#[test]
fn more_traffic_changes_nothing_but_the_evidence() {
    let mut snapshot = snapshots::shop();
    let before = derive(&snapshot, &EgressOptions::default());
    for edge in &mut snapshot.edges {
        edge.calls += edge.calls / 10;
        edge.last_seen.0 += 1_000_000_000;
        for target in &mut edge.targets {
            target.calls += target.calls / 10;
            target.last_seen.0 += 1_000_000_000;
        }
    }
    let after = derive(&snapshot, &EgressOptions::default());
    let options = EnvoyOptions::default();
    let (before, after) = (render(&before, &options), render(&after, &options));
    let changed: Vec<&str> = before
        .iter()
        .filter(|(path, entry)| after.get(path.as_str()) != Some(entry))
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(changed, ["evidence.json"]);
    assert_eq!(before.len(), after.len());
}

fn blessing() -> bool {
    std::env::var_os("TRACEMESH_BLESS").is_some_and(|value| value == "1")
}

/// Paths with `/` -> contents, or the target of a link.
fn read_tree(root: &Path, directory: &Path) -> BTreeMap<String, String> {
    let mut tree = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            tree.extend(read_tree(root, &path));
            continue;
        }
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let text = if kind.is_symlink() {
            fs::read_link(&path).unwrap().to_str().unwrap().to_owned()
        } else {
            fs::read_to_string(&path).unwrap()
        };
        tree.insert(name, text);
    }
    tree
}
