//! Open halves of calls while a shard counts them, keyed by interned ids.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::counts::{Counts, Told};
use super::edges::{EdgeIds, edge_key};
use crate::names::{LabelId, NodeId, Tables};
use crate::record::SpanRecord;
use crate::segment::halves::{GivenUp, HalfId, Halves, OpenCall, OpenServer};
use crate::segment::{MessageId, Segment};
use crate::slice::{Event, SendRef};

/// Halves since the last flush, bounded.
#[derive(Debug, Default)]
pub(super) struct OpenTally {
    /// In boxes, because the tree moves what is in it.
    calls: BTreeMap<HalfId, Box<OpenCallIds>>,
    servers: BTreeMap<HalfId, Vec<OpenServerIds>>,
    given_up: GivenUp,
}

/// An [`OpenCall`] by interned ids.
#[derive(Debug)]
struct OpenCallIds {
    edge: EdgeIds,
    told: Told,
    is_ambiguous: bool,
}

/// An [`OpenServer`] by interned ids.
#[derive(Debug)]
struct OpenServerIds {
    callee: NodeId,
    caller: MessageId,
    is_link: bool,
    event: &'static str,
    error: LabelId,
    has_failed: bool,
    start_ns: u64,
    duration_ns: u64,
}

/// Real traces have one server span under an id, or two. Of a million that somebody makes up, a few do.
const MAX_UNDER_ONE_ID: usize = 4;

impl OpenTally {
    /// Keeps the attempt of an open call, if there is room for it; true then. The same span in another slice is counted like
    /// any call.
    pub(super) fn call(&mut self, id: HalfId, edge: EdgeIds, told: &Told, max: usize) -> bool {
        // Beyond the largest that is kept: nearly all of them, once the table is full.
        let largest = || self.calls.last_key_value().map(|(largest, _)| *largest);
        if self.calls.len() >= max && largest().is_none_or(|largest| largest < id) {
            self.given_up.calls += 1;
            return false;
        }
        match self.calls.entry(id) {
            Entry::Occupied(mut known) => {
                known.get_mut().is_ambiguous = true;
                false
            }
            Entry::Vacant(place) => {
                place.insert(Box::new(OpenCallIds {
                    edge,
                    told: *told,
                    is_ambiguous: false,
                }));
                true
            }
        }
    }

    /// A call that has to make room.
    pub(super) fn excess(&mut self, max: usize) -> Option<(EdgeIds, Told)> {
        if self.calls.len() <= max {
            return None;
        }
        let (_, call) = self.calls.pop_last()?;
        self.given_up.calls += call.told.calls();
        Some((call.edge, call.told))
    }

    /// Notes a server span whose caller was not seen, if there is room for it.
    pub(super) fn server(
        &mut self,
        record: &SpanRecord,
        caller: SendRef,
        event: Event,
        max: usize,
    ) {
        let own = (record.trace_id.as_u128(), record.span_id.as_u64());
        let is_link = caller.is_link;
        let caller = (caller.trace_id.as_u128(), caller.span_id.as_u64());
        let id = HalfId::of_server(caller, own);
        if !Halves::takes(&self.servers, id, max) {
            self.given_up.servers += 1;
            return;
        }
        let under_one_id = self.servers.entry(id).or_default();
        if under_one_id.len() >= MAX_UNDER_ONE_ID {
            return;
        }
        under_one_id.push(OpenServerIds {
            callee: record.node,
            caller,
            is_link,
            event: event.name(),
            error: record.error,
            has_failed: record.is_error(),
            start_ns: record.start_ns,
            duration_ns: record.duration_ns,
        });
        if self.servers.len() > max
            && let Some((_, last)) = self.servers.pop_last()
        {
            self.given_up.servers += last.len() as u64;
        }
    }

    /// The halves with names.
    pub(super) fn named(&self, names: &Tables) -> Segment {
        let mut segment = Segment::default();
        segment.give_up(&self.given_up);
        // Tables are built at once from what is sorted.
        let calls = self.calls.iter();
        let calls = calls.map(|(id, call)| (*id, call.named(names)));
        segment.halves.calls = calls.collect();
        let servers = self.servers.iter().filter_map(|(id, under_one_id)| {
            let mut named = under_one_id.iter().map(|server| server.named(names));
            let mut first = named.next()?;
            named.for_each(|server| first.or(server));
            Some((*id, first))
        });
        segment.halves.servers = servers.collect();
        segment
    }
}

impl OpenCallIds {
    fn named(&self, names: &Tables) -> OpenCall {
        let mut counts = Counts::default();
        counts.count(&self.told);
        OpenCall {
            edge: edge_key(&self.edge, names),
            stats: counts.into_stats(names),
            is_ambiguous: self.is_ambiguous,
        }
    }
}

impl OpenServerIds {
    fn named(&self, names: &Tables) -> OpenServer {
        OpenServer {
            callee: names.node(self.callee).clone(),
            caller: self.caller,
            is_link: self.is_link,
            event: self.event.to_owned(),
            has_failed: self.has_failed,
            error: names.label(self.error).to_owned(),
            start_ns: self.start_ns,
            duration_ns: self.duration_ns,
        }
    }
}
