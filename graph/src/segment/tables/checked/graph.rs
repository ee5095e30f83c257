//! Nodes, targets, edges, destinations, and the rows that hang on them.

use super::super::schema::Nodes;
use super::super::sheets::{Sheets, refused};
use super::Indices;
use super::index::{Index, port, trace, word};
use crate::hazards::Sign;
use crate::identity::{NodeKey, NodeName};
use crate::peer::{Address, Category, Peer};
use crate::segment::Caller;
use crate::segment::concurrency::MIN_SHIFT;
use crate::sketch::LAST_BUCKET;
use crate::snapshot::Relation;
use crate::tabular::{TableError, Words};

/// The ends of an edge or destination.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Ends {
    pub(in super::super) caller: u32,
    pub(in super::super) callee: Option<u32>,
    pub(in super::super) target: u32,
    pub(in super::super) relation: Relation,
    /// Trace and span of an open call.
    pub(in super::super) open: Option<(u128, u64)>,
}

/// What a row of `edge_counts` counts.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum EdgeGroup {
    Error,
    Flag,
    Hazard(Sign),
}

/// What a row of `node_counts` counts.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum NodeGroup {
    SpanKind,
    Event,
    Hazard(Sign),
    Facet,
    Attribute,
}

/// An end of an edge.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Side {
    Caller,
    Callee,
}

/// Where the rows of each table belong, in the order of their rows.
#[derive(Debug)]
pub(in super::super) struct Graph {
    pub(in super::super) edges: Vec<Ends>,
    pub(in super::super) latency: Vec<u32>,
    pub(in super::super) edge_counts: Vec<(u32, EdgeGroup)>,
    pub(in super::super) sampling: Vec<u32>,
    pub(in super::super) destinations: Vec<Ends>,
    pub(in super::super) zones: Vec<u32>,
    pub(in super::super) methods: Vec<u32>,
    pub(in super::super) routes: Vec<u32>,
    pub(in super::super) instances: Vec<(u32, Side)>,
    pub(in super::super) stretches: Vec<u32>,
    pub(in super::super) node_counts: Vec<(u32, NodeGroup)>,
    pub(in super::super) node_latency: Vec<u32>,
    pub(in super::super) node_instances: Vec<u32>,
    pub(in super::super) node_addresses: Vec<(u32, Option<u16>)>,
    /// Node and target.
    pub(in super::super) served: Vec<(u32, u32)>,
}

impl Graph {
    pub(super) fn of(sheets: &Sheets, indices: &Indices) -> Result<Self, TableError> {
        buckets("latency", &sheets.latency.bucket)?;
        buckets("node_latency", &sheets.node_latency.bucket)?;
        let (edges, destinations, nodes) = (&indices.edges, &indices.destinations, &indices.nodes);
        let ports = sheets.node_addresses.port.iter();
        let ports = ports.map(|number| port("node_addresses", *number));
        Ok(Self {
            edges: edge_ends(sheets, indices)?,
            latency: edges.all("latency", &sheets.latency.edge)?,
            edge_counts: edge_counts(sheets, edges)?,
            sampling: edges.all("sampling", &sheets.sampling.edge)?,
            destinations: destination_ends(sheets, indices)?,
            zones: destinations.all("zones", &sheets.zones.destination)?,
            methods: destinations.all("methods", &sheets.methods.destination)?,
            routes: destinations.all("routes", &sheets.routes.destination)?,
            instances: zip(
                destinations.all("instances", &sheets.instances.destination)?,
                sides("instances", &sheets.instances.side),
            )?,
            stretches: destinations.all("stretches", &sheets.stretches.destination)?,
            node_counts: node_counts(sheets, nodes)?,
            node_latency: nodes.all("node_latency", &sheets.node_latency.node)?,
            node_instances: nodes.all("node_instances", &sheets.node_instances.node)?,
            node_addresses: zip(
                nodes.all("node_addresses", &sheets.node_addresses.node)?,
                ports,
            )?,
            served: zip(
                nodes.all("served", &sheets.served.node)?,
                indices
                    .targets
                    .all("served", &sheets.served.target)?
                    .into_iter()
                    .map(Ok),
            )?,
        })
    }
}

/// Pairs places with what else was checked of the same rows.
fn zip<T>(
    places: Vec<u32>,
    values: impl Iterator<Item = Result<T, TableError>>,
) -> Result<Vec<(u32, T)>, TableError> {
    let pairs = places.into_iter().zip(values);
    pairs.map(|(place, value)| Ok((place, value?))).collect()
}

/// The sides that words name.
pub(super) fn sides(
    table: &'static str,
    words: &Words,
) -> impl Iterator<Item = Result<Side, TableError>> {
    let known = [("caller", Side::Caller), ("callee", Side::Callee)];
    let words = words.iter().map(Option::unwrap_or_default);
    words.map(move |text| word(table, "side", text, known))
}

/// The sign that a name stands for.
pub(super) fn sign(table: &'static str, name: &str) -> Result<Sign, TableError> {
    let signs = Sign::ALL.iter().map(|sign| (sign.as_str(), *sign));
    word(table, "name", name, signs)
}

fn buckets(table: &'static str, buckets: &[u32]) -> Result<(), TableError> {
    match buckets.iter().max() {
        Some(last) if *last > u32::from(LAST_BUCKET) => {
            Err(refused(table, format!("a bucket is above {LAST_BUCKET}")))
        }
        _ => Ok(()),
    }
}

fn relation(table: &'static str, text: &str) -> Result<Relation, TableError> {
    let known = [Relation::Sync, Relation::Async, Relation::Proxied];
    word(table, "relation", text, known.map(|r| (r.as_str(), r)))
}

fn edge_ends(sheets: &Sheets, indices: &Indices) -> Result<Vec<Ends>, TableError> {
    let rows = &sheets.edges;
    let callers = indices.callers.all("edges", &rows.caller)?;
    let targets = indices.targets.all("edges", &rows.target)?;
    let mut ends = Vec::with_capacity(callers.len());
    for (row, (caller, target)) in callers.into_iter().zip(targets).enumerate() {
        let open = match (rows.open_trace.maybe(row), rows.open_span[row]) {
            (Some(text), Some(span)) => Some((trace("edges", text)?, span)),
            (None, None) => None,
            _ => return Err(refused("edges", "an open call has half an id")),
        };
        ends.push(Ends {
            caller,
            callee: indices.nodes.maybe("edges", rows.callee[row])?,
            target,
            relation: relation("edges", &rows.relation[row])?,
            open,
        });
    }
    Ok(ends)
}

fn destination_ends(sheets: &Sheets, indices: &Indices) -> Result<Vec<Ends>, TableError> {
    let rows = &sheets.destinations;
    let callers = indices.callers.all("destinations", &rows.caller)?;
    let targets = indices.targets.all("destinations", &rows.target)?;
    if rows
        .slot_bits
        .iter()
        .any(|bits| !(MIN_SHIFT..64).contains(bits))
    {
        return Err(refused("destinations", "`slot_bits` is out of range"));
    }
    let mut ends = Vec::with_capacity(callers.len());
    for (row, (caller, target)) in callers.into_iter().zip(targets).enumerate() {
        ends.push(Ends {
            caller,
            callee: indices.nodes.maybe("destinations", rows.callee[row])?,
            target,
            relation: relation("destinations", &rows.relation[row])?,
            open: None,
        });
    }
    Ok(ends)
}

fn edge_counts(sheets: &Sheets, edges: &Index) -> Result<Vec<(u32, EdgeGroup)>, TableError> {
    let rows = &sheets.edge_counts;
    let groups = (0..rows.group.len()).map(|row| match &rows.group[row] {
        "error" => Ok(EdgeGroup::Error),
        "flag" => Ok(EdgeGroup::Flag),
        "hazard" => sign("edge_counts", &rows.name[row]).map(EdgeGroup::Hazard),
        _ => Err(refused("edge_counts", "a group is not known")),
    });
    zip(edges.all("edge_counts", &rows.edge)?, groups)
}

fn node_counts(sheets: &Sheets, nodes: &Index) -> Result<Vec<(u32, NodeGroup)>, TableError> {
    let rows = &sheets.node_counts;
    let groups = (0..rows.group.len()).map(|row| match &rows.group[row] {
        "span_kind" => Ok(NodeGroup::SpanKind),
        "event" => Ok(NodeGroup::Event),
        "hazard" => sign("node_counts", &rows.name[row]).map(NodeGroup::Hazard),
        "facet" => Ok(NodeGroup::Facet),
        "attribute" => Ok(NodeGroup::Attribute),
        _ => Err(refused("node_counts", "a group is not known")),
    });
    zip(nodes.all("node_counts", &rows.node)?, groups)
}

/// The nodes.
pub(super) fn callers(rows: &Nodes) -> Result<Vec<Caller>, TableError> {
    let mut callers = Vec::with_capacity(rows.node.len());
    for row in 0..rows.node.len() {
        let environment = rows.environment[row].to_owned();
        let namespace = rows.namespace[row].to_owned();
        let name = rows.name[row].to_owned();
        let name = match &rows.kind[row] {
            "service" => NodeName::Service(name),
            "workload" => NodeName::Workload {
                source: rows.source[row].to_owned(),
                name,
            },
            "unidentified" => NodeName::Unidentified(name),
            "other" => NodeName::Other,
            "caller" => {
                callers.push(Caller::Named {
                    environment,
                    namespace,
                    name,
                });
                continue;
            }
            _ => return Err(refused("nodes", "a kind is not known")),
        };
        callers.push(Caller::Node(NodeKey {
            environment,
            namespace,
            name,
        }));
    }
    Ok(callers)
}

/// The targets.
pub(super) fn peers(sheets: &Sheets, index: &Index) -> Result<Vec<Peer>, TableError> {
    let also = &sheets.target_addresses;
    let mut further: Vec<(u32, u32, Address)> = Vec::with_capacity(also.target.len());
    let places = index.all("target_addresses", &also.target)?;
    for (row, place) in places.into_iter().enumerate() {
        let address = Address {
            host: also.host[row].to_owned(),
            port: port("target_addresses", also.port[row])?,
        };
        further.push((place, also.position[row], address));
    }
    further.sort();
    let mut peers = Vec::with_capacity(sheets.targets.target.len());
    for row in 0..sheets.targets.target.len() {
        peers.push(peer(sheets, row)?);
    }
    for (place, _, address) in further {
        if let Some(peer) = usize::try_from(place).ok().and_then(|p| peers.get_mut(p)) {
            let peer: &mut Peer = peer;
            peer.also.push(address);
        }
    }
    Ok(peers)
}

fn peer(sheets: &Sheets, row: usize) -> Result<Peer, TableError> {
    let rows = &sheets.targets;
    let address = |host: Option<&str>, number| {
        let port = port("targets", number)?;
        let host = host.map(ToOwned::to_owned);
        Ok(host.map(|host| Address { host, port }))
    };
    let name = (rows.peer_namespace.maybe(row), rows.peer_name.maybe(row));
    Ok(Peer {
        scheme: rows.scheme[row].to_owned(),
        address: address(rows.host.maybe(row), rows.port[row])?,
        also: Vec::new(),
        socket: address(rows.socket_host.maybe(row), rows.socket_port[row])?,
        name: match name {
            (Some(namespace), Some(name)) => Some((namespace.to_owned(), name.to_owned())),
            (None, None) => None,
            _ => return Err(refused("targets", "a peer has half a name")),
        },
        category: category(sheets, row)?,
        protocol: rows.protocol[row].to_owned(),
        method: rows.method[row].to_owned(),
    })
}

fn category(sheets: &Sheets, row: usize) -> Result<Category, TableError> {
    let rows = &sheets.targets;
    let (system, name) = (rows.system[row].to_owned(), rows.name[row].to_owned());
    Ok(match &rows.category[row] {
        "none" => Category::None,
        "rpc" => Category::Rpc {
            system,
            service: name,
        },
        "database" => Category::Database {
            system,
            namespace: name,
        },
        "messaging" => Category::Messaging {
            system,
            destination: name,
            cluster_id: rows.broker_cluster[row].to_owned(),
        },
        "genai" => Category::Genai { provider: system },
        "function" => Category::Function { name },
        "aws" => Category::Aws {
            service: name,
            is_object_store: rows.is_object_store[row],
        },
        _ => return Err(refused("targets", "a category is not known")),
    })
}
