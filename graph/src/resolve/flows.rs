//! Messages to flows: which consumer took what from which producer, and the legs to and from the broker
//! (inference rule 1.8).
//!
//! One flow per (send, consuming node); further consumes of it are deliveries, not messages. Without correlation only
//! the legs exist: nothing is joined by topic name alone.

use std::collections::{BTreeMap, BTreeSet};

use super::NodeRef;
use super::destination::{Evidence, Known, Resolver};
use super::edges::EdgeTable;
use crate::identity::NodeKey;
use crate::peer::{Category, Peer};
use crate::sampling::Weights;
use crate::segment::sampling::{Expected, TraceSum};
use crate::segment::stats::{EdgeStats, Flow};
use crate::segment::{ConsumeHalf, MessageId, Segment, SendHalf};
use crate::snapshot::Relation;

/// Sends by every span id that a consumer may name.
#[derive(Debug)]
pub(super) struct SendIndex<'a> {
    sends: &'a BTreeMap<MessageId, SendHalf>,
    inner: BTreeMap<MessageId, MessageId>,
}

impl<'a> SendIndex<'a> {
    pub(super) fn new(segment: &'a Segment) -> Self {
        let inner = segment.sends.iter().flat_map(|(id, send)| {
            let outer = *id;
            send.also.iter().map(move |span| ((outer.0, *span), outer))
        });
        Self {
            sends: &segment.sends,
            inner: inner.collect(),
        }
    }

    /// The send that bears this id itself or contains a span that does. A producer that exports only the low half of its
    /// trace ids is found by that half (rule 1.4.2).
    pub(super) fn find(&self, id: MessageId) -> Option<(MessageId, &'a SendHalf)> {
        let low = (id.0 & u128::from(u64::MAX), id.1);
        let outer = [id, low]
            .iter()
            .find_map(|id| match self.sends.contains_key(id) {
                true => Some(*id),
                false => self.inner.get(id).copied(),
            })?;
        self.sends.get(&outer).map(|send| (outer, send))
    }
}

/// What joining messages leaves to tell per consumer.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// Links that led to no known send.
    pub(super) unresolved_links: BTreeMap<NodeKey, u64>,
    /// Consumers whose producer was sampled out, as their weights and those of the pairs tell.
    pub(super) orphans: BTreeMap<NodeKey, Expected>,
    /// Messages that nobody was seen to consume, and consuming spans of which no sender was seen.
    pub(super) unpaired: [u64; 2],
    /// Brokers between which messages must have been passed on: sent to the one, taken from the other.
    pub(super) bridges: BTreeMap<(NodeRef, NodeRef), u64>,
}

/// Consuming spans per producer and consumer.
type Operations<'a> = BTreeMap<(&'a NodeKey, &'a NodeKey), BTreeSet<MessageId>>;

/// One consume of one send.
struct Delivery<'a> {
    consume: &'a ConsumeHalf,
    id: MessageId,
    by_link: bool,
}

/// Adds all message edges.
pub(super) fn join(
    segment: &Segment,
    resolver: &Resolver<'_>,
    table: &mut EdgeTable<'_>,
) -> Leftovers {
    let index = SendIndex::new(segment);
    let mut unresolved_links: BTreeMap<NodeKey, u64> = BTreeMap::new();
    let mut flows: BTreeMap<(MessageId, &NodeKey), Vec<Delivery<'_>>> = BTreeMap::new();
    for (id, consume) in &segment.consumes {
        for (send_id, is_link) in &consume.refs {
            match index.find(*send_id) {
                Some((_, send)) if !is_link && is_inside(send, consume) => {}
                Some((send_id, _)) => {
                    flows
                        .entry((send_id, &consume.consumer))
                        .or_default()
                        .push(Delivery {
                            consume,
                            id: *id,
                            by_link: *is_link,
                        })
                }
                None if *is_link => {
                    *unresolved_links
                        .entry(consume.consumer.clone())
                        .or_default() += 1;
                }
                None => {}
            }
        }
    }
    let mut operations = Operations::new();
    let mut bridges = BTreeMap::new();
    for ((send_id, consumer), deliveries) in &flows {
        let send = &segment.sends[send_id];
        let counted = counted(deliveries);
        let by_parent = deliveries.iter().any(|delivery| !delivery.by_link);
        flow(send, send_id.0, consumer, (&counted, by_parent), table);
        let taken = operations.entry((&send.producer, consumer)).or_default();
        taken.extend(counted.iter().map(|delivery| delivery.id));
        if let Some(bridge) = bridge(resolver, send, &counted) {
            *bridges.entry(bridge).or_default() += 1;
        }
    }
    for ((producer, consumer), taken) in operations {
        let ends = [producer, consumer].map(NodeRef::of_key);
        table.add_operations(&ends[0], &ends[1], taken.len() as u64);
    }
    legs(segment, resolver, &flows, table);
    let consumed: BTreeSet<MessageId> = flows.keys().map(|(send, _)| *send).collect();
    let joined = flows.values().flatten().map(|delivery| delivery.id);
    let joined: BTreeSet<MessageId> = joined.collect();
    let unpaired = [
        segment
            .sends
            .keys()
            .filter(|id| !consumed.contains(id))
            .count() as u64,
        segment
            .consumes
            .keys()
            .filter(|id| !joined.contains(id))
            .count() as u64,
    ];
    Leftovers {
        unpaired,
        unresolved_links,
        orphans: sampled_out(segment, &flows),
        bridges,
    }
}

/// Messaging inside one node is real only when a destination is named: executors reuse the kinds (X51, X65).
fn is_inside(send: &SendHalf, consume: &ConsumeHalf) -> bool {
    let names_broker = |peer: &Peer| {
        matches!(&peer.category, Category::Messaging { destination, system, .. }
            if !destination.is_empty() || !system.is_empty())
    };
    send.producer == consume.consumer && !names_broker(&send.peer) && !names_broker(&consume.peer)
}

/// The deliveries that count: a receive does not beside a process span for the same message, and one consume that names
/// the same send as parent and as link is one (its pointers follow each other).
fn counted<'d, 'a>(deliveries: &'d [Delivery<'a>]) -> Vec<&'d Delivery<'a>> {
    let is_processed = deliveries.iter().any(|d| !d.consume.is_receive);
    let mut counted: Vec<&Delivery<'_>> = deliveries
        .iter()
        .filter(|delivery| !(is_processed && delivery.consume.is_receive))
        .collect();
    counted.dedup_by(|a, b| std::ptr::eq(a.consume, b.consume));
    counted
}

/// The two brokers of a message that went from one to the other on its way (Z8).
fn bridge(
    resolver: &Resolver<'_>,
    send: &SendHalf,
    deliveries: &[&Delivery<'_>],
) -> Option<(NodeRef, NodeRef)> {
    let into = resolver.broker(&send.producer, &send.peer)?;
    let mut out_of = deliveries
        .iter()
        .filter_map(|d| resolver.broker(&d.consume.consumer, &d.consume.peer));
    let out_of = out_of.next()?;
    (into != out_of).then_some((into, out_of))
}

/// A consumer that is sampled more than its producer names, by its parent, sends that were not sampled. Those of one
/// trace are sampled together.
fn sampled_out(
    segment: &Segment,
    flows: &BTreeMap<(MessageId, &NodeKey), Vec<Delivery<'_>>>,
) -> BTreeMap<NodeKey, Expected> {
    let mut traces: BTreeMap<(&NodeKey, u128), TraceSum> = BTreeMap::new();
    for ((send_id, consumer), deliveries) in flows {
        let by_parent = deliveries.iter().filter(|delivery| !delivery.by_link);
        for delivery in by_parent {
            let weights = Weights {
                client: Some(segment.sends[send_id].sampled()),
                server: Some(delivery.consume.sampled()),
            };
            if let Some((per_send, _)) = weights.per_other() {
                let sum = traces.entry((consumer, send_id.0)).or_default();
                sum.add(per_send, 1);
            }
        }
    }
    let mut orphans: BTreeMap<NodeKey, Expected> = BTreeMap::new();
    for ((consumer, _), sum) in traces {
        orphans.entry(consumer.clone()).or_default().add(sum);
    }
    orphans
}

/// The logical edge from producer to consumer.
fn flow(
    send: &SendHalf,
    trace_id: u128,
    consumer: &NodeKey,
    (distinct, by_parent): (&[&Delivery<'_>], bool),
    table: &mut EdgeTable<'_>,
) {
    let last = distinct.iter().max_by_key(|d| (d.consume.start_ns, d.id.0));
    let count = |deliveries: usize| deliveries as u64;
    let mut stats = EdgeStats::of_flow(&Flow {
        messages: 1,
        deliveries: count(distinct.len()),
        has_failed: last.is_some_and(|d| d.consume.has_failed),
        failed_deliveries: count(distinct.iter().filter(|d| d.consume.has_failed).count()),
        weights: Weights {
            server: last.map(|d| d.consume.sampled()),
            ..Weights::of_client(send.sampled())
        },
        first_ns: send.start_ns,
        last_ns: distinct
            .iter()
            .map(|d| d.consume.end_ns)
            .max()
            .unwrap_or(send.end_ns),
        trace_id,
    });
    if let Some(consumed_ns) = distinct.iter().map(|d| d.consume.start_ns).min() {
        stats.waited(send.end_ns, consumed_ns);
    }
    let evidence = if by_parent {
        Evidence::Answered
    } else {
        Evidence::Link
    };
    let known = Known::new(NodeRef::of_key(consumer), evidence);
    let peer = first_named(&send.peer, distinct.iter().map(|d| &d.consume.peer));
    let producer = NodeRef::of_key(&send.producer);
    table.add_flow(&producer, &known, peer, &stats);
}

/// The first description that names a destination.
fn first_named<'a>(own: &'a Peer, mut others: impl Iterator<Item = &'a Peer>) -> &'a Peer {
    let is_named = |peer: &Peer| matches!(&peer.category, Category::Messaging { destination, .. } if !destination.is_empty());
    if is_named(own) {
        return own;
    }
    others.find(|peer| is_named(peer)).unwrap_or(own)
}

/// Data flow into and out of brokers. A half without broker takes the one of its correlated other halves.
fn legs(
    segment: &Segment,
    resolver: &Resolver<'_>,
    flows: &BTreeMap<(MessageId, &NodeKey), Vec<Delivery<'_>>>,
    table: &mut EdgeTable<'_>,
) {
    for (id, send) in &segment.sends {
        let Some(broker) = resolver.broker(&send.producer, &send.peer) else {
            continue;
        };
        let stats = EdgeStats::of_flow(&Flow {
            messages: send.messages,
            deliveries: send.messages,
            has_failed: false,
            failed_deliveries: 0,
            weights: Weights::of_client(send.sampled()),
            first_ns: send.start_ns,
            last_ns: send.end_ns,
            trace_id: id.0,
        });
        let known = Known::new(broker, Evidence::Dialled);
        let producer = NodeRef::of_key(&send.producer);
        table.add_flow(&producer, &known, &send.peer, &stats);
        table.add_operations(&producer, &known.node, 1);
    }
    let processed: BTreeSet<(MessageId, &NodeKey)> = flows
        .iter()
        .filter(|(_, deliveries)| deliveries.iter().any(|d| !d.consume.is_receive))
        .map(|(key, _)| *key)
        .collect();
    for (id, consume) in &segment.consumes {
        let is_counted_elsewhere = consume.is_receive
            && !consume.refs.is_empty()
            && consume
                .refs
                .iter()
                .all(|(send, _)| processed.contains(&(*send, &consume.consumer)));
        let broker = resolver.broker(&consume.consumer, &consume.peer);
        let (Some(broker), false) = (broker, is_counted_elsewhere) else {
            continue;
        };
        out_of_broker(id.0, consume, &broker, table);
    }
}

fn out_of_broker(
    trace_id: u128,
    consume: &ConsumeHalf,
    broker: &NodeRef,
    table: &mut EdgeTable<'_>,
) {
    let links = consume
        .refs
        .iter()
        .map(|(id, _)| id)
        .collect::<BTreeSet<_>>();
    let messages = consume.messages.max(links.len() as u64);
    let stats = EdgeStats::of_flow(&Flow {
        messages,
        deliveries: messages,
        has_failed: consume.has_failed,
        failed_deliveries: u64::from(consume.has_failed) * messages,
        weights: Weights::of_server(consume.sampled()),
        first_ns: consume.start_ns,
        last_ns: consume.end_ns,
        trace_id,
    });
    let known = Known::new(NodeRef::of_key(&consume.consumer), Evidence::Dialled);
    table.add_flow(broker, &known, &consume.peer, &stats);
    table.add_operations(broker, &known.node, 1);
}

impl EdgeTable<'_> {
    fn add_flow(&mut self, from: &NodeRef, to: &Known, peer: &Peer, stats: &EdgeStats) {
        self.add_messages(from, to, Relation::Async, peer, stats);
    }
}
