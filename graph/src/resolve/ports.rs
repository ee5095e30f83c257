//! Ports of hosts that some spans dial with a port and others without (B37).
//!
//! A span without port and scheme takes those of its host when everyone who gives a port for the host gives the same one.
//! Several ports are several targets, and then nothing is filled in. Brokers are left to
//! [`brokers`](super::brokers). Fails when a host has a second port that is only ever dialled without saying so.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::identity::NodeKey;
use crate::peer::{Category, Peer, is_loopback};
use crate::segment::{Caller, Segment};

/// The only port and scheme of each host, by the caller's environment; `None` for several.
#[derive(Debug, Default)]
pub(super) struct Ports<'a> {
    by_host: HashMap<(&'a str, &'a str), Option<(u16, &'a str)>>,
}

impl<'a> Ports<'a> {
    pub(super) fn learn(segment: &'a Segment) -> Self {
        let mut ports = Self::default();
        for key in segment.edges.keys() {
            let (Caller::Node(caller), Some(address)) = (&key.caller, &key.peer.address) else {
                continue;
            };
            let Some(port) = address.port else {
                continue;
            };
            let host = (caller.environment.as_str(), address.host.as_str());
            let scheme = key.peer.scheme.as_str();
            let known = ports.by_host.entry(host).or_insert(Some((port, scheme)));
            match known {
                Some((other, _)) if *other != port => *known = None,
                // One port in two schemes: the smaller name, whatever the order.
                Some((_, other)) if other.is_empty() || (!scheme.is_empty() && scheme < *other) => {
                    *other = scheme;
                }
                _ => {}
            }
        }
        ports
    }

    /// The peer with its port, if only the host was given and the port is certain.
    pub(super) fn complete<'p>(&self, caller: &NodeKey, peer: &'p Peer) -> Cow<'p, Peer> {
        let is_open =
            |host: &str| !is_loopback(host) && !matches!(peer.category, Category::Messaging { .. });
        let Some(address) = &peer.address else {
            return Cow::Borrowed(peer);
        };
        if address.port.is_some() || !is_open(&address.host) {
            return Cow::Borrowed(peer);
        }
        let host = (caller.environment.as_str(), address.host.as_str());
        let Some(Some((port, scheme))) = self.by_host.get(&host) else {
            return Cow::Borrowed(peer);
        };
        let mut completed = peer.clone();
        if let Some(address) = &mut completed.address {
            address.port = Some(*port);
        }
        if completed.scheme.is_empty() {
            completed.scheme = (*scheme).to_owned();
        }
        Cow::Owned(completed)
    }
}
