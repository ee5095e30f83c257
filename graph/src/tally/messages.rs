//! Messages while a shard counts them, by interned ids. The oldest go when there is no room.

use std::collections::{BTreeMap, VecDeque};

use super::joined;
use crate::names::Tables;
use crate::segment::{ConsumeHalf, MessageId, Segment, SendHalf};
use crate::slice::{Consume, Send};

/// Messages since the last flush, bounded.
#[derive(Debug, Default)]
pub(super) struct MessageTally {
    sends: VecDeque<Send>,
    consumes: VecDeque<Consume>,
}

impl MessageTally {
    /// Keeps a message; false when another had to go for it.
    pub(super) fn send(&mut self, send: Send, max: usize) -> bool {
        keep(&mut self.sends, send, max)
    }

    /// As for sends.
    pub(super) fn consume(&mut self, consume: Consume, max: usize) -> bool {
        keep(&mut self.consumes, consume, max)
    }

    /// Adds the messages of another tally, however many.
    pub(super) fn merge(&mut self, other: &Self) {
        self.sends.extend(other.sends.iter().cloned());
        self.consumes.extend(other.consumes.iter().cloned());
    }

    /// Puts names to everything.
    pub(super) fn name_into(&self, names: &Tables, segment: &mut Segment) {
        let send = |send: &Send| named_send(send, names);
        segment.sends = by_id(&self.sends, send_id, send, SendHalf::or);
        let consume = |consume: &Consume| named_consume(consume, names);
        segment.consumes = by_id(&self.consumes, consume_id, consume, ConsumeHalf::or);
    }
}

fn keep<T>(messages: &mut VecDeque<T>, message: T, max: usize) -> bool {
    messages.push_back(message);
    let is_room = messages.len() <= max;
    if !is_room {
        messages.pop_front();
    }
    is_room
}

/// The messages with names. Sorted by their small ids first: a table is built at once from what is sorted.
fn by_id<T, H>(
    messages: &VecDeque<T>,
    id: impl Fn(&T) -> MessageId,
    named: impl Fn(&T) -> H,
    or: impl Fn(&mut H, H),
) -> BTreeMap<MessageId, H> {
    let mut sorted: Vec<&T> = messages.iter().collect();
    sorted.sort_unstable_by_key(|message| id(message));
    let by_id = sorted.chunk_by(|a, b| id(a) == id(b));
    let kept = by_id.filter_map(|same| {
        let mut halves = same.iter().map(|message| named(message));
        let mut kept = halves.next()?;
        halves.for_each(|half| or(&mut kept, half));
        Some((id(same[0]), kept))
    });
    kept.collect()
}

fn send_id(send: &Send) -> MessageId {
    (send.trace_id.as_u128(), send.span_id.as_u64())
}

fn consume_id(consume: &Consume) -> MessageId {
    (consume.trace_id.as_u128(), consume.span_id.as_u64())
}

fn named_send(send: &Send, names: &Tables) -> SendHalf {
    SendHalf {
        producer: names.node(send.producer).clone(),
        peer: joined(send.peer, names),
        also: send.also.iter().map(|id| id.as_u64()).collect(),
        messages: u64::from(send.messages),
        weight: send.weight.value,
        is_weighed: send.weight.is_known,
        start_ns: send.start_ns,
        end_ns: send.end_ns,
    }
}

fn named_consume(consume: &Consume, names: &Tables) -> ConsumeHalf {
    let refs = consume.refs.iter().map(|r| {
        let id = (r.trace_id.as_u128(), r.span_id.as_u64());
        (id, r.is_link)
    });
    ConsumeHalf {
        consumer: names.node(consume.consumer).clone(),
        peer: joined(consume.peer, names),
        refs: refs.collect(),
        is_receive: consume.is_receive,
        messages: u64::from(consume.messages),
        weight: consume.weight.known(),
        has_failed: consume.has_failed,
        start_ns: consume.start_ns,
        end_ns: consume.end_ns,
    }
}
