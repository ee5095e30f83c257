//! What moves in one piece, and in which order pieces have to come.

use std::collections::{BTreeMap, BTreeSet};

use super::super::options::{MeshMode, Order, PlanOptions};
use super::graph::{Call, Graph, circles};

/// By service that moves: the number of its piece.
pub(super) fn pieces(graph: &Graph<'_>, options: &PlanOptions) -> Vec<Option<usize>> {
    // Every service starts with a label of its own; a group gives one label to all that share one with its members.
    let mut sets: Vec<Vec<usize>> = Vec::new();
    for group in &options.groups.together {
        let numbers = group.iter().filter_map(|id| graph.number(id));
        sets.push(numbers.filter(|s| graph.moves(*s)).collect());
    }
    if options.mesh_mode == MeshMode::StrictOnly {
        let mut circles: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for service in (0..graph.count()).filter(|s| graph.moves(*s)) {
            circles
                .entry(graph.circle[service])
                .or_default()
                .push(service);
        }
        sets.extend(circles.into_values());
    }
    let mut of_service = vec![Vec::new(); graph.count()];
    for (set, members) in sets.iter().enumerate() {
        members.iter().for_each(|s| of_service[*s].push(set));
    }
    let mut piece = vec![None; graph.count()];
    let mut next = 0;
    for start in (0..graph.count()).filter(|s| graph.moves(*s)) {
        if piece[start].is_some() {
            continue;
        }
        let mut open = vec![start];
        while let Some(service) = open.pop() {
            if piece[service].replace(next).is_none() {
                // A set is walked once: whoever comes later finds it empty.
                for set in std::mem::take(&mut of_service[service]) {
                    open.append(&mut sets[set]);
                }
            }
        }
        next += 1;
    }
    piece
}

/// Pairs of services of which the first has to be in an earlier wave, by the order that holds for calls.
pub(super) fn ordered(graph: &Graph<'_>, options: &PlanOptions) -> Vec<(usize, usize)> {
    let calls = graph.calls.iter().filter(|call| call.caller != call.callee);
    let moving = calls.filter(|call| graph.moves(call.caller) && graph.moves(call.callee));
    match options.hard_order() {
        Order::Soft => Vec::new(),
        Order::CalleeFirst => moving.map(|call| (call.callee, call.caller)).collect(),
        Order::CallerFirst => moving.map(|call| (call.caller, call.callee)).collect(),
    }
}

/// Pairs that the order of calls asks for, but for those of these calls.
pub(super) fn but_for(
    graph: &Graph<'_>,
    options: &PlanOptions,
    broken: &BTreeSet<usize>,
) -> Vec<(usize, usize)> {
    let is_callee_first = options.hard_order() == Order::CalleeFirst;
    let pair = |call: Call| {
        if is_callee_first {
            (call.callee, call.caller)
        } else {
            (call.caller, call.callee)
        }
    };
    let broken = broken.iter().map(|number| pair(graph.calls[*number]));
    let broken: BTreeSet<(usize, usize)> = broken.collect();
    let mut pairs = ordered(graph, options);
    pairs.retain(|pair| !broken.contains(pair));
    pairs
}

/// Pairs that pins ask for.
pub(super) fn pinned(graph: &Graph<'_>, options: &PlanOptions) -> Vec<(usize, usize)> {
    let before = options.groups.before.iter();
    let before = before.filter_map(|(a, b)| Some((graph.number(a)?, graph.number(b)?)));
    before.collect()
}

/// Number of the circle that each service is part of, by what pins and the order of calls ask for of all services, those that never
/// move among them. Inside of one not everything that they ask for can be had.
pub(super) fn ordered_circles(
    graph: &Graph<'_>,
    options: &PlanOptions,
    piece: &[Option<usize>],
) -> Vec<usize> {
    let count = graph.count();
    // A service that does not move is a node of its own, after those of the pieces.
    let node = |service: usize| piece[service].unwrap_or(count + service);
    let calls = graph.calls.iter();
    let calls: Vec<(usize, usize)> = match options.hard_order() {
        Order::Soft => Vec::new(),
        Order::CalleeFirst => calls.map(|call| (call.callee, call.caller)).collect(),
        Order::CallerFirst => calls.map(|call| (call.caller, call.callee)).collect(),
    };
    let pairs = calls.into_iter().chain(pinned(graph, options));
    let circle = circles(
        2 * count,
        pairs.map(|(first, then)| (node(first), node(then))),
    );
    (0..count).map(|service| circle[node(service)]).collect()
}
