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
pub(in crate::render) fn component(name: &str, when_empty: &str) -> String {
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
    /// Whether the host is this cluster's own, and not shared or shown for want of one.
    pub owns_host: bool,
}

/// Names for the clusters of one service: `[A-Za-z0-9_-]`, at most 63 bytes, all different. Envoy takes `.` and `:` in
/// a cluster name for the borders of statistics names.
///
/// A name depends on its own subject alone, so that a new destination renames no metrics of another: dots become `_`,
/// and whatever else would lose something gets a hash. Only where two destinations own the same host and port do all
/// but the first in order get one too.
///
/// A plain name ends in `_` and a port, a hashed one in `_` and 16 digits: neither can be taken for the other, nor for
/// `passthrough`, `passthrough_http`, `inbound_passthrough` or `blackhole`.
pub(super) fn cluster_names(subjects: &[ClusterSubject]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    subjects
        .iter()
        .map(|subject| {
            let plain = plain_cluster_name(subject);
            let exact = subject.owns_host && is_exact(&subject.host);
            let fits = plain.len() <= CLUSTER_NAME_BYTES && !plain.starts_with("inbound_");
            if exact && fits && taken.insert(plain.clone()) {
                plain
            } else {
                hashed_cluster_name(subject, &plain)
            }
        })
        .collect()
}

/// Whether [`plain_cluster_name`] gives no other host the same name.
fn is_exact(host: &str) -> bool {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    host.bytes().all(kept)
}

fn plain_cluster_name(subject: &ClusterSubject) -> String {
    let host: String = subject
        .host
        .chars()
        .map(|character| match character {
            kept @ ('a'..='z' | 'A'..='Z' | '0'..='9' | '-') => kept,
            _ => '_',
        })
        .collect();
    format!("{host}_{}", subject.port)
}

fn hashed_cluster_name(subject: &ClusterSubject, plain: &str) -> String {
    let stem: String = plain.chars().take(40).collect();
    let key = format!("{}\0{}\0{}", subject.node, subject.host, subject.port);
    format!("{stem}_{}", short_hash(&key))
}

/// 64 bits of SHA-256, in hexadecimal.
fn short_hash(text: &str) -> String {
    hexadecimal(&Sha256::digest(text)[..8])
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(node: &str, host: &str) -> ClusterSubject {
        ClusterSubject {
            node: node.to_owned(),
            host: host.to_owned(),
            port: 8080,
            owns_host: true,
        }
    }

    #[test]
    fn plain_names_stay_and_others_are_reduced_with_a_hash() {
        assert_eq!(component("cart-v2.a_b", "x"), "cart-v2.a_b");
        assert_eq!(component("", "default"), "default");
        for name in [
            "Cart", "..", ".a", "a.", "-a", "a/b", "a\\b", "a\0b", "a\nb", "\u{2028}", "a~b", "~",
        ] {
            let escaped = component(name, "x");
            assert!(crate::output_dir::is_safe_component(&escaped), "{escaped}");
            assert!(escaped.contains('~') && escaped != name, "{escaped}");
        }
        let long = component(&"a".repeat(5000), "x");
        assert_eq!(long.len(), 40 + 1 + 16);
    }

    #[test]
    fn names_equal_but_for_case_or_escapes_stay_different() {
        let names = ["cart", "Cart", "CART", "cart ", "cart\n", "cart/", "cart~0"];
        let escaped: BTreeSet<String> = names
            .iter()
            .map(|name| component(name, "x").to_lowercase())
            .collect();
        assert_eq!(escaped.len(), names.len());
    }

    #[test]
    fn cluster_names_are_readable_short_and_different() {
        let names = cluster_names(&[
            subject("1", "cart.shop.svc.cluster.local"),
            subject("2", "a-b"),
            subject("3", "a_b"),
            subject("4", "inbound"),
            subject("5", &"x".repeat(200)),
        ]);
        assert_eq!(names[0], "cart_shop_svc_cluster_local_8080");
        assert_eq!(names[1], "a-b_8080");
        let all: BTreeSet<&String> = names.iter().collect();
        assert_eq!(all.len(), names.len());
        for name in &names {
            assert!(name.len() <= CLUSTER_NAME_BYTES, "{name}");
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)),
                "{name}"
            );
        }
        assert!(names[3].starts_with("inbound_8080_"), "{}", names[3]);
    }

    #[test]
    fn a_new_destination_renames_no_other() {
        let hosts = [
            "cart.shop",
            "cart_shop",
            "cart-shop",
            "shop.svc.a",
            "shop.svc.b",
        ];
        let all: Vec<ClusterSubject> = hosts.iter().map(|host| subject(host, host)).collect();
        let together = cluster_names(&all);
        for (one, name) in all.iter().zip(&together) {
            assert_eq!(&cluster_names(std::slice::from_ref(one))[0], name);
        }
    }
}
