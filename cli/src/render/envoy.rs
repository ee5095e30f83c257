//! Egress model -> files for one Envoy per service.
//!
//! ```text
//! <service directory>/bootstrap.yaml            node, admin, dynamic resources, limits, small stats
//!                     validate.yaml             the same with every resource inlined, for `envoy --mode validate`
//!                     xds/current -> gen-NNNN   one rename switches clusters, listeners and routes together
//!                     xds/gen-NNNN/{cds,lds}.yaml, xds/gen-NNNN/rds/outbound_<port>.yaml
//!                     xds/eds/<cluster>.yaml    endpoints, where an agent keeps them fresh
//! index.json egress.json evidence.json          beside `services/`
//! ```
//! A catch-all listener passes raw TCP through and logs it; one virtual listener per observed port recognises what was
//! observed on it and passes the rest through. Each destination is in a phase of its own. Transparent means: its cluster
//! exists, nothing else changes; there are no timeouts, no retries and no limits below those of the passthrough. Tuned
//! means: the settings of the model, where they can act; what does nothing or lacks evidence is listed in the metadata of
//! the cluster. `docs/envoy.md` has the reasons.
//!
//! It refuses to send a connection anywhere but where the application dialled it without a name in the stream that
//! says so: opaque TCP keeps its original address even inside a cluster of its own.

mod balance;
mod bootstrap;
mod cluster;
pub(crate) mod diff;
mod drift;
mod http;
pub(crate) mod index;
mod inert;
mod listener;
mod names;
mod plan;
mod port;
mod route;
mod settings;
mod shedding;
pub mod stats;
pub mod yaml;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use sha2::{Digest, Sha256};
use tracemesh_graph::egress::{EgressModel, ServiceEgress};
use tracemesh_graph::inventory::Endpoint;

use crate::output_dir::{Entry, FileSet, RelativePath};
use cluster::EndpointForm;
use index::{Index, IndexEntry};
pub(in crate::render) use names::component as path_component;
use plan::{Discovery, ServicePlan};
use yaml::{Node, map, quote};

/// How captured connections tell the sidecar where they were going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// The kernel's redirect (`SO_ORIGINAL_DST`): production.
    OriginalDst,
    /// A PROXY protocol header sent by the client: tests, without privileges.
    ProxyProtocol,
}

/// What steers [`render`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvoyOptions {
    /// Port to which outgoing connections are redirected.
    pub outbound_port: u16,
    /// Port to which incoming connections are redirected.
    pub inbound_port: u16,
    /// Port of the admin interface, on loopback.
    pub admin_port: u16,
    /// Service node id -> number of its generation directory; 1 for services that are not listed.
    pub generations: BTreeMap<String, u32>,
    /// How the original destination becomes known.
    pub capture: Capture,
    /// Resolvers to ask; the system's when empty.
    pub dns_resolvers: Vec<SocketAddr>,
    /// Whether an agent keeps endpoint files fresh: then destinations in the tuned phase whose endpoints are known use
    /// them, without DNS. Addresses of pods are true for minutes only.
    pub endpoint_files: bool,
}

impl Default for EnvoyOptions {
    fn default() -> Self {
        Self {
            outbound_port: 15001,
            inbound_port: 15006,
            admin_port: 15000,
            generations: BTreeMap::new(),
            capture: Capture::OriginalDst,
            dns_resolvers: Vec::new(),
            endpoint_files: false,
        }
    }
}

impl EnvoyOptions {
    /// Whether the sidecar itself listens on a port.
    fn owns_port(&self, port: u16) -> bool {
        [self.outbound_port, self.inbound_port, self.admin_port].contains(&port)
    }

    fn generation(&self, service: &ServiceEgress) -> u32 {
        self.generations.get(&service.id).copied().unwrap_or(1)
    }
}

/// Name of a generation directory.
#[must_use]
pub fn generation_directory(generation: u32) -> String {
    format!("gen-{generation:04}")
}

/// Name of the directory of the step before a generation.
fn step_directory(generation: u32) -> String {
    format!("step-{generation:04}")
}

/// Service node id -> directory of its files, as [`render`] lays them out.
#[must_use]
pub fn directories(model: &EgressModel) -> BTreeMap<String, String> {
    let ids = model.services.iter().map(|service| service.id.clone());
    ids.zip(names::service_directories(&model.services))
        .collect()
}

/// Renders the files of every service of a model, ready for [`write_files`](crate::output_dir::write_files).
///
/// Pure: the same model and options give the same bytes. Names from spans appear only escaped.
#[must_use]
pub fn render(model: &EgressModel, options: &EnvoyOptions) -> FileSet {
    let mut files = FileSet::new();
    let mut entries = BTreeMap::new();
    let renderer = Renderer::new(model, options, None);
    for index in 0..renderer.len() {
        let (service, rendered) = renderer.render(index);
        let generation = options.generation(service);
        entries.insert(service.id.clone(), rendered.place(generation, &mut files));
    }
    let documents = [
        ("index.json", index::json(&Index::new(entries))),
        ("egress.json", index::json(model)),
        ("evidence.json", index::json(&model.evidence)),
    ];
    for (name, text) in documents {
        files.insert(safe_path(name), Entry::File(text));
    }
    files
}

/// The files of one service, whatever the number of their generation.
pub(crate) struct ServiceFiles {
    /// Directory of the service.
    pub(crate) directory: String,
    /// Files that a switch of generations does not change: path below the directory -> text.
    beside: BTreeMap<String, String>,
    /// Files of the generation: path below its directory -> text.
    pub(crate) generation: BTreeMap<String, String>,
    /// Files of the step before the generation, in the same form, when it has one.
    pub(crate) step: Option<BTreeMap<String, String>>,
    entry: IndexEntry,
}

impl ServiceFiles {
    /// Adds the page about a new generation.
    pub(crate) fn add_review(&mut self, page: String) {
        self.beside.insert("diff.md".to_owned(), page);
    }

    /// The link to the step before a generation.
    pub(crate) fn link_to_step(&self, generation: u32) -> Option<(RelativePath, Entry)> {
        let current = safe_path(&format!("{}/xds/current", self.directory));
        let target = self.step.is_some().then(|| step_directory(generation))?;
        Some((current, Entry::Link(target)))
    }

    /// Puts the files where they belong in a generation, and `current` before it; returns the entry of the index.
    pub(crate) fn place(self, generation: u32, files: &mut FileSet) -> IndexEntry {
        let name = generation_directory(generation);
        let directory = self.directory;
        for (path, text) in self.beside {
            files.insert(safe_path(&format!("{directory}/{path}")), Entry::File(text));
        }
        let step = step_directory(generation);
        for (name, own) in [(&name, Some(self.generation)), (&step, self.step)] {
            for (path, text) in own.into_iter().flatten() {
                let path = safe_path(&format!("{directory}/xds/{name}/{path}"));
                files.insert(path, Entry::File(text));
            }
        }
        let current = safe_path(&format!("{directory}/xds/current"));
        files.insert(current, Entry::Link(name));
        self.entry.at(generation)
    }
}

/// Renders services of one model, in any order and on any thread.
pub(crate) struct Renderer<'a> {
    /// Services with their directories.
    services: Vec<(&'a ServiceEgress, String)>,
    known: zones::KnownEndpoints<'a>,
    options: &'a EnvoyOptions,
}

impl<'a> Renderer<'a> {
    /// For the wanted services of a model, by node id; for all when none is named.
    pub(crate) fn new(
        model: &'a EgressModel,
        options: &'a EnvoyOptions,
        wanted: Option<&BTreeSet<String>>,
    ) -> Self {
        let directories = names::service_directories(&model.services);
        let services = model.services.iter().zip(directories);
        let is_wanted = |id: &str| wanted.is_none_or(|wanted| wanted.contains(id));
        Self {
            services: services
                .filter(|(service, _)| is_wanted(&service.id))
                .collect(),
            known: zones::known_endpoints(model),
            options,
        }
    }

    /// How many services there are.
    pub(crate) const fn len(&self) -> usize {
        self.services.len()
    }

    /// A service with its files.
    pub(crate) fn render(&self, index: usize) -> (&'a ServiceEgress, ServiceFiles) {
        let (service, directory) = &self.services[index];
        let own = self.known.get(service.id.as_str());
        let plan = ServicePlan::new(service, own, self.options);
        let files = service_files(service, &plan, directory.clone(), self.options);
        (service, files)
    }
}

fn service_files(
    service: &ServiceEgress,
    plan: &ServicePlan<'_>,
    directory: String,
    options: &EnvoyOptions,
) -> ServiceFiles {
    let header = header(service);
    let document = |node: &Node| node.to_yaml_after(&header);
    let beside = files_beside(service, plan, options);
    let beside: BTreeMap<String, String> = beside
        .into_iter()
        .map(|(path, node)| (path, document(&node)))
        .collect();
    let generation: BTreeMap<String, String> = generation_files(service, plan, options)
        .into_iter()
        .map(|(path, node)| (path, document(&node)))
        .collect();
    let hash = content_hash(&beside[BOOTSTRAP], &generation);
    let entry = IndexEntry::new(service, plan, &directory, hash);
    ServiceFiles {
        directory,
        beside,
        generation,
        step: None,
        entry,
    }
}

const BOOTSTRAP: &str = "bootstrap.yaml";

fn files_beside(
    service: &ServiceEgress,
    plan: &ServicePlan<'_>,
    options: &EnvoyOptions,
) -> Vec<(String, Node)> {
    let local = cluster::local(plan, EndpointForm::Files);
    let bootstrap = bootstrap::dynamic(service, options, local);
    let checked = bootstrap::inlined(
        service,
        options,
        cluster::local(plan, EndpointForm::Inline),
        cluster::clusters(service, plan, EndpointForm::Inline),
        listener::listeners(plan, options, &listener::inline_routes),
    );
    let mut files = vec![
        (BOOTSTRAP.to_owned(), bootstrap),
        ("validate.yaml".to_owned(), checked),
    ];
    let mut endpoint_file = |cluster: &str, endpoints: &BTreeSet<&Endpoint>| {
        let assignment = zones::assignment(cluster, endpoints);
        let kind = "envoy.config.endpoint.v3.ClusterLoadAssignment";
        files.push((zones::file(cluster), resources(kind, vec![assignment])));
    };
    for cluster in &plan.clusters {
        if cluster.discovery == Discovery::Endpoints {
            endpoint_file(&cluster.name, &cluster.endpoints);
        }
    }
    if let Some(own) = &plan.local {
        endpoint_file(zones::LOCAL_CLUSTER, own);
    }
    files
}

fn generation_files(
    service: &ServiceEgress,
    plan: &ServicePlan<'_>,
    options: &EnvoyOptions,
) -> Vec<(String, Node)> {
    let clusters = cluster::clusters(service, plan, EndpointForm::Files);
    let listeners = listener::listeners(plan, options, &listener::file_routes);
    let mut files = vec![
        (
            "cds.yaml".to_owned(),
            resources("envoy.config.cluster.v3.Cluster", clusters),
        ),
        (
            "lds.yaml".to_owned(),
            resources("envoy.config.listener.v3.Listener", listeners),
        ),
    ];
    for port in plan.ports.iter().filter(|port| port.has_routes()) {
        for set in port.route_sets() {
            let routes = vec![route::configuration(plan, port, &set)];
            let kind = "envoy.config.route.v3.RouteConfiguration";
            files.push((format!("rds/{}.yaml", set.name), resources(kind, routes)));
        }
    }
    files
}

/// The only path from names to files: components were made by [`names`] or are constants.
fn safe_path(path: &str) -> RelativePath {
    RelativePath::new(path).expect("components are escaped before they are joined")
}

fn header(service: &ServiceEgress) -> String {
    format!(
        "# Generated by tracemesh from observed traces for {}. Do not edit: the next run replaces it.\n",
        quote(&service.id)
    )
}

/// A discovery response: each resource with its type in front.
fn resources(kind: &str, elements: Vec<Node>) -> Node {
    let elements = elements
        .into_iter()
        .map(|element| typed(kind, element))
        .collect();
    map([("resources", Node::List(elements))])
}

/// A map with `@type` in front of its own entries.
fn typed(kind: &str, node: Node) -> Node {
    let mut entries = vec![(
        "@type".into(),
        Node::Text(format!("type.googleapis.com/{kind}")),
    )];
    if let Node::Map(own) = node {
        entries.extend(own);
    }
    Node::Map(entries)
}

/// SHA-256 over paths and contents, in hexadecimal; the number of the generation is not in it.
fn content_hash(bootstrap: &str, generation: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    let generation = generation
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()));
    for (path, text) in [(BOOTSTRAP, bootstrap)].into_iter().chain(generation) {
        // Lengths in front, or two different sets could read the same.
        for part in [path, text] {
            hash.update(part.len().to_string());
            hash.update(":");
            hash.update(part);
        }
    }
    names::hexadecimal(&hash.finalize())
}

#[cfg(test)]
mod tests;
