//! Segments of everything there is, by a seed: small alphabets, so that names meet and numbers collide.

use crate::hazards::Sign;
use crate::identity::{NodeKey, NodeName};
use crate::peer::{Address, Category, Peer};
use crate::sampling::{Weight, Weights};
use crate::segment::demand::Took;
use crate::segment::halves::{HalfId, OpenCall, OpenServer};
use crate::segment::planning::EdgeFacts;
use crate::segment::sampling::{TraceShare, TraceSum};
use crate::segment::skew::{Skew, SkewKey};
use crate::segment::stats::{EdgeStats, NodeStats, ServedStats};
use crate::segment::trail::{STEPS, cut};
use crate::segment::votes::{VoteKey, Votes};
use crate::segment::{Caller, ConsumeHalf, EdgeKey, Segment, SendHalf, Trail};
use crate::slice::Found;
use crate::snapshot::Relation;

const HOUR: u64 = 3_600_000_000_000;

/// A source of choices: xorshift.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    fn is(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn times(&mut self, most: u64) -> std::ops::Range<u64> {
        0..self.below(most + 1)
    }

    fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        match self.is(2) {
            true => Some(value(self)),
            false => None,
        }
    }

    fn count(&mut self) -> u64 {
        self.below(5) + 1
    }

    fn ns(&mut self) -> u64 {
        480_000 * HOUR + self.below(400) * HOUR / 7
    }

    fn trace(&mut self) -> u128 {
        u128::from(self.below(6)) << 70 | u128::from(self.below(3))
    }

    fn name(&mut self) -> String {
        self.of(&["", "a", "b/c", "\u{e9}\n", "x'\"; --"])
            .to_owned()
    }

    fn weight(&mut self) -> Weight {
        match self.is(3) {
            true => Weight::UNKNOWN,
            false => Weight {
                value: self.of(&[1.0, 2.0, 99.5, 1e9]),
                is_known: true,
            },
        }
    }

    fn address(&mut self) -> Address {
        Address {
            host: self
                .of(&["api", "10.0.0.7", "::1", "db.example"])
                .to_owned(),
            port: self.maybe(|dice| dice.of(&[80, 0, 65535])),
        }
    }

    fn node(&mut self) -> NodeKey {
        let name = self.name();
        NodeKey {
            environment: self.of(&["", "prod"]).to_owned(),
            namespace: self.of(&["", "shop"]).to_owned(),
            name: match self.below(9) {
                0 => NodeName::Other,
                1 => NodeName::Unidentified(name),
                2 => NodeName::Workload {
                    source: "k8s.deployment.name".to_owned(),
                    name,
                },
                _ => NodeName::Service(name),
            },
        }
    }

    fn category(&mut self) -> Category {
        let (system, name) = (self.name(), self.name());
        match self.below(8) {
            0 => Category::Rpc {
                system,
                service: name,
            },
            1 => Category::Database {
                system,
                namespace: name,
            },
            2 => Category::Messaging {
                system,
                destination: name,
                cluster_id: self.name(),
            },
            3 => Category::Genai { provider: name },
            4 => Category::Function { name },
            5 => Category::Aws {
                service: name,
                is_object_store: self.is(2),
            },
            _ => Category::None,
        }
    }

    fn peer(&mut self) -> Peer {
        Peer {
            scheme: self.of(&["", "http"]).to_owned(),
            address: self.maybe(Self::address),
            also: match self.is(4) {
                true => vec![self.address(), self.address()],
                false => Vec::new(),
            },
            socket: self.maybe(Self::address),
            name: self.maybe(|dice| (dice.name(), dice.name())),
            category: self.category(),
            protocol: self.of(&["", "http/2"]).to_owned(),
            method: self.of(&["", "GET"]).to_owned(),
        }
    }

    fn edge(&mut self, step_min: u32) -> EdgeKey {
        EdgeKey {
            caller: match self.is(5) {
                true => Caller::Named {
                    environment: self.name(),
                    namespace: self.name(),
                    name: self.name(),
                },
                false => Caller::Node(self.node()),
            },
            callee: self.maybe(Self::node),
            peer: self.peer(),
            relation: self.of(&[Relation::Sync, Relation::Async, Relation::Proxied]),
            trail: Trail {
                word: self.name(),
                since_min: cut(
                    self.maybe(|dice| dice.of(&[0, 7, 70, 1_500, u32::MAX])),
                    step_min,
                ),
            },
        }
    }

    fn stats(&mut self) -> EdgeStats {
        let mut stats = EdgeStats {
            calls: self.below(9),
            attempts: self.below(9),
            failed: self.below(3),
            failed_attempts: self.below(3),
            weight: u128::from(self.next()) << 20,
            ..EdgeStats::default()
        };
        for _ in self.times(3) {
            let found = self.of(&Found::ALL);
            *stats.found.entry(found).or_default() += self.count();
            stats.exemplar(found, self.trace());
            let weights = Weights {
                client: self.maybe(Self::weight),
                server: self.maybe(Self::weight),
            };
            stats.sampling.count(weights, self.below(4));
        }
        for _ in self.times(4) {
            stats.client.record(self.next() >> self.below(64));
            stats.server.record(self.next() >> self.below(64));
        }
        for _ in self.times(2) {
            let start = self.ns();
            stats.see(start, start + self.below(HOUR));
            let sent = self.ns();
            stats.waited(sent, sent + self.below(9));
            *stats.errors.entry(self.name()).or_default() += self.count();
            *stats.flags.entry(self.name()).or_default() += self.count();
            let traces = [self.trace(), self.trace()].into_iter();
            stats
                .exposures
                .add(self.of(Sign::ALL), self.count(), traces);
            stats.sampling.add_trace(&self.share());
        }
        stats
    }

    fn share(&mut self) -> TraceShare {
        let mut sum = || {
            let mut sum = TraceSum::default();
            sum.add(self.of(&[1.0, 4.0, 1e9]), self.below(9));
            sum
        };
        TraceShare {
            own: sum(),
            all: sum(),
            orphans: sum(),
            unanswered: sum(),
        }
    }

    fn facts(&mut self) -> EdgeFacts {
        let mut facts = EdgeFacts {
            caller_requests: self.below(9),
            first_requests: self.below(9),
            ..EdgeFacts::default()
        };
        for _ in self.times(4) {
            let (from, to) = (self.name(), self.name());
            facts.zone_pair(Some(&from), Some(&to), 1);
            *facts.methods.entry(self.name()).or_default() += self.count();
            *facts.routes.entry(self.name()).or_default() += self.count();
            let pod = self.next().to_string();
            facts.caller_instances.insert(&pod);
            facts.callee_instances.insert("only");
            let (start, took) = (self.ns(), self.next() >> self.below(64));
            let weight = self.weight().value;
            let mut attempt = Took {
                start_ns: start,
                took_ns: took / 2,
                weight,
                is_call: self.is(2),
            };
            facts.concurrency.count(&[attempt]);
            attempt.took_ns = took;
            facts.demand.count(&[attempt]);
            facts.demand.callers.seen(&pod, (start, start + 5));
            facts.demand.callees.seen("only", (start, start + 5));
            facts.demand.together(self.below(9));
            if self.is(2) {
                facts.demand.succeeded(took);
            }
        }
        facts
    }

    fn node_stats(&mut self) -> NodeStats {
        let mut stats = NodeStats {
            spans: self.below(9),
            requests: self.below(9),
            ..NodeStats::default()
        };
        for _ in self.times(3) {
            stats.traces.count(self.maybe(|dice| dice.weight().value));
            *stats.kinds.entry(self.name()).or_default() += self.count();
            *stats.events.entry(self.name()).or_default() += self.count();
            stats.facet(&self.name(), &self.name(), self.count());
            stats.attribute(&self.name(), &self.name(), self.count());
            stats.orphan_exemplars.insert(self.trace());
            stats.instances.insert(self.name());
            let traces = [self.trace()].into_iter();
            stats
                .exposures
                .add(self.of(Sign::ALL), self.count(), traces);
            let (start, took) = (self.ns(), self.next() >> self.below(64));
            let weight = self.weight().value;
            stats.inbound.count(&[Took {
                start_ns: start,
                took_ns: took,
                weight,
                is_call: true,
            }]);
            stats
                .inbound
                .instances
                .seen(&self.name(), (start, start + took / 2));
            let mut votes = Votes::default();
            votes.add(start);
            votes.add(self.ns());
            stats.addresses.insert(self.address(), votes.spells);
        }
        stats
    }

    fn votes(&mut self) -> (VoteKey, Votes) {
        let key = VoteKey {
            caller: self.node(),
            callee: self.node(),
            name: self.maybe(|dice| (dice.name(), dice.name())),
            address: self.maybe(Self::address),
            word: self.name(),
            rpc_service: self.name(),
        };
        let mut votes = Votes::default();
        for _ in 0..self.count() {
            votes.add(self.ns());
        }
        (key, votes)
    }

    fn send(&mut self) -> SendHalf {
        let weight = self.weight();
        SendHalf {
            producer: self.node(),
            peer: self.peer(),
            also: self.times(3).map(|_| self.below(9)).collect(),
            messages: self.below(9),
            weight: weight.value,
            is_weighed: weight.is_known,
            start_ns: self.ns(),
            end_ns: self.ns(),
        }
    }

    fn consume(&mut self) -> ConsumeHalf {
        ConsumeHalf {
            consumer: self.node(),
            peer: self.peer(),
            refs: self
                .times(3)
                .map(|_| ((self.trace(), self.below(9)), self.is(2)))
                .collect(),
            is_receive: self.is(2),
            messages: self.below(9),
            weight: self.weight().known(),
            has_failed: self.is(2),
            start_ns: self.ns(),
            end_ns: self.ns(),
        }
    }

    fn server(&mut self) -> OpenServer {
        OpenServer {
            callee: self.node(),
            caller: (self.trace(), self.below(9)),
            is_link: self.is(2),
            event: self.of(&["orphan", "entry"]).to_owned(),
            has_failed: self.is(2),
            error: self.name(),
            start_ns: self.ns(),
            duration_ns: self.below(HOUR),
        }
    }

    fn halves(&mut self, segment: &mut Segment) {
        for _ in self.times(4) {
            let call = OpenCall {
                edge: self.edge(segment.trail_step_min),
                stats: self.stats(),
                is_ambiguous: self.is(4),
            };
            segment.add_open_call(HalfId::of_call((self.trace(), self.below(9))), call);
            let server = self.server();
            let id = (self.trace(), self.below(9));
            segment.add_open_server(HalfId::of_server(server.caller, id), server);
        }
    }

    fn owed(&mut self, segment: &mut Segment) {
        for _ in self.times(2) {
            let key = (self.node(), self.name());
            *segment.halves.owed.entry(key).or_default() += self.count();
        }
    }

    fn messages(&mut self, segment: &mut Segment) {
        for _ in self.times(3) {
            let id = (self.trace(), self.below(9));
            segment.sends.insert(id, self.send());
            let id = (self.trace(), self.below(9));
            segment.consumes.insert(id, self.consume());
        }
    }

    fn rest(&mut self, segment: &mut Segment) {
        for _ in self.times(3) {
            let (key, votes) = self.votes();
            segment.votes.insert(key, votes);
            let served = ServedStats {
                spans: self.below(9),
                last_ns: self.ns(),
            };
            segment.served.insert((self.node(), self.peer()), served);
            segment
                .folds
                .insert((self.node(), self.node()), self.count());
            let key = SkewKey {
                caller: self.node(),
                callee: self.node(),
                caller_instance: self.name(),
                callee_instance: self.name(),
            };
            let skew = Skew {
                behind_ns: self.below(9),
                ahead_ns: self.below(9),
            };
            segment.skews.insert(key, skew);
            segment.rejected.insert(self.name(), self.count());
            segment.dropped.insert(self.name(), self.count());
            segment.counters.insert(self.name(), self.count());
            segment.traces.count(self.maybe(|dice| dice.weight().value));
        }
    }
}

/// The segment of a seed.
pub(super) fn segment(seed: u64) -> Segment {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut segment = Segment {
        trail_step_min: dice.of(&STEPS[..4]),
        ..Segment::default()
    };
    segment.window = dice.maybe(|dice| (dice.below(9), dice.ns()));
    for _ in dice.times(4) {
        segment.nodes.insert(dice.node(), dice.node_stats());
        let edge = dice.edge(segment.trail_step_min);
        segment.add_edge(edge, dice.stats());
        let edge = dice.edge(segment.trail_step_min);
        segment.facts.insert(edge, dice.facts());
    }
    dice.halves(&mut segment);
    dice.owed(&mut segment);
    dice.messages(&mut segment);
    dice.rest(&mut segment);
    segment
}
