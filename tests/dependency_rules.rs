//! The architecture as a test: which crate may know which.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::root;

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {complaints}");
    String::from_utf8(output.stdout).expect("cargo speaks UTF-8")
}

/// Names of the crates that a workspace crate asks for itself, without test dependencies.
fn asked_for_by(package: &str) -> BTreeSet<String> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo writes JSON");
    let packages = metadata["packages"]
        .as_array()
        .expect("metadata lists packages");
    let found = packages.iter().find(|found| found["name"] == package);
    let dependencies = found.expect("a workspace member")["dependencies"].as_array();
    dependencies
        .expect("a package lists dependencies")
        .iter()
        .filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| {
            dependency["name"]
                .as_str()
                .expect("a dependency has a name")
                .to_owned()
        })
        .collect()
}

/// Names of all crates that end up in a workspace crate.
fn closure_of(package: &str) -> BTreeSet<String> {
    let tree = cargo(&[
        "tree",
        "--package",
        package,
        "--edges",
        "normal",
        "--prefix",
        "none",
    ]);
    tree.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn workspace_arrows_point_from_cli_to_collector_to_graph() {
    let ours = |package: &str| -> Vec<String> {
        let all = asked_for_by(package).into_iter();
        all.filter(|name| name.starts_with("tracemesh")).collect()
    };
    assert_eq!(
        ours("tracemesh"),
        ["tracemesh-collector", "tracemesh-graph"]
    );
    assert_eq!(ours("tracemesh-collector"), ["tracemesh-graph"]);
    assert_eq!(ours("tracemesh-graph"), [""; 0]);
    assert_eq!(ours("tracemesh-generator"), [""; 0]);
}

/// What makes up companies must not share code with what judges them, and nothing that is shipped may hold it.
#[test]
fn the_generator_depends_on_nothing_and_nothing_shipped_depends_on_it() {
    assert_eq!(asked_for_by("tracemesh-generator"), BTreeSet::new());
    let name = "tracemesh-generator";
    assert!(!closure_of("tracemesh").contains(name), "{name} is shipped");
}

#[test]
fn the_graph_crate_knows_no_network_no_wire_format_and_no_terminal() {
    let banned = [
        "anyhow",
        "axum",
        "clap",
        "flate2",
        "hyper",
        "mio",
        "opentelemetry",
        "opentelemetry-proto",
        "polars",
        "prost",
        "rand",
        "reqwest",
        "tempfile",
        "tokio",
        "tonic",
        "tracing",
        "zstd",
    ];
    let closure = closure_of("tracemesh-graph");
    assert!(
        closure.contains("petgraph"),
        "the tree was read: {closure:?}"
    );
    for name in banned {
        assert!(
            !closure.contains(name),
            "tracemesh-graph must not depend on {name}"
        );
    }
}

#[test]
fn the_collector_knows_no_terminal() {
    let asked_for = asked_for_by("tracemesh-collector");
    for name in ["anyhow", "clap", "tracing-subscriber"] {
        assert!(
            !asked_for.contains(name),
            "tracemesh-collector must not depend on {name}"
        );
    }
}

/// A pure crate takes time, settings and bytes as arguments. Addresses (`std::net::IpAddr`) are values like others.
#[test]
fn the_graph_crate_touches_no_file_network_environment_or_clock() {
    let banned = [
        "std::fs",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "UnixStream",
        "ToSocketAddrs",
        "std::env",
        "std::process",
        "std::io",
        "std::thread",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
    ];
    let sources = rust_files(&root().join("graph/src"));
    assert!(sources.len() > 5, "the sources were found");
    let mut faults = Vec::new();
    for path in sources {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            for name in banned.iter().filter(|name| code.contains(**name)) {
                faults.push(format!("{}:{}: {name}", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Hard limit of the house style: 500 lines of a file without its tests.
#[test]
fn source_files_stay_readable() {
    let mut faults = Vec::new();
    for crate_name in ["graph", "collector", "cli", "generator", "bench"] {
        for path in rust_files(&root().join(crate_name).join("src")) {
            if path.ends_with("tests.rs")
                || path.components().any(|part| part.as_os_str() == "tests")
            {
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            let lines = source
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .map_or(0, |code| code.lines().count());
            if lines > 500 {
                faults.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let files = crate::harness::files_under(directory).into_iter();
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| directory.join(path))
        .collect()
}
