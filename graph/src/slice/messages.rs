//! Messages of a slice: what was sent, what was consumed, and which sends a consumer names (inference rule 1.8).
//!
//! Correlation itself happens over all traces, because links point into other traces and back in time.

use std::collections::BTreeSet;

use super::answers::{is_consume, is_send};
use super::calls::{Context, peer_of};
use super::tree::{Side, Tree};
use super::units::{Unit, Units};
use super::{Attempt, Consume, PeerRef, Send, SendRef, SliceSink};
use crate::peer::MessageRole;
use crate::span::SpanKind;

pub(super) fn emit(context: Context<'_>, units: &Units, sink: &mut impl SliceSink) {
    let tree = context.tree;
    let sends = context.answers.has_sent() || (0..tree.len()).any(|span| is_send(tree, span));
    for unit in units.iter().filter(|_| sends) {
        if let Some(send) = send_of(context, unit) {
            sink.send(send);
        }
    }
    if context.answers.consumes.is_empty() {
        return;
    }
    let nested = nested_consumes(context);
    for (span, send) in &context.answers.consumes {
        if !nested.contains(span) {
            consume(context, *span, *send, sink);
        }
    }
}

/// The message that a unit hands over, unless the unit was answered like a call (Z10) or repeats a create.
fn send_of(context: Context<'_>, unit: Unit<'_>) -> Option<Send> {
    let tree = context.tree;
    let sends = |span: &usize| context.answers.is_sent(*span) || is_send(tree, *span);
    let is_answered = |leaf: &usize| context.answers.is_answered(*leaf);
    if !unit.members.iter().any(sends)
        || unit.leaves.iter().any(is_answered)
        || sends_created_message(tree, unit)
    {
        return None;
    }
    let top = tree.record(unit.top);
    let leaf = *unit.leaves.first()?;
    Some(Send {
        trace_id: top.trace_id,
        span_id: top.span_id,
        also: unit
            .members
            .iter()
            .map(|span| tree.record(*span).span_id)
            .filter(|id| *id != top.span_id)
            .collect(),
        producer: tree.node(unit.top),
        peer: peer_of(context, unit, leaf, unit.leaves.len() == 1),
        messages: top.messages,
        weight: top.sampled(),
        start_ns: top.start_ns,
        end_ns: top.end_ns(),
    })
}

/// A send that links to a create of its own node moves the message that the create stands for (X3).
fn sends_created_message(tree: &Tree<'_>, unit: Unit<'_>) -> bool {
    let record = tree.record(unit.top);
    record.role == MessageRole::Send
        && record.links.iter().flatten().any(|link| {
            tree.with_id(link.span_id).any(|other| {
                other.trace_id == link.trace_id
                    && other.node == record.node
                    && other.role == MessageRole::Create
            })
        })
}

/// Of consuming spans inside each other in one node, the outermost that names a send speaks for all; if none does,
/// the outermost that names a destination; else the outermost.
fn nested_consumes(context: Context<'_>) -> BTreeSet<usize> {
    let tree = context.tree;
    let consumes = &context.answers.consumes;
    let all: BTreeSet<usize> = consumes.iter().map(|(span, _)| *span).collect();
    let names_send: BTreeSet<usize> = consumes
        .iter()
        .filter(|(span, send)| send.is_some() || tree.record(*span).links.is_some())
        .map(|(span, _)| *span)
        .collect();
    let mut silent = BTreeSet::new();
    for span in &all {
        let Some(outer) = enclosing_consume(tree, *span).filter(|outer| all.contains(outer)) else {
            continue;
        };
        let worth = |span: &usize| {
            let peer = context.names.peer_traits(tree.record(*span).peer);
            (names_send.contains(span), peer.has_system())
        };
        if worth(&outer) >= worth(span) {
            silent.insert(*span);
        } else {
            silent.insert(outer);
        }
    }
    silent
}

fn enclosing_consume(tree: &Tree<'_>, span: usize) -> Option<usize> {
    let outer = tree.above(span)?;
    (tree.node(outer) == tree.node(span)).then_some(outer)
}

fn consume(context: Context<'_>, span: usize, send: Option<usize>, sink: &mut impl SliceSink) {
    let tree = context.tree;
    let record = tree.record(span);
    let peer = PeerRef {
        base: record.peer,
        address: context.steps.address(span),
    };
    // A parent that is not here may be a send that another instance saw, or that settled before.
    let sender = match send {
        Some(send) => Some(tree.record(send).span_id),
        None if tree.orphan_event(span).is_some() => record.parent_id,
        None => None,
    };
    let by_parent = sender.map(|span_id| SendRef {
        trace_id: record.trace_id,
        span_id,
        is_link: false,
    });
    let by_link = record.links.iter().flatten().map(|link| SendRef {
        trace_id: link.trace_id,
        span_id: link.span_id,
        is_link: true,
    });
    sink.consume(Consume {
        trace_id: record.trace_id,
        span_id: record.span_id,
        consumer: tree.node(span),
        peer,
        refs: by_parent.into_iter().chain(by_link).collect(),
        is_receive: record.role == MessageRole::Receive,
        messages: record.messages,
        weight: record.sampled(),
        has_failed: record.is_error(),
        start_ns: record.start_ns,
        end_ns: record.end_ns(),
    });
    if tree.side(span) == Side::In && dials_broker(context, span) {
        // The span's error is the consumer's own: the broker delivered.
        let mut dialled = Attempt::alone(tree.node(span), peer, record);
        dialled.request = tree.request(span);
        sink.attempt(&dialled);
    }
}

/// A consumer dials its broker, unless the message was pushed to it over a call it serves (X5), or an outgoing receive
/// span around it dials already.
fn dials_broker(context: Context<'_>, span: usize) -> bool {
    let tree = context.tree;
    let outer = tree.above(span);
    let is_inside_own = outer.is_some_and(|outer| {
        tree.node(outer) == tree.node(span)
            && !(is_consume(tree, outer) && tree.record(outer).kind == SpanKind::Consumer)
            && !is_send(tree, outer)
    });
    let peer = context.names.peer_traits(tree.record(span).peer);
    let address = context.names.peer_traits(context.steps.address(span));
    let is_known = peer.has_system() || peer.has_name() || address.has_address();
    is_known && !is_inside_own
}
