//! Calls that take the wrong way, or hide where they end: around the cluster, to an address that several services share,
//! to a literal address, to oneself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::model::{Cases, Counted, Dialled, Finding, Hairpin, IpEdge, Severity, SharedHost, Top};
use super::select::{Draft, all_calls, calls, highest, sum};
use crate::egress::{KnownName, KnownNames};
use crate::snapshot::{Edge, GraphSnapshot, Node, NodeKind, Relation, Target};

/// Calls that leave the cluster and come back in. That they do was found out where caller and callee were known by cluster;
/// here the names are told: the public ones dialled, and those to use instead.
pub(super) fn hairpin(snapshot: &GraphSnapshot) -> Option<Finding> {
    let leaving = |edge: &Edge| edge.flags.get("hairpin").copied().unwrap_or(0);
    let cases: Vec<&Edge> = calls(snapshot).filter(|edge| leaving(edge) > 0).collect();
    let draft = Draft {
        severity: Severity::Low,
        part: sum(cases.iter().map(|edge| leaving(edge))),
        whole: all_calls(snapshot),
        cases,
    };
    if draft.cases.is_empty() {
        return None;
    }
    let names = KnownNames::new(snapshot);
    let is_public = |edge: &Edge, target: &&Target| {
        ip(target).is_none() && target.port.is_some() && !names.dials_inside(edge, &target.host)
    };
    let case = |edge: &Edge| Hairpin {
        caller: edge.caller.clone(),
        callee: edge.callee.clone(),
        calls: leaving(edge),
        of: edge.calls,
        public: dialled(edge.targets.iter().filter(|target| is_public(edge, target))),
        inside: known(names.inside(edge)),
    };
    draft.finish(|edge| leaving(edge), case, Cases::Hairpin)
}

/// One address, several services behind it.
pub(super) fn shared_host(snapshot: &GraphSnapshot) -> Option<Finding> {
    let hosts = snapshot.nodes.iter();
    let hosts = hosts.filter(|node| node.kind == NodeKind::SharedHost);
    let mut into: BTreeMap<&str, Vec<&Edge>> =
        hosts.map(|node| (node.id.as_str(), Vec::new())).collect();
    if into.is_empty() {
        return None;
    }
    for edge in calls(snapshot) {
        if let Some(edges) = into.get_mut(edge.callee.as_str()) {
            edges.push(edge);
        }
    }
    into.retain(|_, edges| !edges.is_empty());
    let lost = |edges: &[&Edge]| sum(edges.iter().map(|edge| edge.calls));
    let draft = Draft {
        severity: Severity::Low,
        part: sum(into.values().map(|edges| lost(edges))),
        whole: all_calls(snapshot),
        cases: into.into_iter().collect(),
    };
    let answers = Answers::new(snapshot);
    let case = |(host, edges): (&str, Vec<&Edge>)| {
        let behind = answers.at(snapshot.node(host));
        SharedHost {
            host: host.to_owned(),
            calls: lost(&edges),
            answered: sum(behind.values().copied()),
            callers: highest(edges.iter().map(|edge| (edge.caller.as_str(), edge.calls))),
            behind: highest(behind),
        }
    };
    draft.finish(|(_, edges)| lost(edges), case, Cases::SharedHost)
}

/// Calls that services answered, by what was dialled: `host:port`, every form of a Kubernetes name as `name.namespace`, as nodes
/// are named.
struct Answers<'a> {
    /// (environment of the caller, address) -> callee -> calls.
    by_address: BTreeMap<(&'a str, String), BTreeMap<&'a str, u64>>,
}

impl<'a> Answers<'a> {
    fn new(snapshot: &'a GraphSnapshot) -> Self {
        let mut by_address: BTreeMap<(&str, String), BTreeMap<&str, u64>> = BTreeMap::new();
        for edge in calls(snapshot) {
            let ends = (snapshot.node(&edge.caller), snapshot.node(&edge.callee));
            let (Some(caller), Some(callee)) = ends else {
                continue;
            };
            if callee.kind != NodeKind::Service {
                continue;
            }
            for target in &edge.targets {
                let key = (caller.environment.as_str(), place(target));
                let known = by_address.entry(key).or_default();
                let calls = known.entry(callee.id.as_str()).or_default();
                *calls = calls.saturating_add(target.calls);
            }
        }
        Self { by_address }
    }

    /// Who answered at a shared host. One without environment is shared by all.
    fn at(&self, host: Option<&Node>) -> BTreeMap<&'a str, u64> {
        let mut found: BTreeMap<&str, u64> = BTreeMap::new();
        let Some((host, address)) = host.and_then(|node| Some((node, node.address.as_deref()?)))
        else {
            return found;
        };
        let everywhere = host.environment.is_empty();
        for ((environment, place), callees) in &self.by_address {
            if place == address && (everywhere || *environment == host.environment) {
                for (callee, calls) in callees {
                    let known = found.entry(callee).or_default();
                    *known = known.saturating_add(*calls);
                }
            }
        }
        found
    }
}

/// A dialled address as the name of a node has it.
fn place(target: &Target) -> String {
    let labels: Vec<&str> = target.host.split('.').collect();
    let host = match labels.as_slice() {
        [name, namespace, "svc"] | [name, namespace, "svc", "cluster", "local"] => {
            format!("{name}.{namespace}")
        }
        _ if target.host.contains(':') => format!("[{}]", target.host),
        _ => target.host.clone(),
    };
    target
        .port
        .map_or(host.clone(), |port| format!("{host}:{port}"))
}

/// Calls to literal addresses. Metadata endpoints have no other name.
pub(super) fn calls_by_ip(snapshot: &GraphSnapshot) -> Option<Finding> {
    let is_metadata = |edge: &&Edge| {
        let callee = snapshot.node(&edge.callee);
        callee.is_some_and(|node| node.kind == NodeKind::Metadata)
    };
    // One call may try several addresses.
    let count = |edge: &Edge| sum(by_ip(edge).map(|target| target.calls)).min(edge.calls);
    let edges = calls(snapshot).filter(|edge| !is_metadata(edge) && count(edge) > 0);
    let cases: Vec<&Edge> = edges.collect();
    let draft = Draft {
        severity: Severity::Low,
        part: sum(cases.iter().map(|edge| count(edge))),
        whole: all_calls(snapshot),
        cases,
    };
    if draft.cases.is_empty() {
        return None;
    }
    let names = KnownNames::new(snapshot);
    let case = |edge: &Edge| IpEdge {
        caller: edge.caller.clone(),
        callee: edge.callee.clone(),
        calls: count(edge),
        of: edge.calls,
        addresses: dialled(by_ip(edge)),
        names: known(names.of(edge)),
    };
    draft.finish(|edge| count(edge), case, Cases::CallsByIp)
}

/// Calls of a service to itself: through its own sidecar, and in a circle of one.
pub(super) fn self_calls(snapshot: &GraphSnapshot) -> Option<Finding> {
    let edges = snapshot.edges.iter();
    let own = edges.filter(|edge| {
        edge.relation == Relation::Sync && edge.caller == edge.callee && edge.calls > 0
    });
    let cases: Vec<Counted> = own
        .map(|edge| Counted {
            name: edge.caller.clone(),
            count: edge.calls,
        })
        .collect();
    let draft = Draft {
        severity: Severity::Info,
        part: sum(cases.iter().map(|service| service.count)),
        whole: all_calls(snapshot),
        cases,
    };
    draft.finish(|service| service.count, |service| service, Cases::SelfCalls)
}

fn by_ip(edge: &Edge) -> impl Iterator<Item = &Target> {
    edge.targets.iter().filter(|target| ip(target).is_some())
}

fn ip(target: &Target) -> Option<IpAddr> {
    target.host.parse().ok()
}

/// Addresses, those with most calls first.
fn dialled<'a>(targets: impl Iterator<Item = &'a Target>) -> Top<Dialled> {
    let mut by_address: BTreeMap<(&str, Option<u16>), u64> = BTreeMap::new();
    for target in targets {
        let known = by_address.entry((&target.host, target.port)).or_default();
        *known = known.saturating_add(target.calls);
    }
    let mut list: Vec<Dialled> = by_address
        .into_iter()
        .map(|((host, port), calls)| Dialled {
            host: host.to_owned(),
            port,
            calls,
        })
        .collect();
    list.sort_by_key(|address| std::cmp::Reverse(address.calls));
    Top::first(list)
}

fn known(names: BTreeSet<KnownName>) -> Top<KnownName> {
    Top::first(names.into_iter().collect())
}
