//! Egress model -> files for one Envoy per service, in the transparent phase.
//!
//! ```text
//! <service directory>/bootstrap.yaml            node, admin, dynamic resources, limits, small stats
//!                     validate.yaml             the same with every resource inlined, for `envoy --mode validate`
//!                     xds/current -> gen-NNNN   one rename switches clusters, listeners and routes together
//!                     xds/gen-NNNN/{cds,lds}.yaml, xds/gen-NNNN/rds/outbound_<port>.yaml
//! index.json egress.json evidence.json          beside `services/`
//! ```
//! A catch-all listener passes raw TCP through and logs it; one virtual listener per observed port recognises what was
//! observed on it and passes the rest through. Transparent means: clusters exist, nothing else changes. There are no
//! timeouts, no retries and no limits below the defaults; what waits for the tuned phase is listed in the metadata of
//! each cluster.
//!
//! It refuses to send a connection anywhere but where the application dialled it without a name in the stream that
//! says so: opaque TCP keeps its original address even inside a cluster of its own.

mod bootstrap;
mod cluster;
mod drift;
mod http;
pub(crate) mod index;
mod listener;
mod names;
mod plan;
mod port;
mod route;
pub mod yaml;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sha2::{Digest, Sha256};
use tracemesh_graph::egress::{EgressModel, ServiceEgress};

use crate::output_dir::{Entry, FileSet, RelativePath};
use index::{Index, IndexEntry};
use plan::ServicePlan;
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
    let (mut files, index) = render_services(model, options);
    let documents = [
        ("index.json", index::json(&index)),
        ("egress.json", index::json(model)),
        ("evidence.json", index::json(&model.evidence)),
    ];
    for (name, text) in documents {
        files.insert(safe_path(name), Entry::File(text));
    }
    files
}

/// The files below `services/`, and the index of them.
pub(crate) fn render_services(model: &EgressModel, options: &EnvoyOptions) -> (FileSet, Index) {
    let directories = names::service_directories(&model.services);
    let mut files = FileSet::new();
    let mut entries = BTreeMap::new();
    for (service, directory) in model.services.iter().zip(directories) {
        let plan = ServicePlan::new(service, options);
        let own = service_files(service, &plan, &directory, options);
        let state = (options.generation(service), content_hash(&own));
        let entry = IndexEntry::new(service, &plan, &directory, state);
        entries.insert(service.id.clone(), entry);
        files.extend(own);
    }
    (files, Index::new(entries))
}

fn service_files(
    service: &ServiceEgress,
    plan: &ServicePlan,
    directory: &str,
    options: &EnvoyOptions,
) -> FileSet {
    let header = header(service);
    let clusters = cluster::clusters(service, plan);
    let listeners = listener::listeners(plan, options, &listener::file_routes);
    let inlined = listener::listeners(plan, options, &listener::inline_routes);
    let current = generation_directory(options.generation(service));
    let generation = format!("xds/{current}");
    let document = |node: &Node| Entry::File(format!("{header}{}", node.to_yaml()));
    let mut files = vec![
        (
            "bootstrap.yaml".to_owned(),
            document(&bootstrap::dynamic(service, options)),
        ),
        (
            "validate.yaml".to_owned(),
            document(&bootstrap::inlined(service, options, &clusters, &inlined)),
        ),
        ("xds/current".to_owned(), Entry::Link(current)),
        (
            format!("{generation}/cds.yaml"),
            document(&resources("envoy.config.cluster.v3.Cluster", clusters)),
        ),
        (
            format!("{generation}/lds.yaml"),
            document(&resources("envoy.config.listener.v3.Listener", listeners)),
        ),
    ];
    for port in plan.ports.iter().filter(|port| port.has_routes()) {
        for set in port.route_sets() {
            let routes = vec![route::configuration(port, &set)];
            files.push((
                format!("{generation}/rds/{}.yaml", set.name),
                document(&resources(
                    "envoy.config.route.v3.RouteConfiguration",
                    routes,
                )),
            ));
        }
    }
    files
        .into_iter()
        .map(|(path, entry)| (safe_path(&format!("{directory}/{path}")), entry))
        .collect()
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
        "@type".to_owned(),
        Node::Text(format!("type.googleapis.com/{kind}")),
    )];
    if let Node::Map(own) = node {
        entries.extend(own);
    }
    Node::Map(entries)
}

/// SHA-256 over paths and contents, in hexadecimal.
fn content_hash(files: &FileSet) -> String {
    let mut hash = Sha256::new();
    for (path, entry) in files {
        let (Entry::File(text) | Entry::Link(text)) = entry;
        // Lengths in front, or two different sets could read the same.
        for part in [path.as_str(), text] {
            hash.update(part.len().to_string());
            hash.update(":");
            hash.update(part);
        }
    }
    names::hexadecimal(&hash.finalize())
}

#[cfg(test)]
mod tests;
