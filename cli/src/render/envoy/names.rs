//! Names from spans -> directory and cluster names.
//!
//! A plain name stays readable; any other is reduced to safe characters and carries a part of its SHA-256, so that
//! different names stay different, also on file systems that ignore case. `~` never occurs in a plain name, so a name
//! cannot imitate an escaped one.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use tracemesh_graph::egress::ServiceEgress;

/// Longest cluster name: some metric systems cut labels there.
const CLUSTER_NAME_BYTES: usize = 63;

/// Names of clusters that every sidecar has.
const FIXED_CLUSTERS: [&str; 3] = ["blackhole", "passthrough", "passthrough_http"];

/// `services/<environment>/<namespace>/<service>` for every service, in the order given; all different.
pub(super) fn service_directories(services: &[ServiceEgress]) -> Vec<String> {
    let plain: Vec<String> = services.iter().map(directory).collect();
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for path in &plain {
        *uses.entry(path).or_default() += 1;
    }
    plain
        .iter()
        .zip(services)
        .map(|(path, service)| {
            if uses[path.as_str()] == 1 {
                path.clone()
            } else {
                format!("{path}~{}", short_hash(&service.id))
            }
        })
        .collect()
}

fn directory(service: &ServiceEgress) -> String {
    format!(
        "services/{}/{}/{}",
        component(&service.environment, "default"),
        component(&service.namespace, "default"),
        component(&service.name, "unnamed")
    )
}

/// One path component: plain when it can be, else a readable stem and a hash.
fn component(name: &str, when_empty: &str) -> String {
    if name.is_empty() {
        return when_empty.to_owned();
    }
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
    };
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    let is_plain = bytes.len() <= 64
        && bytes.iter().copied().all(plain)
        && edge(bytes.first())
        && edge(bytes.last());
    if is_plain {
        return name.to_owned();
    }
    let stem: String = name
        .chars()
        .take(40)
        .map(|character| match character.to_ascii_lowercase() {
            kept @ ('a'..='z' | '0'..='9' | '.' | '_') => kept,
            _ => '-',
        })
        .collect();
    let stem = stem.trim_matches(|edge: char| !edge.is_ascii_alphanumeric());
    let stem = if stem.is_empty() { "x" } else { stem };
    format!("{stem}~{}", short_hash(name))
}

/// What a cluster is named after.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClusterSubject {
    /// Node id of the destination.
    pub node: String,
    /// Host that the name shall show.
    pub host: String,
    /// Port that the name shall show.
    pub port: u16,
}

/// Names for the clusters of one service: `[A-Za-z0-9_]`, at most 63 bytes, all different. Envoy takes `.` and `:` in
/// a cluster name for the borders of statistics names.
pub(super) fn cluster_names(subjects: &[ClusterSubject]) -> Vec<String> {
    let plain: Vec<String> = subjects.iter().map(plain_cluster_name).collect();
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for name in &plain {
        *uses.entry(name).or_default() += 1;
    }
    let mut taken: BTreeSet<String> = FIXED_CLUSTERS.iter().map(|&name| name.to_owned()).collect();
    subjects
        .iter()
        .zip(&plain)
        .map(|(subject, name)| {
            let reserved = name.starts_with("inbound_") || taken.contains(name);
            let fits = name.len() <= CLUSTER_NAME_BYTES && uses[name.as_str()] == 1;
            let name = if fits && !reserved {
                name.clone()
            } else {
                hashed_cluster_name(subject, &taken)
            };
            taken.insert(name.clone());
            name
        })
        .collect()
}

fn plain_cluster_name(subject: &ClusterSubject) -> String {
    let host = subject
        .host
        .split_once(".svc.")
        .map_or(subject.host.as_str(), |(service, _)| service);
    let host: String = host
        .chars()
        .map(|character| match character {
            kept @ ('a'..='z' | 'A'..='Z' | '0'..='9') => kept,
            _ => '_',
        })
        .collect();
    format!("{host}_{}", subject.port)
}

fn hashed_cluster_name(subject: &ClusterSubject, taken: &BTreeSet<String>) -> String {
    let stem: String = plain_cluster_name(subject).chars().take(40).collect();
    let key = format!("{}\0{}\0{}", subject.node, subject.host, subject.port);
    let mut name = format!("{stem}_{}", short_hash(&key));
    // Only a name made to imitate a hash gets here.
    for round in 0_u32.. {
        if !taken.contains(&name) {
            break;
        }
        name = format!("{stem}_{}", short_hash(&format!("{key}\0{round}")));
    }
    name
}

/// 64 bits of SHA-256, in hexadecimal.
fn short_hash(text: &str) -> String {
    hexadecimal(&Sha256::digest(text)[..8])
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
