//! What inference asks of names again and again, as bits beside the names.
//!
//! A slice asks whether a peer has an address, or a node a name, many times per span. The answers never change, so they are
//! found once, when the name is interned: a look-up is then one load from a small table instead of a walk through strings.

use std::collections::HashMap;

use super::{NodeId, PeerId, ResourceId, Table};
use crate::identity::{NodeKey, NodeName};
use crate::peer::{Category, Peer, is_private};
use crate::resource::ResourceFacts;

/// Bits of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeTraits(u8);

impl NodeTraits {
    const NAMELESS: u8 = 1;
    const GATEWAY: u8 = 1 << 1;
    const SHADOW: u8 = 1 << 2;

    fn of(node: &NodeKey) -> Self {
        let is_nameless = matches!(node.name, NodeName::Unidentified(_));
        let bits = [
            (Self::NAMELESS, is_nameless),
            (Self::GATEWAY, node.is_called_gateway()),
            (Self::SHADOW, is_shadow(node.display_name())),
        ];
        let set = bits.into_iter().filter(|(_, is_set)| *is_set);
        Self(set.fold(0, |all, (bit, _)| all | bit))
    }

    /// True for the fallback of spans that carry no identity at all.
    pub(crate) const fn is_nameless(self) -> bool {
        self.0 & Self::NAMELESS != 0
    }

    /// True for a node whose name says that it passes calls on.
    pub(crate) const fn is_gateway(self) -> bool {
        self.0 & Self::GATEWAY != 0
    }

    /// True for a node whose name says that it serves copies of requests.
    pub(crate) const fn is_shadow(self) -> bool {
        self.0 & Self::SHADOW != 0
    }
}

/// Service meshes add this to the Host of mirrored requests.
fn is_shadow(name: &str) -> bool {
    name.ends_with("-shadow") || name.contains("-shadow.")
}

/// Bits of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerTraits(u16);

/// Gives each question the bit of its place in the list.
macro_rules! peer_traits {
    ($($(#[$doc:meta])* $name:ident = |$peer:ident| $answer:expr;)+) => {
        #[expect(non_camel_case_types, reason = "places of the bits below")]
        enum Bit { $($name,)+ }

        impl PeerTraits {
            fn of(peer: &Peer) -> Self {
                let mut bits = 0;
                $({
                    let $peer = peer;
                    bits |= u16::from($answer) << Bit::$name as u16;
                })+
                Self(bits)
            }

            $($(#[$doc])*
            pub(crate) const fn $name(self) -> bool {
                self.0 & (1 << Bit::$name as u16) != 0
            })+
        }
    };
}

peer_traits! {
    /// As [`Peer::has_address`].
    has_address = |peer| peer.has_address();
    /// There is a dialled name or address, not only a socket.
    is_dialled = |peer| peer.address.is_some();
    /// The span names its peer.
    has_name = |peer| peer.name.is_some();
    /// The best address is an IP address that is not routed on the internet.
    is_private_ip = |peer| {
        let ip = peer.best_address().and_then(|address| address.ip());
        ip.is_some_and(is_private)
    };
    /// The category names a system.
    has_system = |peer| peer.category.system().is_some();
    /// There is an HTTP method.
    has_method = |peer| !peer.method.is_empty();
    /// No category.
    is_plain = |peer| peer.category == Category::None;
    /// A remote procedure call.
    is_rpc = |peer| matches!(peer.category, Category::Rpc { .. });
    /// A remote procedure call that names its service.
    has_rpc_service = |peer| matches!(&peer.category, Category::Rpc { service, .. } if !service.is_empty());
    /// A database or cache.
    is_database = |peer| matches!(peer.category, Category::Database { .. });
    /// A cloud API.
    is_cloud = |peer| matches!(peer.category, Category::Aws { .. });
    /// A message broker.
    is_messaging = |peer| matches!(peer.category, Category::Messaging { .. });
    /// A message broker, with its system or a destination.
    names_broker = |peer| matches!(&peer.category, Category::Messaging { destination, system, .. }
        if !destination.is_empty() || !system.is_empty());
}

/// An interned availability zone; 0 when the resource names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ZoneId(u32);

/// What is asked of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResourceTraits {
    pub(crate) zone: ZoneId,
    /// It tells addresses of its own.
    pub(crate) has_addresses: bool,
}

/// The answers, by id.
#[derive(Debug, Default)]
pub(super) struct Traits {
    nodes: Vec<NodeTraits>,
    peers: Vec<PeerTraits>,
    resources: Vec<ResourceTraits>,
    /// Zones but for the one that is none, and their ids.
    zones: Vec<Box<str>>,
    zone_ids: HashMap<Box<str>, ZoneId>,
}

impl Traits {
    pub(super) fn node(&self, id: NodeId) -> NodeTraits {
        self.nodes[id.index()]
    }

    pub(super) fn peer(&self, id: PeerId) -> PeerTraits {
        self.peers[id.index()]
    }

    pub(super) fn resource(&self, id: ResourceId) -> ResourceTraits {
        self.resources[id.index()]
    }

    /// `None` for the zone of resources that name none.
    pub(super) fn zone(&self, id: ZoneId) -> Option<&str> {
        let index = (id.0 as usize).checked_sub(1)?;
        self.zones.get(index).map(|zone| &**zone)
    }

    /// Adds what was interned since the last call.
    pub(super) fn follow(
        &mut self,
        nodes: &Table<NodeKey>,
        peers: &Table<Peer>,
        resources: &Table<ResourceFacts>,
    ) {
        let new = &nodes.values[self.nodes.len()..];
        self.nodes
            .extend(new.iter().map(|node| NodeTraits::of(node)));
        let new = &peers.values[self.peers.len()..];
        self.peers
            .extend(new.iter().map(|peer| PeerTraits::of(peer)));
        for facts in &resources.values[self.resources.len()..] {
            let zone = facts.zone().map_or(ZoneId(0), |zone| self.zone_id(zone));
            self.resources.push(ResourceTraits {
                zone,
                has_addresses: !facts.addresses.is_empty(),
            });
        }
    }

    /// At most as many as there are resources, which are capped.
    fn zone_id(&mut self, zone: &str) -> ZoneId {
        if let Some(id) = self.zone_ids.get(zone) {
            return *id;
        }
        self.zones.push(Box::from(zone));
        let id = ZoneId(u32::try_from(self.zones.len()).unwrap_or(0));
        self.zone_ids.insert(Box::from(zone), id);
        id
    }
}
