//! Snapshots for the tests of renderers.

use std::collections::BTreeMap;

use tracemesh_graph::snapshot::{
    Diagnostics, Edge, EdgeFacts, EvidenceCounts, GraphSnapshot, Latency, LatencySummary, Node,
    NodeKind, Relation, SCHEMA, ServiceDiagnostics, Target, TraceCounts, Window,
};
use tracemesh_graph::time::Timestamp;

const START: u64 = 1_760_000_000_000_000_000;

/// A node with a kind; the id is `<kind>/<namespace>/<name>`.
pub(crate) fn node(kind: NodeKind, namespace: &str, name: &str) -> Node {
    let parts = [kind.as_str(), namespace, name];
    let id: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Node {
        id: id.join("/"),
        kind,
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        environment: "prod".to_owned(),
        address: None,
        system: (kind == NodeKind::Database).then(|| "postgresql".to_owned()),
        entry_calls: 0,
        requests: 0,
        traces: TraceCounts::default(),
        instances: 3,
        facets: BTreeMap::new(),
        attributes: BTreeMap::new(),
        served: Vec::new(),
        hazards: BTreeMap::new(),
        inbound: None,
        sidecar_spans: 0,
    }
}

/// A sync edge of paired calls that all succeed.
pub(crate) fn edge(caller: &str, callee: &str, calls: u64) -> Edge {
    Edge {
        caller: caller.to_owned(),
        callee: callee.to_owned(),
        relation: Relation::Sync,
        calls,
        attempts: calls,
        failed: 0,
        failed_attempts: 0,
        retries: 0,
        weighted_calls: 0.0,
        evidence: EvidenceCounts {
            paired: calls,
            ..EvidenceCounts::default()
        },
        confidence: 1.0,
        targets: vec![Target {
            scheme: "http".to_owned(),
            host: "cart.shop.svc.cluster.local".to_owned(),
            port: Some(8080),
            calls,
            attempts: calls,
            last_seen: Timestamp(START),
            sockets: BTreeMap::new(),
        }],
        protocols: BTreeMap::from([("http/1.1".to_owned(), calls)]),
        latency: Latency {
            client: Some(LatencySummary {
                count: calls,
                p50_ms: 3.0,
                p99_ms: 41.5,
                p999_ms: 80.0,
                max_ms: 99.0,
            }),
            server: None,
            wait: None,
        },
        destination: BTreeMap::new(),
        first_seen: Timestamp(START),
        last_seen: Timestamp(START + 1),
        exemplars: Vec::new(),
        exemplars_by_evidence: BTreeMap::new(),
        errors: BTreeMap::new(),
        flags: BTreeMap::new(),
        facts: EdgeFacts::default(),
    }
}

/// Nodes and edges in the order of a snapshot.
pub(crate) fn snapshot(mut nodes: Vec<Node>, mut edges: Vec<Edge>) -> GraphSnapshot {
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    edges.sort_by(|a, b| {
        (&a.caller, &a.callee, a.relation).cmp(&(&b.caller, &b.callee, b.relation))
    });
    GraphSnapshot {
        schema: SCHEMA.to_owned(),
        traces: TraceCounts::default(),
        window: Window {
            start: Some(Timestamp(START)),
            end: Some(Timestamp(START + 60_000_000_000)),
        },
        selection: None,
        nodes,
        edges,
        diagnostics: Diagnostics::default(),
    }
}

/// A shop with every kind of node and relation, a failing edge and a retried one.
pub(crate) fn shop() -> GraphSnapshot {
    let service = |name: &str| node(NodeKind::Service, "shop", name);
    let mut frontend = service("frontend");
    frontend.entry_calls = 12_400;
    let nodes = vec![
        frontend,
        service("cart"),
        service("checkout"),
        service("catalog"),
        node(NodeKind::Service, "money", "payment"),
        node(NodeKind::Service, "money", "fraud"),
        node(NodeKind::Service, "", "mailer"),
        node(NodeKind::Database, "", "cart-db:5432"),
        node(NodeKind::Broker, "", "kafka:9092"),
        node(NodeKind::External, "", "api.cards.example:443"),
        node(NodeKind::Function, "", "aws/eu-west-1/resize"),
        node(NodeKind::Genai, "", "openai"),
        node(NodeKind::ObjectStore, "", "s3.amazonaws.com"),
        node(NodeKind::SharedHost, "", "api.internal:443"),
        node(NodeKind::Metadata, "", "169.254.169.254"),
        node(NodeKind::Unidentified, "", "unidentified-9a1"),
    ];
    let s = |name: &str| format!("service/shop/{name}");
    let mut failing = edge(&s("checkout"), "service/money/payment", 1_100);
    failing.failed = 90;
    failing.attempts = 1_400;
    failing.retries = 300;
    let mut flow = edge(&s("checkout"), "service/mailer", 1_000);
    flow.relation = Relation::Async;
    let mut proxied = edge(&s("frontend"), "service/money/fraud", 40);
    proxied.relation = Relation::Proxied;
    let edges = vec![
        edge(&s("frontend"), &s("cart"), 9_000),
        edge(&s("frontend"), &s("catalog"), 123_456),
        edge(&s("frontend"), &s("checkout"), 1_100),
        edge(&s("cart"), "database/cart-db:5432", 18_000),
        edge(&s("catalog"), "objectstore/s3.amazonaws.com", 700),
        edge(&s("catalog"), "function/aws/eu-west-1/resize", 12),
        edge(&s("catalog"), "genai/openai", 3),
        edge(&s("checkout"), "broker/kafka:9092", 1_000),
        edge("service/mailer", "broker/kafka:9092", 1_000),
        edge(
            "service/money/payment",
            "external/api.cards.example:443",
            1_300,
        ),
        edge("service/money/payment", "service/money/fraud", 1_000),
        edge("service/money/fraud", "shared_host/api.internal:443", 500),
        edge(&s("cart"), "metadata/169.254.169.254", 2),
        edge("unidentified/unidentified-9a1", &s("cart"), 5),
        failing,
        flow,
        proxied,
    ];
    let mut shop = snapshot(nodes, edges);
    shop.diagnostics.spans = 300_000;
    shop.diagnostics.used = 299_000;
    shop.diagnostics.duplicates = 900;
    shop.diagnostics.rejected = BTreeMap::from([("utf8".to_owned(), 100)]);
    shop.diagnostics.per_service = vec![ServiceDiagnostics {
        service: s("cart"),
        spans: 10_000,
        kinds: BTreeMap::from([("client".to_owned(), 4_000), ("server".to_owned(), 6_000)]),
        orphans: 900,
        unresolved: 1_000,
        ..ServiceDiagnostics::default()
    }];
    shop
}

/// Names that break writers.
pub(crate) const HOSTILE_NAMES: [&str; 14] = [
    "\"",
    "\\",
    "a\"]; evil -> x [label=\"",
    "line\nbreak\r\n",
    "</TABLE>><b>html</b>",
    "&quot;&#0;&lt;",
    "nul\0esc\u{1b}[31m\u{7}",
    "../../etc/passwd",
    "no",
    "1e3",
    "\u{202e}gnp.exe",
    "\\N\\G\\l",
    "",
    "subgraph { node } // */ #",
];
