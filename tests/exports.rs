//! Exports of the graph before the programs that will read them, and the filters of `tracemesh graph`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tracemesh::text::clip;
use tracemesh_graph::snapshot::{GraphSnapshot, NodeKind, tables::specs};
use tracemesh_graph::tabular::Kind;

use crate::harness::{Run, files_under, node, python, root, tracemesh, tracemesh_in};

/// Names that mean something to somebody who reads exports.
const NAMES: [&str; 14] = [
    "\"] --> n9[\"x",
    "end",
    "style:a#35;b;",
    "<img src=x onerror=alert(1)>",
    "`*md*` #quot;",
    "a\nb\u{0}\u{1b}[31m",
    "</data></graphml>]]>",
    "&amp;&#0;",
    "=HYPERLINK(\"http://x\")",
    "'; DROP TABLE x; --",
    "fa:fa-bomb %% no comment",
    "\u{202e}\u{feff}\u{ffff}\u{fffe}",
    "\u{e9}\u{1f600}",
    "a,b;\"c\"\r\nd",
];

/// A graph of hostile names, each calling the next.
fn hostile(place: &Path) {
    let node = |name: &&str| {
        json!({"id": format!("service/{name}"), "kind": "service", "name": name, "namespace": name,
            "environment": "", "address": null, "system": null, "entry_calls": 1, "instances": 1,
            "facets": {"zone": {*name: 1}}, "attributes": {"identity": name}})
    };
    let edge = |pair: &[&str]| {
        json!({"caller": format!("service/{}", pair[0]), "callee": format!("service/{}", pair[1]),
            "relation": "sync", "calls": 3, "attempts": 3, "failed": 1, "failed_attempts": 1,
            "weighted_calls": 3.0, "evidence": {"paired": 3, "parent": 0, "address": 0, "alias": 0,
            "named": 0, "link": 0}, "confidence": 1.0, "targets": [{"scheme": "http", "host": pair[1],
            "port": 80, "calls": 3, "last_seen": "2026-11-21T01:00:00Z"}], "protocols": {pair[0]: 3},
            "latency": {"client": null, "server": null}, "destination": {},
            "first_seen": "2026-11-21T00:00:00Z", "last_seen": "2026-11-21T01:00:00Z", "exemplars": []})
    };
    let graph = json!({"schema": "tracemesh.graph/v1", "window": {"start": null, "end": null},
        "nodes": NAMES.iter().map(node).collect::<Vec<_>>(),
        "edges": NAMES.windows(2).map(edge).collect::<Vec<_>>(),
        "diagnostics": {"spans": 0, "duplicates": 0, "rejected": {}, "per_service": []}});
    fs::write(place.join("hostile.json"), graph.to_string()).expect("it works");
}

/// A directory with the graph of the recorded shop and a hostile one.
fn place() -> TempDir {
    let place = tempfile::tempdir().expect("it works");
    let arguments = ["graph", "--traces", "fixtures/shop", "--format", "json"];
    let shop = tracemesh_in(root(), &arguments, b"").expect_code(0);
    fs::write(place.path().join("shop.json"), shop.stdout).expect("it works");
    hostile(place.path());
    place
}

fn graph(place: &TempDir, arguments: &[&str]) -> Run {
    let arguments = [&["graph"], arguments].concat();
    tracemesh_in(place.path(), &arguments, b"")
}

fn read(place: &TempDir, name: &str) -> GraphSnapshot {
    let text = fs::read_to_string(place.path().join(name)).expect("it works");
    serde_json::from_str(&text).expect("it works")
}

fn told(command: &mut Command) -> String {
    let output = command.output().expect("it works");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    String::from_utf8(output.stdout).expect("it works")
}

/// What `sums.py` has to find.
fn sums(graph: &GraphSnapshot) -> Value {
    let edges = || graph.edges.iter();
    let sum =
        |number: fn(&tracemesh_graph::snapshot::Edge) -> u64| edges().map(number).sum::<u64>();
    let thousandths = |number: f64| (number * 1000.0).round() / 1000.0;
    let millionths = |number: f64| (number * 1e6).round() / 1e6;
    let targets = || edges().flat_map(|edge| &edge.targets);
    let mut latency: BTreeMap<&str, (u64, f64)> = BTreeMap::new();
    let mut protocols: BTreeMap<&str, u64> = BTreeMap::new();
    for edge in edges() {
        let sides = [
            ("client", edge.latency.client),
            ("server", edge.latency.server),
            ("wait", edge.latency.wait),
        ];
        for (side, summary) in sides {
            let Some(summary) = summary else { continue };
            let sum = latency.entry(side).or_default();
            *sum = (sum.0 + 1, sum.1 + summary.p99_ms);
        }
        for (protocol, attempts) in &edge.protocols {
            *protocols.entry(protocol).or_default() += attempts;
        }
    }
    let mut busiest: Vec<_> = edges()
        .filter_map(|edge| Some((edge, edge.latency.server?.p99_ms)))
        .collect();
    busiest.sort_by(|(a, _), (b, _)| {
        (b.calls, &a.caller, &a.callee).cmp(&(a.calls, &b.caller, &b.callee))
    });
    let busiest = busiest.iter().take(5);
    json!({
        "nodes": [graph.nodes.len(), graph.nodes.iter().map(|n| n.entry_calls).sum::<u64>(),
            graph.nodes.iter().map(|n| n.instances).sum::<u64>()],
        "edges": [graph.edges.len(), sum(|e| e.calls), sum(|e| e.attempts), sum(|e| e.failed),
            sum(|e| e.retries), sum(|e| e.evidence.paired),
            thousandths(edges().map(|e| e.weighted_calls).sum()),
            edges().map(|e| e.first_seen.0).min(), edges().map(|e| e.last_seen.0).max()],
        "latency": latency.iter().map(|(side, (count, p99))| json!([side, count, millionths(*p99)])).collect::<Vec<_>>(),
        "targets": [targets().count(), targets().map(|t| t.calls).sum::<u64>(), targets().filter(|t| t.port.is_some()).count()],
        "zones": [edges().flat_map(|e| e.facts.zone_pairs.values()).flat_map(BTreeMap::values).sum::<u64>()],
        "routes": [edges().flat_map(|e| e.facts.routes.values()).sum::<u64>()],
        "protocols": protocols.iter().map(|(name, count)| json!([name, count])).collect::<Vec<_>>(),
        "spans": [graph.diagnostics.spans],
        "stray": [0],
        "busiest": busiest.map(|(e, p99)| json!([e.caller, e.callee, e.calls, p99])).collect::<Vec<_>>(),
    })
}

/// Another engine reads the same numbers from the tables as this program prints.
#[test]
fn duckdb_finds_in_the_tables_what_the_json_says() {
    let python = python::environment("duckdb", &["duckdb==2.0.0"], |venv| {
        python::interpreter(venv, "duckdb")
    });
    let Some(python) = python::or_skip(&python, "duckdb") else {
        return;
    };
    let place = place();
    let expected = sums(&read(&place, "shop.json"));
    // DuckDB sums to 128 bits, which its Python client and JSON write as numbers of their own kind.
    let plain = |value: &Value| value.to_string().replace(".0,", ",").replace(".0]", "]");
    for format in ["parquet", "csv"] {
        let arguments = ["--graph", "shop.json", "--format", format, "--out", format];
        let run = graph(&place, &arguments).expect_code(0);
        assert_eq!(run.stdout, "", "tables are files");
        assert!(
            run.stderr.contains("wrote 11 tables with "),
            "{}",
            run.stderr
        );
        let script = root().join("tests/exports/sums.py");
        let found = told(
            Command::new(python)
                .arg(script)
                .arg(place.path().join(format))
                .arg(format),
        );
        let found: Value = serde_json::from_str(&found).expect("it works");
        for (name, value) in expected.as_object().expect("it works") {
            assert_eq!(plain(&found[name]), plain(value), "{name} of {format}");
        }
    }
    let document = fs::read_to_string(root().join("docs/graph-formats.md")).expect("it works");
    let queries = document
        .split("```")
        .find_map(|block| block.strip_prefix("sql\n"));
    let queries = queries.expect("it works").replace("'tables/", "'parquet/");
    let mut run = Command::new(python);
    let run = run
        .args(["-c", QUERIES, &queries])
        .current_dir(place.path());
    assert_eq!(told(run).trim(), "3");
}

/// Runs every query and prints how many there were; each finds something.
const QUERIES: &str = "
import duckdb, sys
queries = [query for query in sys.argv[1].split(';') if query.strip()]
found = [duckdb.sql(query).fetchall() for query in queries]
assert all(found), found
print(len(queries))
";

#[test]
fn tables_are_one_file_each_and_the_same_bytes_again() {
    let place = place();
    for format in ["parquet", "csv"] {
        let export = |out: &str| {
            let arguments = ["--graph", "hostile.json", "--format", format, "--out", out];
            graph(&place, &arguments).expect_code(0);
            let out = place.path().join(out);
            let files = files_under(&out).into_iter();
            let files =
                files.map(|file| (file.clone(), fs::read(out.join(file)).expect("it works")));
            files.collect::<Vec<_>>()
        };
        let first = export("first/deep");
        let mut wanted: Vec<String> = specs()
            .iter()
            .map(|spec| format!("{}.{format}", spec.name))
            .collect();
        wanted.sort();
        let names: Vec<&str> = first
            .iter()
            .map(|(file, _)| file.to_str().expect("it works"))
            .collect();
        assert_eq!(names, wanted);
        assert_eq!(first, export("second"));
        fs::remove_dir_all(place.path().join("first")).expect("it works");
        fs::remove_dir_all(place.path().join("second")).expect("it works");
    }
    let csv = ["--graph", "hostile.json", "--format", "csv", "--out", "csv"];
    graph(&place, &csv).expect_code(0);
    let nodes = fs::read_to_string(place.path().join("csv/nodes.csv")).expect("it works");
    assert_eq!(nodes.lines().count(), NAMES.len() + 1, "{nodes}");
    assert!(
        nodes.contains("\"'=HYPERLINK(\"\"http://x\"\")\""),
        "{nodes}"
    );
}

/// The makers' own parser: every node and edge, every name as it is, nothing besides.
#[test]
fn mermaid_reads_the_flowcharts() {
    let packages = node::packages("mermaid", &["mermaid@11.17.2", "jsdom@26.1.0"]);
    let Some(packages) = python::or_skip(&packages, "mermaid") else {
        return;
    };
    let place = place();
    let mut files = Vec::new();
    for (name, further) in [
        ("shop", &[][..]),
        ("hostile", &[]),
        ("shop", &["--collapse", "namespace"]),
    ] {
        let source = format!("{name}.json");
        let arguments = [
            &["--graph", source.as_str(), "--format", "mermaid"],
            further,
        ]
        .concat();
        let run = graph(&place, &arguments).expect_code(0);
        let file = place.path().join(format!("{name}{}.mmd", further.len()));
        fs::write(&file, run.stdout).expect("it works");
        files.push(file);
    }
    let script = root().join("tests/exports/read.mjs");
    let charts = told(Command::new("node").arg(script).arg(packages).args(&files));
    let charts: Value = serde_json::from_str(&charts).expect("it works");
    let shop = read(&place, "shop.json");
    assert_eq!(
        charts[0]["nodes"].as_object().expect("it works").len(),
        shop.nodes.len()
    );
    let drawn = charts[0]["edges"].as_array().expect("it works").len();
    assert!((1..=shop.edges.len()).contains(&drawn));
    let shown =
        |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| clip(name, 32)).collect() };
    let labels = charts[1]["nodes"].as_object().expect("it works").values();
    let labels: BTreeSet<String> = labels
        .map(|label| {
            label
                .as_str()
                .expect("it works")
                .split("<br")
                .next()
                .expect("it works")
                .to_owned()
        })
        .collect();
    assert_eq!(labels, shown(&NAMES));
    let boxes = charts[1]["boxes"].as_array().expect("it works").iter();
    let boxes: BTreeSet<String> = boxes
        .map(|title| title.as_str().expect("it works").to_owned())
        .collect();
    assert_eq!(boxes, shown(&NAMES));
    assert_eq!(
        charts[1]["edges"].as_array().expect("it works").len(),
        NAMES.len() - 1
    );
    assert!(!charts[2]["edges"].as_array().expect("it works").is_empty());
}

const NETWORKX: &str = "
import json, sys, networkx, xml.etree.ElementTree as tree
graph = networkx.read_graphml(sys.argv[1], force_multigraph=True)
nodes = {data['node']: [data['label'], data['entry_calls']] for _, data in graph.nodes(data=True)}
names = networkx.get_node_attributes(graph, 'node')
edges = [[names[a], names[b], data['relation'], data['calls'], data['weight']] for a, b, data in graph.edges(data=True)]
tags = sorted({node.tag.split('}')[-1] for node in tree.parse(sys.argv[1]).getroot().iter()})
print(json.dumps({'directed': graph.is_directed(), 'nodes': nodes, 'edges': sorted(edges), 'tags': tags}))
";

#[test]
fn networkx_reads_the_graphml() {
    let python = python::environment("networkx", &["networkx==3.6.1"], |venv| {
        python::interpreter(venv, "networkx")
    });
    let Some(python) = python::or_skip(&python, "networkx") else {
        return;
    };
    let place = place();
    for name in ["shop", "hostile"] {
        let source = format!("{name}.json");
        let run = graph(&place, &["--graph", &source, "--format", "graphml"]).expect_code(0);
        let file = place.path().join("graph.graphml");
        fs::write(&file, run.stdout).expect("it works");
        let found = told(Command::new(python).args(["-c", NETWORKX]).arg(&file));
        let found: Value = serde_json::from_str(&found).expect("it works");
        let graph = read(&place, &source);
        assert_eq!(found["directed"], true);
        assert_eq!(
            found["tags"],
            json!(["data", "edge", "graph", "graphml", "key", "node"])
        );
        let nodes = found["nodes"].as_object().expect("it works");
        assert_eq!(nodes.len(), graph.nodes.len());
        let calls = found["edges"].as_array().expect("it works");
        assert_eq!(calls.len(), graph.edges.len());
        if name == "shop" {
            for node in &graph.nodes {
                assert_eq!(nodes[&node.id], json!([node.name, node.entry_calls]));
            }
            for edge in &graph.edges {
                let wanted = json!([
                    edge.caller,
                    edge.callee,
                    edge.relation.as_str(),
                    edge.calls,
                    edge.calls
                ]);
                let with_fraction = wanted.to_string().replace("]", ".0]");
                let is_it = |found: &Value| {
                    let found = found.to_string();
                    found == with_fraction
                };
                assert!(calls.iter().any(is_it), "{wanted} in {calls:?}");
            }
        }
    }
}

#[test]
fn filters_narrow_tell_what_they_left_out_and_mark_the_rest() {
    let place = place();
    let json = |arguments: &[&str]| {
        let arguments = [&["--graph", "shop.json", "--format", "json"], arguments].concat();
        let run = graph(&place, &arguments).expect_code(0);
        let snapshot: GraphSnapshot = serde_json::from_str(&run.stdout).expect("it works");
        (snapshot, run.stderr)
    };
    let (whole, told) = json(&[]);
    assert_eq!(told, "");
    let (busy, told) = json(&["--min-calls", "100", "--relation", "sync"]);
    assert!(
        busy.edges
            .iter()
            .all(|edge| edge.calls >= 100 && edge.relation.as_str() == "sync")
    );
    assert!(!busy.edges.is_empty() && busy.edges.len() < whole.edges.len());
    assert_eq!(told.matches("left out ").count(), 2, "{told}");
    let (groups, told) = json(&["--collapse", "namespace"]);
    assert!(
        groups
            .nodes
            .iter()
            .all(|node| node.kind != NodeKind::Service || node.namespace.is_empty())
    );
    assert!(
        told.contains("collapsed ") && told.contains("percentiles do not add up"),
        "{told}"
    );
    let calls = |graph: &GraphSnapshot| graph.edges.iter().map(|edge| edge.calls).sum::<u64>();
    let inside = groups
        .nodes
        .iter()
        .filter_map(|node| node.facets.get("internal_calls"));
    let inside: u64 = inside.flat_map(BTreeMap::values).sum();
    assert_eq!(calls(&groups) + inside, calls(&whole));
    fs::write(
        place.path().join("part.json"),
        serde_json::to_string(&busy).expect("it works"),
    )
    .expect("it works");
    for arguments in [
        &["egress", "--graph", "part.json", "--out", "out"][..],
        &["onboard", "--graph", "part.json"],
        &["graph", "--graph", "part.json", "--relation", "async"],
    ] {
        let run = tracemesh_in(place.path(), arguments, b"");
        run.expect_refusal("a part of a graph is not enough");
    }
}

#[test]
fn arguments_that_do_not_go_together_are_refused_with_a_way_out() {
    let place = place();
    for (arguments, message) in [
        (&["--format", "parquet"][..], "tables need a directory"),
        (
            &["--format", "dot", "--out", "x"],
            "`--out` is for the formats",
        ),
        (
            &["--format", "csv", "--out", "shop.json"],
            "`--out` is a file",
        ),
        (
            &["--namespace", "nowhere"],
            "no node is of the namespace `nowhere`",
        ),
        (&["--collapse", "team"], "no node belongs to one team"),
    ] {
        let arguments = [&["--graph", "shop.json"], arguments].concat();
        graph(&place, &arguments).expect_refusal(message);
    }
    assert!(!place.path().join("x").exists());
    tracemesh(&["graph", "--relation", "sideways"]).expect_code(2);
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::U32 => "u32",
        Kind::U64 => "u64",
        Kind::F64 => "f64",
        Kind::Text => "text",
        Kind::MaybeU32 => "u32?",
        Kind::MaybeU64 => "u64?",
        Kind::MaybeF64 => "f64?",
        Kind::MaybeText => "text?",
    }
}

/// The columns in the document are the program's; `TRACEMESH_BLESS=1` writes them anew.
#[test]
fn the_document_describes_every_column() {
    const MARK: &str = "<!-- columns -->\n";
    let mut described = String::new();
    for spec in specs() {
        described.push_str(&format!("\n### {}\n\n{}\n\n", spec.name, spec.about.trim()));
        described.push_str("| column | type | merge | meaning |\n|---|---|---|---|\n");
        for column in spec.columns {
            let about = column.about.trim().replace('|', "\\|");
            let (kind, merge) = (kind(column.kind), column.merge.as_str());
            described.push_str(&format!(
                "| `{}` | {kind} | {merge} | {about} |\n",
                column.name
            ));
        }
    }
    let path = root().join("docs/graph-formats.md");
    let document = fs::read_to_string(&path).expect("it works");
    let parts: Vec<&str> = document.split(MARK).collect();
    let [before, between, after] = parts.as_slice() else {
        panic!("two marks around the columns");
    };
    if crate::harness::setting("TRACEMESH_BLESS").is_some() {
        let text = [before, MARK, &described, "\n", MARK, after].concat();
        fs::write(&path, text).expect("it works");
        return;
    }
    assert_eq!(
        between.trim(),
        described.trim(),
        "TRACEMESH_BLESS=1 rewrites it"
    );
}
