//! The ports that a service answers on, from its own server spans.
//!
//! Spans name the port that the outermost caller dialled; behind a load balancer that is not the port of the process.
//! A port that nobody reaches does no harm, a port parsed as the wrong protocol would.

use std::collections::BTreeMap;

use super::EgressOptions;
use super::model::{InboundPort, TargetProtocol};
use super::protocol;
use crate::snapshot::Node;

pub(super) fn inbound_ports(node: &Node, options: &EgressOptions) -> Vec<InboundPort> {
    let mut ports: BTreeMap<u16, TargetProtocol> = BTreeMap::new();
    for target in &node.served {
        let Some(port) = target.port.filter(|port| *port != 0) else {
            continue;
        };
        if options.reserved_ports.contains(&port) {
            continue;
        }
        // Unknown is treated as opaque: parsing a port that may carry something else would break it.
        let protocol = protocol::classify(&target.scheme, port, &BTreeMap::new())
            .unwrap_or(TargetProtocol::Tcp);
        ports
            .entry(port)
            .and_modify(|known| *known = protocol::combine_inbound(*known, protocol))
            .or_insert(protocol);
    }
    ports
        .into_iter()
        .map(|(port, protocol)| InboundPort { port, protocol })
        .collect()
}
