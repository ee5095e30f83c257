//! Snapshots to render: the fixtures, and made ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tracemesh_graph::snapshot::{
    Diagnostics, Edge, EdgeFacts, EvidenceCounts, GraphSnapshot, Latency, Node, NodeKind, Relation,
    SCHEMA, Target, TraceCounts, Window,
};
use tracemesh_graph::time::Timestamp;

/// A small shop in Kubernetes, with every kind of destination.
pub(super) fn shop() -> GraphSnapshot {
    fixture("shop")
}

/// Names that no generator should trust.
pub(super) fn hostile() -> GraphSnapshot {
    fixture("hostile")
}

fn fixture(name: &str) -> GraphSnapshot {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/egress")
        .join(name)
        .join("snapshot.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// One service that dials this many others on one port.
pub(super) fn wide(count: usize) -> GraphSnapshot {
    let caller = node(NodeKind::Service, "hub", "shop");
    let mut graph = Graph::default();
    for index in 0..count {
        let callee = node(NodeKind::External, &format!("peer-{index:03}"), "");
        let host = format!("peer-{index:03}.shop.svc.cluster.local");
        graph.dial(&caller, &callee, &[("http", &host, 8080, None)], "http/1.1");
    }
    graph.finish()
}

/// A graph of a few services with clashing names, ports and protocols.
pub(super) fn random(seed: u64) -> GraphSnapshot {
    const NAMES: [&str; 16] = [
        "no",
        "on",
        "y",
        "1e3",
        "cart",
        "Cart",
        "a-b",
        "a_b",
        "a.b",
        "null",
        "x\"y",
        "z\n",
        "..",
        "inbound",
        "passthrough",
        "\u{2028}",
    ];
    const NAMESPACES: [&str; 5] = ["", "shop", "no", "1e3", "a/b"];
    const SCHEMES: [&str; 8] = [
        "http", "https", "grpc", "redis", "kafka", "", "tcp", "mysql",
    ];
    const PORTS: [u16; 7] = [80, 443, 6379, 8080, 8443, 15001, 65535];
    const PROTOCOLS: [&str; 5] = ["http/1.1", "http/2", "grpc", "redis", "http"];
    let mut dice = Dice(seed);
    let nodes: Vec<Node> = (0..3 + dice.roll(4))
        .map(|index| {
            let kind = dice.pick(&[NodeKind::Service, NodeKind::External, NodeKind::Database]);
            let kind = if index == 0 { NodeKind::Service } else { kind };
            let mut node = node(kind, dice.pick(&NAMES), dice.pick(&NAMESPACES));
            node.id = format!("{}/{index}", node.id);
            node.served = vec![target(dice.pick(&SCHEMES), "own", dice.pick(&PORTS), None)];
            node
        })
        .collect();
    let mut graph = Graph::default();
    for (index, caller) in nodes.iter().enumerate() {
        for callee in &nodes[index..] {
            let count = dice.roll(5);
            let owned: Vec<(&str, String, u16, Option<String>)> = (0..count)
                .map(|_| {
                    let label = dice.pick(&NAMES);
                    let host = match dice.roll(6) {
                        0 => format!("10.0.0.{}", dice.roll(4)),
                        1 => format!("{label}.shop.svc.cluster.local"),
                        2 => format!("{label}.example.com"),
                        3 => "2001:db8::7".to_owned(),
                        _ => label.to_owned(),
                    };
                    let socket = (dice.roll(2) == 0).then(|| format!("10.0.0.{}", dice.roll(4)));
                    (dice.pick(&SCHEMES), host, dice.pick(&PORTS), socket)
                })
                .collect();
            let targets: Vec<Dialled<'_>> = owned
                .iter()
                .map(|(scheme, host, port, socket)| {
                    (*scheme, host.as_str(), *port, socket.as_deref())
                })
                .collect();
            graph.dial(caller, callee, &targets, dice.pick(&PROTOCOLS));
        }
    }
    graph.finish()
}

/// A target: scheme, host, port, socket peer.
pub(super) type Dialled<'a> = (&'a str, &'a str, u16, Option<&'a str>);

/// Collects nodes and edges into a snapshot.
#[derive(Default)]
pub(super) struct Graph {
    nodes: BTreeMap<String, Node>,
    edges: BTreeMap<(String, String), Edge>,
}

impl Graph {
    /// Adds an edge on which everything succeeds.
    pub(super) fn dial(
        &mut self,
        caller: &Node,
        callee: &Node,
        targets: &[Dialled<'_>],
        protocol: &str,
    ) {
        for node in [caller, callee] {
            self.nodes.insert(node.id.clone(), node.clone());
        }
        let targets = targets
            .iter()
            .map(|(scheme, host, port, socket)| target(scheme, host, *port, *socket))
            .collect();
        let edge = edge(caller, callee, targets, protocol);
        let key = (caller.id.clone(), callee.id.clone());
        self.edges.insert(key, edge);
    }

    /// The snapshot.
    pub(super) fn finish(self) -> GraphSnapshot {
        GraphSnapshot {
            schema: SCHEMA.to_owned(),
            traces: TraceCounts::default(),
            window: Window::default(),
            selection: None,
            nodes: self.nodes.into_values().collect(),
            edges: self.edges.into_values().collect(),
            diagnostics: Diagnostics::default(),
        }
    }
}

/// A node with a readable id.
pub(super) fn node(kind: NodeKind, name: &str, namespace: &str) -> Node {
    Node {
        id: format!("{}/{namespace}/{name}", kind.as_str()),
        kind,
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        environment: String::new(),
        address: None,
        system: None,
        entry_calls: 0,
        requests: 0,
        traces: TraceCounts::default(),
        instances: 1,
        facets: BTreeMap::new(),
        attributes: BTreeMap::new(),
        served: Vec::new(),
        hazards: BTreeMap::new(),
        inbound: None,
        sidecar_spans: 0,
    }
}

fn target(scheme: &str, host: &str, port: u16, socket: Option<&str>) -> Target {
    Target {
        scheme: scheme.to_owned(),
        host: host.to_owned(),
        port: Some(port),
        calls: 10,
        attempts: 10,
        last_seen: Timestamp(0),
        sockets: socket
            .iter()
            .map(|&socket| (socket.to_owned(), 1))
            .collect(),
    }
}

fn edge(caller: &Node, callee: &Node, targets: Vec<Target>, protocol: &str) -> Edge {
    Edge {
        caller: caller.id.clone(),
        callee: callee.id.clone(),
        relation: Relation::Sync,
        calls: 10,
        attempts: 10,
        failed: 0,
        failed_attempts: 0,
        retries: 0,
        weighted_calls: 10.0,
        evidence: EvidenceCounts {
            address: 10,
            ..EvidenceCounts::default()
        },
        confidence: 0.9,
        targets,
        protocols: BTreeMap::from([(protocol.to_owned(), 10)]),
        latency: Latency::default(),
        destination: BTreeMap::new(),
        first_seen: Timestamp(0),
        last_seen: Timestamp(0),
        exemplars: Vec::new(),
        exemplars_by_evidence: BTreeMap::new(),
        errors: BTreeMap::new(),
        flags: BTreeMap::new(),
        facts: EdgeFacts::default(),
    }
}

/// SplitMix64: the same numbers on every machine.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// One of the values.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.roll(from.len() as u64);
        from[usize::try_from(index).unwrap()]
    }
}
