//! The address book: which service stands behind a dialled address or a peer name (inference rule 1.7).
//!
//! Learnt from calls whose both halves were seen; a pod's word for its own address, and the Host that a service is called
//! by, fill in where there are none. An address behind which two services answered is shared: the path or the RPC service
//! may tell them apart, deciding by majority would be guessing. The book decides names, never egress clusters: those use
//! the dialled address.
//!
//! ```text
//! votes, claims, hosts -> Place -> Ballot (all, by word) -> Entry for the calls of one caller and time
//! ```

mod ballot;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::NodeRef;
use super::place::is_public_name;
use super::policy::{MAX_NAMES_PER_SOCKET, WEAK_VOTES_PER_VOTE};
use super::ports::Ports;
use super::services::Services;
use crate::identity::NodeKey;
use crate::peer::{Address, Category, Peer};
use crate::segment::votes::{VoteKey, Votes};
use crate::segment::{Caller, Segment};
use ballot::{Ballot, Claims, of_claims};
pub(super) use ballot::{Entry, When};
use scope::{Place, What, learnable};

/// Votes per address and name. Places are long and many and only ever looked up, so they are hashed.
#[derive(Debug, Default)]
pub(super) struct Book<'a> {
    places: HashMap<Place, Votings<'a>>,
    /// Clusters in which a place has votes.
    clusters: HashMap<Place, BTreeSet<String>>,
    /// Who says that an address is its own: (environment, cluster, address).
    claims: BTreeMap<(String, String, Address), Claims>,
    /// Server spans by the Host that they were called by.
    hosts: HashMap<Place, BTreeMap<NodeRef, u64>>,
    /// Socket addresses of proxies.
    proxies: HashSet<Place>,
}

/// The votes of one place.
#[derive(Debug, Default)]
struct Votings<'a> {
    all: Ballot<'a>,
    /// By what tells services behind one host apart.
    parts: BTreeMap<String, Ballot<'a>>,
}

/// A call that somebody wants the destination of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) caller: &'a NodeKey,
    pub(super) peer: &'a Peer,
    /// First words of its path.
    pub(super) word: &'a str,
    pub(super) when: When,
}

impl<'a> Book<'a> {
    pub(super) fn learn(segment: &'a Segment, ports: &Ports<'_>, services: &Services<'_>) -> Self {
        let mut book = Self {
            proxies: proxies(segment, services),
            ..Self::default()
        };
        let forwarders = forwarders(segment, ports, services);
        let is_owner = |node: &NodeKey, place: &Place| {
            let dialled = forwarders.get(place);
            dialled.is_none_or(|dialled| !dialled.is_forwarder(node))
        };
        for (key, votes) in &segment.votes {
            let address = voted_address(key, ports);
            let address = address.map(|found| Place::of_address(services, &key.caller, &found));
            let name = key.name.as_ref().map(|n| Place::of_name(&key.caller, n));
            for place in [address, name].into_iter().flatten() {
                if is_owner(&key.callee, &place) && !book.proxies.contains(&place) {
                    book.vote(place, key, votes);
                }
            }
        }
        for (key, stats) in &segment.nodes {
            for (address, spells) in &stats.addresses {
                let cluster = services.cluster(key).to_owned();
                let place = (key.environment.clone(), cluster, address.clone());
                let claims = book.claims.entry(place).or_default();
                let own = claims.entry(NodeRef::of_key(key)).or_default();
                own.merge(spells, super::policy::IP_REACH_NS);
            }
        }
        for ((key, peer), stats) in &segment.served {
            if let Some(address) = learnable(peer).filter(|found| found.ip().is_none()) {
                let place = Place::of_address(services, key, address);
                if is_owner(key, &place) {
                    let nodes = book.hosts.entry(place).or_default();
                    *nodes.entry(NodeRef::of_key(key)).or_default() += stats.spans;
                }
            }
        }
        book
    }

    fn vote(&mut self, place: Place, key: &'a VoteKey, votes: &Votes) {
        let node = NodeRef::of_key(&key.callee);
        let is_name = matches!(place.what, What::Name(..));
        if !self.places.contains_key(&place) {
            let clusters = self.clusters.entry(place.clone().anywhere()).or_default();
            clusters.insert(place.cluster.clone());
        }
        let votings = self.places.entry(place).or_default();
        votings.all.add(&node, key, votes);
        if is_name {
            return;
        }
        for part in parts(&key.word, &key.rpc_service) {
            let ballot = votings.parts.entry(part).or_default();
            ballot.add(&node, key, votes);
        }
    }

    /// Looks up what was dialled, as this caller would dial it; of a list of addresses the first that is known.
    pub(super) fn look_up(&self, services: &Services<'_>, asked: Question<'_>) -> Option<Entry> {
        let also = asked.peer.also.iter();
        let mut all = learnable(asked.peer).into_iter().chain(also);
        all.find_map(|address| self.look_up_one(services, address, asked))
    }

    fn look_up_one(
        &self,
        services: &Services<'_>,
        address: &Address,
        asked: Question<'_>,
    ) -> Option<Entry> {
        let place = Place::of_address(services, asked.caller, address);
        if self.proxies.contains(&place) {
            return None;
        }
        if place.is_ip() {
            return self.of_ip(&place, address, asked);
        }
        self.voted(&place, asked)
            .or_else(|| self.in_any_cluster(&place, &address.host, asked))
            .or_else(|| self.by_host(&place, asked))
    }

    /// Looks up a name that this caller gives its peer.
    pub(super) fn alias(
        &self,
        caller: &NodeKey,
        name: &(String, String),
        when: When,
    ) -> Option<Entry> {
        let votings = self.places.get(&Place::of_name(caller, name))?;
        let entry = votings.all.of_name(when);
        entry.map(|entry| votings.all.of_caller(caller).unwrap_or(entry))
    }

    /// An IP address by votes and claims of that time; where several answered at once, by what was asked of them.
    fn of_ip(&self, place: &Place, address: &Address, asked: Question<'_>) -> Option<Entry> {
        let claims = self.claims_of(place, address);
        let Some(votings) = self.places.get(place) else {
            return of_claims(&claims, asked.when);
        };
        match votings.all.of_ip(asked.when, &claims) {
            Some(Entry::Unclear) => {
                let entry = votings
                    .part(asked)
                    .and_then(|part| part.of_ip(asked.when, &claims));
                Some(entry.unwrap_or(Entry::Unclear))
            }
            entry => entry,
        }
    }

    /// Who claims this address, for all ports or for this one.
    fn claims_of(&self, place: &Place, address: &Address) -> Claims {
        let mut all = Claims::new();
        let mut ports = vec![None, address.port];
        ports.dedup();
        for port in ports {
            let host = address.host.clone();
            let scope = (place.environment.clone(), place.cluster.clone());
            let key = (scope.0, scope.1, Address { host, port });
            for (node, spells) in self.claims.get(&key).into_iter().flatten() {
                let own = all.entry(node.clone()).or_default();
                own.merge(spells, super::policy::IP_REACH_NS);
            }
        }
        all
    }

    /// A name by its votes. What was asked of it decides first: a host may be one service's but for a single path.
    fn voted(&self, place: &Place, asked: Question<'_>) -> Option<Entry> {
        let votings = self.places.get(place)?;
        let all = votings.all.of_name(asked.when)?;
        let part = votings.part(asked);
        let own = part.and_then(|part| part.of_caller(asked.caller));
        // Calls that say nothing of what they ask have nothing in common but that.
        let part = part.filter(|_| !asked.says_nothing());
        own.or_else(|| part.and_then(|part| part.of_name(asked.when)))
            .or(Some(all))
    }

    /// A public name means the same everywhere, and one dialled in an unknown cluster may be dialled in any; unless
    /// clusters disagree.
    fn in_any_cluster(&self, place: &Place, host: &str, asked: Question<'_>) -> Option<Entry> {
        let is_anywhere = is_public_name(host) || place.cluster.is_empty();
        let clusters = self.clusters.get(&place.clone().anywhere())?;
        let clusters = clusters
            .iter()
            .filter(|cluster| is_anywhere || cluster.is_empty());
        let entries = clusters.map(|cluster| {
            let there = Place {
                cluster: cluster.clone(),
                ..place.clone()
            };
            self.voted(&there, asked)
        });
        let mut found: Option<(NodeRef, u64)> = None;
        for entry in entries.flatten() {
            let Entry::Single { node, votes } = entry else {
                return None;
            };
            found = match found {
                None => Some((node, votes)),
                Some((known, sum)) if known == node => Some((known, sum + votes)),
                Some(_) => return None,
            };
        }
        found.map(|(node, votes)| Entry::Single { node, votes })
    }

    /// The Host that a service says it was called by is a weak vote: it is the outermost one, and a proxy in between may
    /// have answered. Counts where no call was paired, and only if one service alone says so.
    fn by_host(&self, place: &Place, asked: Question<'_>) -> Option<Entry> {
        let is_plain = matches!(asked.peer.category, Category::None | Category::Rpc { .. });
        let nodes = self.hosts.get(place).filter(|_| is_plain)?;
        let (node, spans) = nodes.first_key_value().filter(|_| nodes.len() == 1)?;
        let votes = spans / WEAK_VOTES_PER_VOTE;
        (votes > 0).then(|| Entry::Single {
            node: node.clone(),
            votes,
        })
    }
}

impl Question<'_> {
    fn rpc_service(&self) -> &str {
        match &self.peer.category {
            Category::Rpc { service, .. } => service,
            _ => "",
        }
    }

    fn says_nothing(&self) -> bool {
        self.word.is_empty() && self.rpc_service().is_empty()
    }
}

impl<'a> Votings<'a> {
    /// The votes of calls that asked the same, or started with the same words.
    fn part(&self, asked: Question<'_>) -> Option<&Ballot<'a>> {
        let longest_first = parts(asked.word, asked.rpc_service());
        longest_first.iter().find_map(|part| self.parts.get(part))
    }
}

/// What tells services behind one host apart, longest first: the RPC service, else the words of the path.
fn parts(word: &str, rpc_service: &str) -> Vec<String> {
    if !rpc_service.is_empty() {
        // No path word contains a colon.
        return vec![format!("rpc:{rpc_service}")];
    }
    let mut parts = vec![word.to_owned()];
    let mut rest = word;
    while let Some((shorter, _)) = rest.rsplit_once('/') {
        parts.push(shorter.to_owned());
        rest = shorter;
    }
    parts
}

fn voted_address(key: &VoteKey, ports: &Ports<'_>) -> Option<Address> {
    let peer = Peer {
        address: key.address.clone(),
        ..Peer::default()
    };
    learnable(&ports.complete(&key.caller, &peer)).cloned()
}

/// The callers of a place.
#[derive(Debug, Default)]
struct Dialled<'a> {
    dials: HashSet<&'a NodeKey>,
    /// Those that answered themselves.
    answers: HashSet<&'a NodeKey>,
}

impl Dialled<'_> {
    /// True for a node that dials the place and never answers itself there: if such a node answers it for others, it is a
    /// forward proxy that passes their calls on (X55). Fails for a service that calls itself by its own address and of whose
    /// calls not one was paired: its address is then not learnt.
    fn is_forwarder(&self, node: &NodeKey) -> bool {
        self.dials.contains(node) && !self.answers.contains(node)
    }
}

fn forwarders<'a>(
    segment: &'a Segment,
    ports: &Ports<'_>,
    services: &Services<'_>,
) -> HashMap<Place, Dialled<'a>> {
    let mut places: HashMap<Place, Dialled<'a>> = HashMap::new();
    for key in segment.edges.keys() {
        let Caller::Node(caller) = &key.caller else {
            continue;
        };
        let peer = ports.complete(caller, &key.peer);
        let address = learnable(&peer).map(|found| Place::of_address(services, caller, found));
        let name = key
            .peer
            .name
            .as_ref()
            .map(|name| Place::of_name(caller, name));
        for place in [address, name].into_iter().flatten() {
            let dialled = places.entry(place).or_default();
            if key.callee.as_ref() == Some(caller) {
                dialled.answers.insert(caller);
            } else {
                dialled.dials.insert(caller);
            }
        }
    }
    places
}

/// Socket addresses behind too many dialled names to be one service's.
fn proxies(segment: &Segment, services: &Services<'_>) -> HashSet<Place> {
    let mut names: HashMap<Place, BTreeSet<&str>> = HashMap::new();
    for key in segment.edges.keys() {
        let (Caller::Node(caller), Some(socket)) = (&key.caller, &key.peer.socket) else {
            continue;
        };
        let name = key.peer.address.as_ref().filter(|name| name.ip().is_none());
        if let Some(name) = name {
            let known = names
                .entry(Place::of_address(services, caller, socket))
                .or_default();
            if known.len() <= MAX_NAMES_PER_SOCKET {
                known.insert(&name.host);
            }
        }
    }
    names.retain(|_, names| names.len() > MAX_NAMES_PER_SOCKET);
    names.into_keys().collect()
}
