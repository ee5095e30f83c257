//! Hazards that only all calls of an edge together show: several names, two protocols on one port, one address in front of
//! many instances, long silence. What single spans show was counted with them; here both become the exposures of an edge.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::egress::is_http_system;
use crate::hazards::Sign;
use crate::identity::NodeKey;
use crate::peer::Peer;
use crate::segment::exemplars::Exemplars;
use crate::segment::hazards::Exposures;
use crate::segment::planning::EdgeFacts;
use crate::segment::stats::EdgeStats;
use crate::segment::{EdgeKey, Segment};
use crate::snapshot::{EvidenceCounts, Exposed};

/// Envoy's idle timeout of TCP connections.
const IDLE_NS: u64 = 3_600_000_000_000;

/// Host and port.
pub(super) type TargetKey = (String, Option<u16>);

/// What the calls of one key of the segment dialled.
pub(super) struct Dialled<'a> {
    peer: &'a Peer,
    callee: Option<&'a NodeKey>,
    segment: &'a Segment,
}

impl<'a> Dialled<'a> {
    pub(super) fn new(segment: &'a Segment, key: &'a EdgeKey, peer: &'a Peer) -> Self {
        Self {
            peer,
            callee: key.callee.as_ref(),
            segment,
        }
    }

    /// The socket address belongs to an instance of the callee.
    fn is_instance(&self) -> bool {
        let node = |socket| Some((self.segment.nodes.get(self.callee?)?, socket));
        let known = self.peer.socket.as_ref().and_then(node);
        known.is_some_and(|(stats, socket)| {
            let mut own = stats.addresses.keys();
            own.any(|address| address.host == socket.host)
        })
    }

    /// Port 443 and the schemes of TLS hide what is spoken from the sidecar.
    fn version(&self) -> Option<Version> {
        let is_tls = matches!(self.peer.scheme.as_str(), "https" | "wss" | "grpcs")
            || self.peer.address.as_ref().and_then(|at| at.port) == Some(443);
        match self.peer.protocol.as_str() {
            _ if is_tls => None,
            "http/1.0" | "http/1.1" => Some(Version::One),
            "http/2" | "grpc" => Some(Version::Two),
            _ => None,
        }
    }

    /// Opaque to HTTP: databases and brokers that do not speak it.
    fn is_tcp(&self) -> bool {
        let system = self.peer.category.system();
        system.is_some_and(|system| !is_http_system(system))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// What was seen of one edge, beside what its spans show one by one.
#[derive(Debug, Default)]
pub(super) struct EdgeHazards {
    targets: BTreeMap<TargetKey, Target>,
    /// Attempts over TCP that is opaque to HTTP.
    tcp: Counted,
}

#[derive(Debug, Default)]
struct Target {
    one: Counted,
    two: Counted,
    /// HTTP of whatever version.
    http: Counted,
    /// Socket addresses of HTTP/2; two are as good as many.
    sockets: BTreeSet<String>,
    has_instance: bool,
}

#[derive(Debug, Default)]
struct Counted {
    attempts: u64,
    traces: Exemplars,
}

impl Counted {
    fn add(&mut self, stats: &EdgeStats) {
        self.attempts = self.attempts.saturating_add(stats.attempts);
        for (_, trace) in stats.exemplars() {
            self.traces.insert(trace);
        }
    }

    fn count_as(&self, sign: Sign, exposures: &mut Exposures) {
        exposures.add(sign, self.attempts, self.traces.ids());
    }
}

impl EdgeHazards {
    /// Adds calls of one key; hosts past the cap are not told apart from none.
    pub(super) fn add(&mut self, dialled: &Dialled<'_>, stats: &EdgeStats, max_targets: usize) {
        if stats.attempts == 0 {
            return;
        }
        if dialled.is_tcp() {
            self.tcp.add(stats);
        }
        let Some(address) = &dialled.peer.address else {
            return;
        };
        let is_http = dialled.peer.protocol.starts_with("http") || dialled.peer.protocol == "grpc";
        let key = (address.host.clone(), address.port);
        let is_room = self.targets.len() < max_targets || self.targets.contains_key(&key);
        if !is_http || !is_room {
            return;
        }
        let target = self.targets.entry(key).or_default();
        target.http.add(stats);
        match dialled.version() {
            Some(Version::One) => target.one.add(stats),
            Some(Version::Two) => {
                target.two.add(stats);
                target.has_instance = target.has_instance || dialled.is_instance();
                if let Some(socket) = &dialled.peer.socket
                    && target.sockets.len() < 2
                {
                    target.sockets.insert(socket.host.clone());
                }
            }
            None => {}
        }
    }

    /// All exposures of the edge. `is_mixed` tells the targets on which some caller speaks HTTP/1 and some HTTP/2.
    pub(super) fn exposed(
        &self,
        edge: (&EdgeStats, Option<&EdgeFacts>, EvidenceCounts),
        is_mixed: impl Fn(&TargetKey) -> bool,
    ) -> Exposed {
        let (stats, facts, evidence) = edge;
        let mut exposures = stats.exposures.clone();
        // Where few calls are joined with their server span, a missing one says nothing.
        if evidence.paired == 0 || evidence.paired < stats.calls.saturating_sub(evidence.paired) {
            exposures.answered();
        }
        let instances = facts.map_or(0, |facts| facts.callee_instances.count());
        for (key, target) in &self.targets {
            if is_mixed(key) {
                target.one.count_as(Sign::TwoProtocols, &mut exposures);
                target.two.count_as(Sign::TwoProtocols, &mut exposures);
            }
            if instances > 1 && target.sockets.len() == 1 && !target.has_instance {
                target.two.count_as(Sign::SharedAddress, &mut exposures);
            }
        }
        self.several_names(&mut exposures);
        let is_idle = |facts: &EdgeFacts| facts.concurrency.longest_gap_ns() >= IDLE_NS;
        if self.tcp.attempts > 0 && facts.is_some_and(is_idle) {
            self.tcp.count_as(Sign::Gap, &mut exposures);
        }
        let mut exposed = Exposed::new();
        for (sign, spans) in exposures.iter() {
            let exposure = exposed.entry(sign.hazard()).or_default();
            exposure.add(sign, spans.spans, &spans.traces.hex());
        }
        exposed
    }

    /// Names of one port of the callee: those that are exposed by their spelling already do not count again.
    fn several_names(&self, exposures: &mut Exposures) {
        let mut ports: BTreeMap<Option<u16>, Vec<&Target>> = BTreeMap::new();
        for ((host, port), target) in &self.targets {
            if host.parse::<std::net::IpAddr>().is_err() {
                ports.entry(*port).or_default().push(target);
            }
        }
        let mut all = Counted::default();
        for target in ports.values().filter(|names| names.len() > 1).flatten() {
            all.attempts = all.attempts.saturating_add(target.http.attempts);
            all.traces.merge(&target.http.traces);
        }
        let known: u64 = [Sign::UpperCase, Sign::TrailingDot, Sign::PortInHost]
            .into_iter()
            .map(|sign| exposures.spans(sign))
            .sum();
        all.attempts = all.attempts.saturating_sub(known);
        all.count_as(Sign::SeveralNames, exposures);
    }
}

/// Targets of one callee on which HTTP/1 and HTTP/2 were seen, from whichever callers.
#[derive(Debug)]
pub(super) struct Mixed(HashMap<usize, HashSet<TargetKey>>);

impl Mixed {
    /// Callees are told apart by number.
    pub(super) fn of<'a>(edges: impl Iterator<Item = (usize, &'a EdgeHazards)>) -> Self {
        let mut versions: HashMap<(usize, &TargetKey), (bool, bool)> = HashMap::new();
        for (callee, hazards) in edges {
            for (key, target) in &hazards.targets {
                let seen = (target.one.attempts > 0, target.two.attempts > 0);
                if seen != (false, false) {
                    let all = versions.entry((callee, key)).or_default();
                    *all = (all.0 | seen.0, all.1 | seen.1);
                }
            }
        }
        let mut mixed: HashMap<usize, HashSet<TargetKey>> = HashMap::new();
        let both = versions
            .into_iter()
            .filter(|(_, seen)| *seen == (true, true));
        both.for_each(|((callee, key), _)| {
            mixed.entry(callee).or_default().insert(key.clone());
        });
        Self(mixed)
    }

    pub(super) fn contains(&self, callee: usize, target: &TargetKey) -> bool {
        let targets = self.0.get(&callee);
        targets.is_some_and(|targets| targets.contains(target))
    }
}
