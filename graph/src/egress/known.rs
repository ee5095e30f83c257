//! Names of a callee that were seen somewhere, in words that one caller can use: what to dial instead of a public name or
//! an address.
//!
//! It refuses to build a name from parts: every one was dialled, or reported by the callee itself, as it stands or completed
//! with the only cluster domain that was seen. Failure mode: a name that another caller dials may go through something (a
//! gateway, a network policy) that this caller must not use.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::EgressOptions;
use super::host::Host;
use super::model::AddressSource;
use super::names::KubeNames;
use crate::resolve::is_public_name;
use crate::snapshot::{Edge, GraphSnapshot, Node, NodeKind, Relation, Target};

/// A name of a callee.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KnownName {
    /// Scheme that it was dialled with, empty when unknown.
    pub scheme: String,
    /// DNS name.
    pub host: String,
    /// Port.
    pub port: Option<u16>,
    /// Where it was seen; never `unresolved`.
    pub source: AddressSource,
}

/// The snapshot, indexed for the search.
pub(crate) struct KnownNames<'a> {
    names: KubeNames,
    nodes: BTreeMap<&'a str, &'a Node>,
    dials: BTreeMap<&'a str, Vec<&'a Edge>>,
}

impl<'a> KnownNames<'a> {
    pub(crate) fn new(snapshot: &'a GraphSnapshot) -> Self {
        let mut dials: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
        for edge in &snapshot.edges {
            if edge.relation == Relation::Sync && !edge.is_never_answered() {
                dials.entry(&edge.callee).or_default().push(edge);
            }
        }
        let nodes = snapshot.nodes.iter();
        Self {
            names: KubeNames::from_snapshot(snapshot, &EgressOptions::default()),
            nodes: nodes.map(|node| (node.id.as_str(), node)).collect(),
            dials,
        }
    }

    /// Names under which the caller of an edge can dial its callee, from the best source that has any: the caller's other
    /// calls, other callers, the callee's own spans. Literal addresses are none.
    pub(crate) fn of(&self, edge: &Edge) -> BTreeSet<KnownName> {
        self.search(edge, |_| true)
    }

    /// The same, without names that lead outside first.
    pub(crate) fn inside(&self, edge: &Edge) -> BTreeSet<KnownName> {
        let namespace = self.namespace(&edge.callee);
        self.search(edge, |host| {
            self.is_inside(host, namespace.as_deref(), &edge.callee)
        })
    }

    /// Whether a name that a caller dials for a callee is of no use outside: one of Kubernetes, or of a private zone.
    pub(crate) fn dials_inside(&self, edge: &Edge, host: &str) -> bool {
        self.is_inside(host, self.namespace(&edge.caller).as_deref(), &edge.callee)
    }

    fn is_inside(&self, host: &str, namespace: Option<&str>, callee: &str) -> bool {
        let resolved = self.names.resolve(host, namespace, self.is_service(callee));
        resolved.kubernetes || !is_public_name(host)
    }

    fn search(&self, edge: &Edge, accept: impl Fn(&str) -> bool) -> BTreeSet<KnownName> {
        let same_callee = self.dials.get(edge.callee.as_str()).into_iter().flatten();
        let (own, others): (Vec<&Edge>, Vec<&Edge>) =
            same_callee.partition(|other| other.caller == edge.caller);
        let callee = self.nodes.get(edge.callee.as_str());
        let served = callee.map_or(&[][..], |callee| callee.served.as_slice());
        let dialled = |edges: Vec<&'a Edge>| {
            let targets = |edge: &'a Edge| (edge.caller.as_str(), edge.targets.as_slice());
            edges.into_iter().map(targets).collect::<Vec<_>>()
        };
        let sources = [
            (AddressSource::DialledByCaller, dialled(own)),
            (AddressSource::DialledByOthers, dialled(others)),
            (
                AddressSource::ServedByCallee,
                vec![(edge.callee.as_str(), served)],
            ),
        ];
        let namespace = self.namespace(&edge.caller);
        let names = sources.into_iter().map(|(source, seen)| {
            let each = seen.into_iter().flat_map(|(by, targets)| {
                let by = self.namespace(by);
                let read = |target| self.read(target, by.as_deref(), namespace.as_deref(), edge);
                targets.iter().filter_map(read).collect::<Vec<_>>()
            });
            let accepted = each.filter(|(_, host)| accept(host));
            let name = |(target, host): (&Target, String)| KnownName {
                scheme: target.scheme.clone(),
                host,
                port: target.port,
                source,
            };
            accepted.map(name).collect::<BTreeSet<KnownName>>()
        });
        names
            .into_iter()
            .find(|names| !names.is_empty())
            .unwrap_or_default()
    }

    /// A name seen in one namespace, as it can be dialled from another: there a short one means something else.
    fn read<'t>(
        &self,
        target: &'t Target,
        seen_in: Option<&str>,
        wanted_in: Option<&str>,
        edge: &Edge,
    ) -> Option<(&'t Target, String)> {
        let Ok(Host::Name(host)) = Host::parse(&target.host, false) else {
            return None;
        };
        target.port.filter(|port| *port != 0)?;
        let resolved = self
            .names
            .resolve(&host, seen_in, self.is_service(&edge.callee));
        if resolved.absolute && !resolved.assumed {
            return Some((target, resolved.dns));
        }
        (host.contains('.') || seen_in == wanted_in).then_some((target, host))
    }

    fn is_service(&self, id: &str) -> bool {
        let node = self.nodes.get(id);
        node.is_some_and(|node| node.kind == NodeKind::Service)
    }

    fn namespace(&self, id: &str) -> Option<String> {
        let node = self.nodes.get(id)?;
        self.names.namespace_of(node)
    }
}
