//! A company: its services, where they run, what they call, and how.
//!
//! Built in three steps: [`topology`] says who calls whom, `world/fleet.rs` says what each service is, and `world/wiring.rs`
//! says how each call is made. A world is data; it emits no spans.

mod fleet;
pub mod topology;
mod wiring;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::random::Random;
use crate::truth::NodeIndex;

/// What to make.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Everything else follows from it.
    pub seed: u64,
    /// Services of the production environment.
    pub services: usize,
    /// A second environment with copies of a fifth of the services, under the same names.
    pub has_staging: bool,
    /// Sidecars beside the services of every third namespace.
    pub has_sidecars: bool,
    /// Gateways that emit spans, and browsers and services that dial them by their public name.
    pub has_gateways: bool,
    /// One public name behind which several services answer, without a gateway that emits spans.
    pub has_shared_hosts: bool,
    /// Clients that name no address at all, and pools that dial pods by address.
    pub has_poor_clients: bool,
}

impl Options {
    /// A company with something of everything.
    #[must_use]
    pub const fn full(seed: u64, services: usize) -> Self {
        Self {
            seed,
            services,
            has_staging: true,
            has_sidecars: true,
            has_gateways: true,
            has_shared_hosts: true,
            has_poor_clients: true,
        }
    }

    /// Services that name what they dial, and nothing in between.
    #[must_use]
    pub const fn plain(seed: u64, services: usize) -> Self {
        Self {
            seed,
            services,
            has_staging: false,
            has_sidecars: false,
            has_gateways: false,
            has_shared_hosts: false,
            has_poor_clients: false,
        }
    }
}

/// Something that calls or is called. Names are those that a graph should show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `service`, `database`, `broker`, `external`, `objectstore`.
    pub kind: &'static str,
    /// Environment of a service; empty for what no environment owns.
    pub environment: String,
    /// Namespace of a service.
    pub namespace: String,
    /// Service name, `host:port`, or `system@host:port`.
    pub name: String,
}

/// What a service is to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Serves and calls.
    Application,
    /// Passes calls on to where they belong; its spans are those of a proxy.
    Gateway,
    /// Begins traces from outside the company.
    Browser,
    /// Begins traces by the clock.
    Job,
}

/// Which spelling of the conventions a service's SDK writes, and how much it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    /// Current names, with the socket address beside the dialled one.
    Stable,
    /// Old names; the dialled address only inside the URL.
    Old,
    /// Older still: `net.peer.name`.
    Older,
}

/// One service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its node.
    pub node: NodeIndex,
    /// `service.name`.
    pub name: String,
    /// Its namespace, in Kubernetes too.
    pub namespace: String,
    /// Its environment.
    pub environment: String,
    /// Short, namespaced and fully qualified DNS name.
    pub hosts: [String; 3],
    /// The RPC service that it implements.
    pub rpc_service: String,
    /// What it is to others.
    pub role: Role,
    /// How it tells what it does.
    pub sdk: Sdk,
    /// Its pods, as indexes of [`World::resources`].
    pub pods: Range<usize>,
    /// The sidecars of its pods, in the same order; empty without a mesh.
    pub sidecars: Range<usize>,
    /// What it calls.
    pub dependencies: Vec<Dependency>,
    /// Puts INTERNAL spans between its server and client spans.
    pub has_internal_spans: bool,
    /// Two instrumentations, each with a server span.
    pub has_nested_servers: bool,
    /// DNS and socket spans inside its client spans.
    pub has_socket_spans: bool,
}

/// Something that a service calls, and how often.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Share of its requests that make the call, in thousandths.
    pub permille: u64,
    /// What is called.
    pub to: Target,
}

/// What is called, and how.
#[derive(Debug, Clone)]
pub enum Target {
    /// A service.
    Service(ServiceCall),
    /// A database or cache.
    Store(StoreCall),
    /// An API outside the company, by index into [`World::externals`].
    External(usize),
    /// An object store, through a cloud SDK around the HTTP client.
    Bucket(usize),
    /// A topic, by index into [`World::topics`].
    Topic(usize),
}

/// A call to another service.
#[derive(Debug, Clone)]
pub struct ServiceCall {
    /// Index into [`World::services`].
    pub callee: usize,
    /// gRPC, else HTTP.
    pub is_grpc: bool,
    /// What the client dials and tells.
    pub dial: Dial,
    /// Times that a failed call is tried again.
    pub retries: u16,
}

/// What a client dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dial {
    /// The DNS name in one of its three forms; see [`Service::hosts`].
    Name(usize),
    /// A pod, by address.
    Pod,
    /// A name, but the span does not tell.
    Untold,
    /// A public name behind which this gateway answers.
    Gateway(usize),
    /// A public name that no span explains.
    SharedHost,
    /// An old host that answers with a redirect to the name of the callee; it belongs to this service.
    Redirect(usize),
}

/// A call to a database or cache.
#[derive(Debug, Clone, Copy)]
pub struct StoreCall {
    /// Index into [`World::stores`].
    pub store: usize,
    /// An ORM span without address around the driver's.
    pub has_orm: bool,
    /// A span for taking a connection out of a pool.
    pub connects: bool,
}

/// A database or cache.
#[derive(Debug, Clone)]
pub struct Store {
    /// Its node.
    pub node: NodeIndex,
    /// Current and old value of the system attribute.
    pub systems: [&'static str; 2],
    /// Host name.
    pub host: String,
}

/// An API outside the company.
#[derive(Debug, Clone)]
pub struct External {
    /// Its node.
    pub node: NodeIndex,
    /// Host name; the port is that of HTTPS.
    pub host: String,
}

/// A topic and who reads it.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Destination name.
    pub name: String,
    /// `kafka` or `rabbitmq`.
    pub system: &'static str,
    /// Node of the broker.
    pub broker: NodeIndex,
    /// Host of the broker; the port is the system's.
    pub broker_host: String,
    /// Reading services.
    pub consumers: Vec<usize>,
    /// How consumers name what they read.
    pub reading: Reading,
    /// Producers name the broker; consumers always do.
    pub is_addressed: bool,
}

/// How consumers name the messages that they read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As their parent.
    Child,
    /// In a link from a trace of their own.
    Link,
    /// So many at a time, in links from a trace of their own.
    Batch(usize),
}

/// Who emits a span: one pod, or the sidecar in it.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Index into [`World::services`].
    pub service: usize,
    /// True for a sidecar.
    pub is_sidecar: bool,
    /// Address of the pod; empty for what runs outside.
    pub address: String,
    /// What the exporter sends as its resource.
    pub attributes: Vec<(&'static str, String)>,
}

/// Everything there is.
#[derive(Debug, Clone)]
pub struct World {
    /// All nodes.
    pub nodes: Vec<Node>,
    /// All services, of all environments.
    pub services: Vec<Service>,
    /// All that emit spans.
    pub resources: Vec<Resource>,
    /// Databases and caches.
    pub stores: Vec<Store>,
    /// Outside APIs; the first ones are object stores.
    pub externals: Vec<External>,
    /// Topics.
    pub topics: Vec<Topic>,
    /// Services at which traces begin.
    pub roots: Vec<usize>,
    /// (environment, or nothing for public names; host) -> who stands behind it.
    places: BTreeMap<(String, String), BTreeSet<NodeIndex>>,
}

/// Port of every HTTP server.
pub const HTTP_PORT: &str = "8080";
/// Port of every gRPC server.
pub const GRPC_PORT: &str = "50051";
/// The public name of the gateways.
pub const PUBLIC_HOST: &str = "www.company.example.com";
/// The public name that nothing explains.
pub const SHARED_HOST: &str = "api.company.example.com";

impl World {
    /// Makes a world.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let mut random = Random::new(options.seed);
        let topology = topology::Topology::new(&mut random, options.services);
        let mut world = Self {
            nodes: Vec::new(),
            services: Vec::new(),
            resources: Vec::new(),
            stores: Vec::new(),
            externals: Vec::new(),
            topics: Vec::new(),
            roots: Vec::new(),
            places: BTreeMap::new(),
        };
        fleet::build(&mut world, options, &mut random);
        wiring::build(&mut world, options, &topology, &mut random);
        world
    }

    /// The node of whoever emits these spans.
    #[must_use]
    pub fn node_of(&self, resource: usize) -> NodeIndex {
        self.services[self.resources[resource].service].node
    }

    /// Who stands behind a host, as a caller in this environment would reach it; one without environment reaches all.
    pub fn behind<'a>(
        &'a self,
        environment: &'a str,
        host: &'a str,
    ) -> impl Iterator<Item = NodeIndex> + use<'a> {
        let places = self.places.iter().filter(move |((place, name), _)| {
            let is_reached = environment.is_empty() || place.is_empty() || place == environment;
            name == host && is_reached
        });
        places.flat_map(|(_, nodes)| nodes.iter().copied())
    }

    fn put(&mut self, node: Node) -> NodeIndex {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn stand_behind(&mut self, environment: &str, host: &str, node: NodeIndex) {
        let place = (environment.to_owned(), host.to_owned());
        self.places.entry(place).or_default().insert(node);
    }
}
