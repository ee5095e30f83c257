//! The part of a [`Peer`] that decides which node a call reaches.
//!
//! Mirrors what `resolve/destination.rs` and `resolve/brokers.rs` read. Keeping too much here would count a request twice
//! that calls one node in two ways; keeping too little would lend the facts of one node to another.

use crate::names::Tables;
use crate::peer::{Address, Category, Peer};
use crate::slice::PeerRef;

/// Borrowed, so that comparing the calls of a slice allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DestinationKey<'a> {
    name: Option<&'a (String, String)>,
    address: Option<&'a Address>,
    also: &'a [Address],
    socket: Option<&'a Address>,
    kind: Kind<'a>,
}

/// What of the category matters, given the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind<'a> {
    /// The address or the name decides alone.
    Any,
    /// At an address, this tells services behind one host apart.
    Rpc(&'a str),
    Database(&'a str),
    Broker(&'a str),
    Whole(&'a Category),
}

impl<'a> DestinationKey<'a> {
    /// The destination of what `peer` describes, joined as [`Peer::joined`] joins it.
    pub(crate) fn of(peer: PeerRef, names: &'a Tables) -> Self {
        let (base, dialled) = (names.peer(peer.base), names.peer(peer.address));
        let at = if dialled.has_address() { dialled } else { base };
        let category = match base.category {
            Category::None => &dialled.category,
            _ => &base.category,
        };
        Self::joined(base.name.as_ref().or(dialled.name.as_ref()), at, category)
    }

    /// The destination of what a joined peer describes.
    pub(crate) fn of_peer(peer: &'a Peer) -> Self {
        Self::joined(peer.name.as_ref(), peer, &peer.category)
    }

    fn joined(name: Option<&'a (String, String)>, at: &'a Peer, category: &'a Category) -> Self {
        let is_messaging = matches!(category, Category::Messaging { .. });
        let has_host = at.address.as_ref().is_some_and(|a| a.ip().is_none());
        let needs_socket = at.address.is_none() || (is_messaging && !has_host);
        Self {
            name,
            address: at.address.as_ref(),
            also: &at.also,
            socket: at.socket.as_ref().filter(|_| needs_socket),
            kind: match category {
                Category::None => Kind::Any,
                Category::Rpc { .. } if name.is_some() => Kind::Any,
                Category::Rpc { service, .. } if at.address.is_some() => match service.as_str() {
                    "" => Kind::Any,
                    service => Kind::Rpc(service),
                },
                Category::Database { system, .. } => Kind::Database(system),
                Category::Messaging { system, .. } if name.is_some() || has_host => {
                    Kind::Broker(system)
                }
                _ => Kind::Whole(category),
            },
        }
    }

    /// The same without what tells services behind one host apart.
    pub(crate) fn host(self) -> Self {
        Self {
            kind: match self.kind {
                Kind::Rpc(_) => Kind::Any,
                kind => kind,
            },
            ..self
        }
    }

    /// The key as a peer, for a table with names. Resolves to the node that the whole peer resolves to.
    pub(crate) fn to_peer(self) -> Peer {
        Peer {
            address: self.address.cloned(),
            also: self.also.to_vec(),
            socket: self.socket.cloned(),
            name: self.name.cloned(),
            category: match self.kind {
                Kind::Any => Category::None,
                Kind::Rpc(service) => Category::Rpc {
                    system: String::new(),
                    service: service.to_owned(),
                },
                Kind::Database(system) => Category::Database {
                    system: system.to_owned(),
                    namespace: String::new(),
                },
                Kind::Broker(system) => Category::Messaging {
                    system: system.to_owned(),
                    destination: String::new(),
                    cluster_id: String::new(),
                },
                Kind::Whole(category) => category.clone(),
            },
            ..Peer::default()
        }
    }
}
