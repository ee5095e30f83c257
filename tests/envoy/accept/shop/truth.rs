//! The ground truth of the recording, moved to addresses of this process.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::STRANGER;
use crate::envoy::reach;

#[derive(Deserialize)]
pub(super) struct Truth {
    pub services: Vec<TrueService>,
    pub edges: Vec<TrueEdge>,
    pub messages: Vec<TrueMessage>,
    pub names: BTreeMap<String, Vec<Ipv4Addr>>,
}

#[derive(Deserialize)]
pub(super) struct TrueService {
    pub name: String,
    pub namespace: String,
    pub instrumented: bool,
}

#[derive(Deserialize)]
pub(super) struct TrueEdge {
    pub caller: String,
    pub callee: String,
    pub kind: String,
    pub protocol: String,
    pub targets: Vec<Address>,
}

#[derive(Deserialize)]
pub(super) struct TrueMessage {
    pub service: String,
    pub broker: Address,
}

#[derive(Deserialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    pub host: String,
    pub port: u16,
}

/// An address that a service dialled.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dial {
    pub caller: String,
    /// Node of the callee, when it is a service with spans of its own.
    pub service: Option<String>,
    pub callee: String,
    pub protocol: String,
    pub address: Address,
}

/// Last byte of the first address of the shop.
const FIRST: u8 = 150;

impl Truth {
    /// Everything that was dialled.
    pub(super) fn dials(&self) -> BTreeSet<Dial> {
        let calls = self.edges.iter().flat_map(|edge| {
            edge.targets.iter().map(|address| Dial {
                caller: edge.caller.clone(),
                service: (edge.kind == "service").then(|| format!("service/{}", edge.callee)),
                callee: edge.callee.clone(),
                protocol: edge.protocol.clone(),
                address: address.clone(),
            })
        });
        let brokers = self.messages.iter().map(|message| Dial {
            caller: message.service.clone(),
            service: None,
            callee: message.broker.host.clone(),
            protocol: "broker".to_owned(),
            address: message.broker.clone(),
        });
        calls.chain(brokers).collect()
    }

    /// Services with spans, as `namespace/name`.
    pub(super) fn services(&self) -> Vec<String> {
        let traced = self.services.iter().filter(|service| service.instrumented);
        traced
            .map(|service| format!("{}/{}", service.namespace, service.name))
            .collect()
    }

    /// The names by which a host is known to the caller: a name without namespace is known to its neighbours only.
    pub(super) fn names_of(&self, dial: &Dial) -> Vec<String> {
        let names = &self.names;
        let host = &dial.address.host;
        let label = host.split('.').next().unwrap();
        let namespace = dial.caller.split('/').next().unwrap();
        let neighbours = names.contains_key(&format!("{label}.{namespace}"));
        let qualified = format!("{label}.");
        let same = names.iter().filter(|(name, ips)| {
            let fits = name.starts_with(&qualified) || (neighbours && *name == label);
            fits && **ips == names[host]
        });
        same.map(|(name, _)| name.clone()).collect()
    }

    /// The host as it was dialled in every spelling, and the other names of a service in one each. What has no spans may
    /// be anywhere: `loyalty.shop` need not be `loyalty` in the namespace `shop`.
    pub(super) fn spellings(&self, dial: &Dial) -> BTreeSet<String> {
        let Address { host, port } = &dial.address;
        let spell = |name: &str| {
            [
                name.to_owned(),
                format!("{name}:{port}"),
                name.to_uppercase(),
                format!("{name}."),
                format!("{name}.:{port}"),
            ]
        };
        let others = dial.service.iter().flat_map(|_| self.names_of(dial));
        let others = others.enumerate();
        let one_each = others.map(|(index, name)| spell(&name)[index % 5].clone());
        spell(host).into_iter().chain(one_each).collect()
    }
}

/// Recorded addresses and ports, and those of this process that stand for them.
pub(super) struct Moves {
    addresses: BTreeMap<Ipv4Addr, Ipv4Addr>,
    /// Added to ports that only a privileged process may listen on: 0 where every process may.
    above_privileged: u16,
}

/// Ports of the recording that not every process may listen on.
const PRIVILEGED: [u16; 2] = [80, 443];

impl Moves {
    pub(super) fn new(recorded: impl Iterator<Item = Ipv4Addr>) -> Self {
        let recorded: BTreeSet<Ipv4Addr> = recorded.collect();
        let moved = recorded.into_iter().zip((FIRST..=254).map(reach::address));
        let may_listen = TcpListener::bind((reach::address(STRANGER), PRIVILEGED[0])).is_ok();
        Self {
            addresses: moved.collect(),
            above_privileged: if may_listen { 0 } else { 8000 },
        }
    }

    /// The same value with every address and port replaced, wherever it stands: alone, or an address before a port.
    pub(super) fn apply<T: DeserializeOwned>(&self, value: &impl Serialize) -> T {
        let mut text = serde_json::to_string(value).unwrap();
        for (from, to) in &self.addresses {
            for end in ["\"", ":"] {
                text = text.replace(&format!("\"{from}{end}"), &format!("\"{to}{end}"));
            }
        }
        for port in PRIVILEGED {
            let moved = port + self.above_privileged;
            text = text.replace(&format!(":{port}\""), &format!(":{moved}\""));
            for end in [",", "}"] {
                let from = format!("\"port\":{port}{end}");
                text = text.replace(&from, &format!("\"port\":{moved}{end}"));
            }
        }
        serde_json::from_str(&text).unwrap()
    }
}
