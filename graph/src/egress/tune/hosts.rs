//! How many addresses a sidecar would choose from: what balancing and ejection can act on.
//!
//! An inventory tells best. Without one, the sockets behind a dialled name tell: many for a headless service, one for a virtual
//! address. Where nothing tells, the number is unknown, and what depends on it is withheld.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::super::model::{Destination, EgressTarget, TargetMatch};
use crate::inventory::Addressing;
use crate::snapshot::{Edge, Node};

/// The addresses of a destination.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Hosts {
    /// Several, as far as is known; the fewest of any name of the destination.
    Many {
        /// How many.
        count: u64,
        /// Hosts by zone, where the zone of nearly all is known.
        zones: Option<BTreeMap<String, u64>>,
    },
    /// One, whatever stands behind it, and why.
    One(&'static str),
    /// Nothing tells.
    Unknown,
}

const NO_BALANCING: &str = "connections keep the address that was dialled";
const LITERAL: &str = "an IP address is dialled: one address";
const VIRTUAL: &str = "a virtual address: one address, whatever stands behind it; a headless name would have all of them";
const ALIAS: &str = "a name for another name: one address at a time";
const OUTSIDE: &str = "a name outside Kubernetes: one address at a time";
const SEEN_ONE: &str = "one address was seen behind the name: a virtual one, or a single instance; a headless name would have all of them";

/// The addresses of a destination with these alive instances of the callee; `edge` has the sockets that were seen.
pub(super) fn hosts_of(
    destination: &Destination,
    edge: &Edge,
    callee_instances: Option<u64>,
) -> Hosts {
    let targets = destination.targets.iter();
    let each = targets.map(|target| of_target(target, edge, callee_instances));
    each.reduce(fewest).unwrap_or(Hosts::Unknown)
}

/// One address wins over unknown, and unknown over many: settings hold for all names of a destination.
fn fewest(a: Hosts, b: Hosts) -> Hosts {
    match (a, b) {
        (Hosts::One(why), _) | (_, Hosts::One(why)) => Hosts::One(why),
        (Hosts::Unknown, _) | (_, Hosts::Unknown) => Hosts::Unknown,
        (Hosts::Many { count: a, zones }, Hosts::Many { count: b, .. }) if a <= b => {
            Hosts::Many { count: a, zones }
        }
        (_, many) => many,
    }
}

fn of_target(target: &EgressTarget, edge: &Edge, callee_instances: Option<u64>) -> Hosts {
    if matches!(
        target.matches,
        TargetMatch::Addresses(_) | TargetMatch::WholePort
    ) {
        return Hosts::One(NO_BALANCING);
    }
    if target.dns.is_none() || target.host.parse::<IpAddr>().is_ok() {
        return Hosts::One(LITERAL);
    }
    if !target.kubernetes {
        return Hosts::One(OUTSIDE);
    }
    match target.addressing {
        Some(Addressing::VirtualIp) => Hosts::One(VIRTUAL),
        Some(Addressing::ExternalName) => Hosts::One(ALIAS),
        Some(Addressing::Headless) if !target.endpoints.is_empty() => endpoints(target),
        Some(Addressing::Headless) => match sockets(target, edge).len() as u64 {
            0 | 1 => Hosts::Unknown,
            seen => many(alive(seen, callee_instances)),
        },
        None => match sockets(target, edge).len() as u64 {
            0 => Hosts::Unknown,
            1 => Hosts::One(SEEN_ONE),
            seen => many(alive(seen, callee_instances)),
        },
    }
}

const fn many(count: u64) -> Hosts {
    Hosts::Many { count, zones: None }
}

/// Addresses change with every deploy; not more of them serve at once than there are instances.
fn alive(seen: u64, callee_instances: Option<u64>) -> u64 {
    callee_instances.map_or(seen, |alive| seen.min(alive.max(1)))
}

fn endpoints(target: &EgressTarget) -> Hosts {
    /// Share of hosts whose zone must be known.
    const KNOWN_PERCENT: u64 = 95;
    let distinct: BTreeSet<_> = target.endpoints.iter().collect();
    let count = distinct.len() as u64;
    let mut zones: BTreeMap<String, u64> = BTreeMap::new();
    for zone in distinct.iter().filter_map(|endpoint| endpoint.zone.clone()) {
        *zones.entry(zone).or_default() += 1;
    }
    let known: u64 = zones.values().sum();
    let zones = (known * 100 >= count * KNOWN_PERCENT).then_some(zones);
    Hosts::Many { count, zones }
}

/// IP addresses behind the name that took at least one call in a hundred: a rare one is a relic.
fn sockets(target: &EgressTarget, edge: &Edge) -> BTreeSet<IpAddr> {
    let mut calls: BTreeMap<IpAddr, u64> = BTreeMap::new();
    let dialled = edge.targets.iter().filter(|dialled| {
        dialled.port == Some(target.port) && dialled.host.eq_ignore_ascii_case(&target.host)
    });
    for (socket, count) in dialled.flat_map(|dialled| &dialled.sockets) {
        if let Some(address) = address_of(socket) {
            let sum = calls.entry(address).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
    let all = calls.values().fold(0, |sum: u64, n| sum.saturating_add(*n));
    let frequent = calls.iter().filter(|(_, count)| **count > all / 100);
    frequent.map(|(address, _)| *address).collect()
}

/// `ip`, `ip:port` or `[ip]:port`.
fn address_of(socket: &str) -> Option<IpAddr> {
    let bare = |text: &str| text.parse().ok();
    bare(socket)
        .or_else(|| {
            socket
                .parse()
                .ok()
                .map(|whole: std::net::SocketAddr| whole.ip())
        })
        .or_else(|| bare(socket.strip_prefix('[')?.strip_suffix(']')?))
}

/// Share of each zone among the spans of a node, when nearly all of them name one.
pub(super) fn client_zones(node: &Node, spans: u64) -> Option<BTreeMap<&str, u64>> {
    const KNOWN_PERCENT: u128 = 95;
    let zones = node.facets.get("zone")?;
    let known: u128 = zones.values().map(|count| u128::from(*count)).sum();
    let all = u128::from(spans).max(known);
    let is_known = known > 0 && known * 100 >= all * KNOWN_PERCENT && !zones.contains_key("other");
    is_known.then(|| {
        zones
            .iter()
            .map(|(zone, count)| (zone.as_str(), *count))
            .collect()
    })
}
