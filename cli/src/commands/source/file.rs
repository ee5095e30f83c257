//! Snapshot files: read, checked, put in order.
//!
//! A snapshot may come from another version, another tool or an editor. Everything downstream trusts the invariants
//! checked here: known schema, nodes with distinct ids and in order, edges between known nodes and in order.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use serde::Deserialize;
use tracemesh_graph::snapshot::{GraphSnapshot, SCHEMA};

use crate::error::CliError;

/// Largest snapshot file read: several times the largest one that the caps on nodes and edges allow.
const MAX_BYTES: u64 = 1 << 30;

/// The part of any snapshot that tells its version.
#[derive(Deserialize)]
struct Header {
    schema: Option<String>,
}

/// Reads a snapshot file.
pub(in crate::commands) fn read(path: &Path) -> Result<GraphSnapshot, CliError> {
    let unreadable = |error: std::io::Error| {
        CliError::file("cannot read", path, error)
            .hint("`--graph` takes a file written by `tracemesh analyze` or `tracemesh graph --format json`")
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    BufReader::new(file)
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if crate::text::count_of(bytes.len()) > MAX_BYTES {
        let message = format!(
            "`{}` is larger than {} MiB",
            path.display(),
            MAX_BYTES >> 20
        );
        return Err(
            CliError::new(message).hint("no graph of tracemesh is that large: check the path")
        );
    }
    parse(&bytes).map_err(|fault| fault.into_error(path))
}

/// Why bytes are no usable snapshot.
#[derive(Debug)]
enum Fault {
    NoJson(serde_json::Error),
    Schema(Option<String>),
    Shape(serde_json::Error),
    TwiceTheSameNode(String),
    UnknownNode(String),
    TwiceTheSameEdge(String, String),
}

impl Fault {
    fn into_error(self, path: &Path) -> CliError {
        let name = path.display();
        match self {
            Self::NoJson(error) => CliError::new(format!("`{name}` is no JSON")).because(error).hint(
                "for trace files use `--traces`; `--graph` takes the graph.json of `tracemesh analyze`",
            ),
            Self::Schema(Some(schema)) => CliError::new(format!(
                "`{name}` has the schema `{schema}`, not `{SCHEMA}`"
            ))
            .hint("write it again with this version of tracemesh"),
            Self::Schema(None) => CliError::new(format!("`{name}` names no schema, so it is no graph")).hint(
                "for trace files use `--traces`; `--graph` takes the graph.json of `tracemesh analyze`",
            ),
            Self::Shape(error) => CliError::new(format!("`{name}` is no valid `{SCHEMA}`"))
                .because(error)
                .hint("write it again with `tracemesh graph --format json`"),
            Self::TwiceTheSameNode(id) => broken(path, &format!("has the node `{id}` twice")),
            Self::UnknownNode(id) => broken(path, &format!("has an edge with the unknown node `{id}`")),
            Self::TwiceTheSameEdge(caller, callee) => {
                broken(path, &format!("has the edge `{caller}` to `{callee}` twice"))
            }
        }
    }
}

fn broken(path: &Path, fault: &str) -> CliError {
    CliError::new(format!("`{}` {fault}", path.display()))
        .hint("it was edited or put together by hand: write it again from the traces")
}

fn parse(bytes: &[u8]) -> Result<GraphSnapshot, Fault> {
    let header: Header = serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            Fault::Schema(None)
        } else {
            Fault::NoJson(error)
        }
    })?;
    if header.schema.as_deref() != Some(SCHEMA) {
        return Err(Fault::Schema(header.schema));
    }
    let mut snapshot: GraphSnapshot = serde_json::from_slice(bytes).map_err(Fault::Shape)?;
    snapshot.nodes.sort_by(|a, b| a.id.cmp(&b.id));
    snapshot.edges.sort_by(|a, b| {
        (&a.caller, &a.callee, a.relation).cmp(&(&b.caller, &b.callee, b.relation))
    });
    check(&snapshot)?;
    Ok(snapshot)
}

fn check(snapshot: &GraphSnapshot) -> Result<(), Fault> {
    for pair in snapshot.nodes.windows(2) {
        if pair[0].id == pair[1].id {
            return Err(Fault::TwiceTheSameNode(pair[0].id.clone()));
        }
    }
    for edge in &snapshot.edges {
        for end in [&edge.caller, &edge.callee] {
            if snapshot.node(end).is_none() {
                return Err(Fault::UnknownNode(end.clone()));
            }
        }
    }
    for pair in snapshot.edges.windows(2) {
        let key = |index: usize| {
            (
                &pair[index].caller,
                &pair[index].callee,
                pair[index].relation,
            )
        };
        if key(0) == key(1) {
            let edge = &pair[0];
            return Err(Fault::TwiceTheSameEdge(
                edge.caller.clone(),
                edge.callee.clone(),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::{edge, shop};

    fn told(bytes: &[u8]) -> String {
        let fault = parse(bytes).unwrap_err();
        fault.into_error(Path::new("g.json")).lines().join("\n")
    }

    fn bytes(change: impl FnOnce(&mut GraphSnapshot)) -> Vec<u8> {
        let mut shop = shop();
        change(&mut shop);
        serde_json::to_vec(&shop).unwrap()
    }

    #[test]
    fn a_snapshot_survives_its_file_in_any_order() {
        let shuffled = bytes(|shop| {
            shop.nodes.reverse();
            shop.edges.reverse();
        });
        assert_eq!(parse(&shuffled).unwrap(), shop());
    }

    #[test]
    fn other_content_is_refused_with_the_reason() {
        let cases: [(&[u8], &str); 6] = [
            (b"", "is no JSON"),
            (b"\x0a\x02", "is no JSON"),
            (b"[]", "names no schema"),
            (b"{\"resourceSpans\":[]}", "names no schema"),
            (
                b"{\"schema\":\"tracemesh.graph/v9\"}",
                "has the schema `tracemesh.graph/v9`",
            ),
            (b"{\"schema\":\"tracemesh.graph/v1\"}", "missing field"),
        ];
        for (bytes, message) in cases {
            let told = told(bytes);
            assert!(told.contains(message) && told.contains("hint: "), "{told}");
        }
    }

    #[test]
    fn broken_invariants_are_refused_before_anything_trusts_them() {
        let twice = bytes(|shop| shop.nodes.push(shop.nodes[0].clone()));
        assert!(told(&twice).contains("twice"));
        let twice = bytes(|shop| shop.edges.push(shop.edges[0].clone()));
        assert!(told(&twice).contains("twice"));
        let unknown = bytes(|shop| shop.edges.push(edge("service/nobody", "service/mailer", 1)));
        assert!(told(&unknown).contains("unknown node `service/nobody`"));
    }
}
