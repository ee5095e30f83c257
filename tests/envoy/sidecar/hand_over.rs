//! A switch of generations that loses nothing, made by hand.
//!
//! One rename switches all files, but Envoy reads clusters and routes in an order of its own, and a cluster that looks its
//! addresses up is not there at once. Where only one of two generations defines a destination, its calls are answered 503
//! for that moment.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tracemesh::output_dir::envoy::envoy_files;
use tracemesh::output_dir::{Entry, write_files};
use tracemesh_graph::egress::EgressModel;

use super::Sidecar;

impl Sidecar {
    /// Switches to the files of a model so that at any moment every route finds its cluster: first the clusters of both
    /// generations, then the routes. Clusters that went stay, because kept connections stay with the listener that took
    /// them.
    pub(in crate::envoy) fn hand_over_to(&self, model: &EgressModel) {
        let xds = self.files.join("xds");
        let old = fs::canonicalize(xds.join("current")).unwrap();
        let root = self.directory.path();
        let mut files = envoy_files(root, model, None, &self.options).unwrap().files;
        files.retain(|_, entry| matches!(entry, Entry::File(_)));
        write_files(root, &files).unwrap();
        let new = xds.join(newest(&xds));
        let clusters = union(&old.join("cds.yaml"), &new.join("cds.yaml"));
        let before = self.routes_read();
        for (name, routes) in [("before", &old), ("after", &new)] {
            let step = self.step(name);
            copy_tree(routes, &xds.join(&step));
            fs::write(xds.join(&step).join("cds.yaml"), &clusters).unwrap();
            switch(&xds, &step);
            self.wait_for_clusters(&clusters);
        }
        self.wait("routes", |sidecar| sidecar.routes_read() >= before + 2);
    }

    /// A directory name that was not used before.
    fn step(&self, name: &str) -> String {
        let xds = self.files.join("xds");
        let mut names = (0..).map(|number| format!("{name}-{number}"));
        names.find(|name| !xds.join(name).exists()).unwrap()
    }

    /// How often the routes of a port were read.
    fn routes_read(&self) -> u64 {
        let stats = self
            .admin("/stats?filter=http.outbound_.*update_success")
            .unwrap();
        let counts = stats.lines().filter_map(|line| line.rsplit_once(": "));
        counts
            .map(|(_, count)| count.trim().parse::<u64>().unwrap())
            .max()
            .unwrap_or(0)
    }

    fn wait_for_clusters(&self, file: &str) {
        let names: Vec<&str> = resources(file).map(name_of).collect();
        self.wait("clusters", |sidecar| {
            let active = sidecar.clusters();
            names.iter().all(|name| active.contains_key(*name))
        });
        self.wait_for_endpoints();
    }
}

/// The name of the newest generation.
fn newest(xds: &Path) -> PathBuf {
    let entries = fs::read_dir(xds).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let newest = names.filter(|name| name.starts_with("gen-")).max();
    newest.unwrap().into()
}

/// Points `current` elsewhere by one rename.
fn switch(xds: &Path, to: &str) {
    let link = xds.join("next");
    std::os::unix::fs::symlink(to, &link).unwrap();
    fs::rename(link, xds.join("current")).unwrap();
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// The resources of two files; of those with one name, that of the second.
fn union(old: &Path, new: &Path) -> String {
    let (old, new) = (
        fs::read_to_string(old).unwrap(),
        fs::read_to_string(new).unwrap(),
    );
    let kept: BTreeSet<&str> = resources(&new).map(name_of).collect();
    let gone = resources(&old).filter(|resource| !kept.contains(name_of(resource)));
    gone.fold(new.clone(), |text, resource| text + "- " + resource + "\n")
}

/// The resources of a generated file, each without its dash.
fn resources(file: &str) -> impl Iterator<Item = &str> {
    let (_, list) = file.split_once("resources:\n- ").unwrap();
    list.split("\n- ").map(|resource| resource.trim_end())
}

fn name_of(resource: &str) -> &str {
    let (_, name) = resource.split_once("\n  name: \"").unwrap();
    name.split('"').next().unwrap()
}
