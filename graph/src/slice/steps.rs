//! Steps inside a call: DNS, socket and TLS spans, and the upkeep of connections (inference rule 1.6).
//!
//! Steps are never calls. They lend their address to the outgoing span that they belong to when it names none:
//! a wrong address would be worse than a missing one, so with several candidates the closest before the answer
//! wins, and what is left over goes to address-less siblings that contain it in time.

use std::collections::BTreeMap;

use super::answers::Answers;
use super::tree::{Side, Tree};
use super::{Event, SliceSink};
use crate::names::{PeerId, Tables};
use crate::record::Marks;

/// Which outgoing spans are steps, and whose address each outgoing span uses; reused from slice to slice.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    uses: Vec<Use>,
    /// Spans that keep a connection up.
    upkeep: Vec<usize>,
    /// Steps that name a host, but belong to no call.
    left_over: Vec<usize>,
    /// Spans that know an address but are no calls.
    lenders: Vec<usize>,
}

/// What a span is to the calls around it.
#[derive(Debug, Clone, Copy)]
struct Use {
    /// The peer that holds its address.
    address: PeerId,
    is_plumbing: bool,
    is_upkeep: bool,
}

/// Without any of these an outgoing span is no step.
const STEP_MARKS: Marks =
    Marks::from_bits(Marks::PLUMBING.bits() | Marks::SOCKET_ONLY.bits() | Marks::UPKEEP.bits());

impl Steps {
    /// Steps that name a host, but belong to no call: they show that an edge exists, and no more.
    pub(crate) fn left_over(&self) -> &[usize] {
        &self.left_over
    }

    /// Spans that keep a connection up without sending a request.
    pub(crate) fn upkeep(&self) -> &[usize] {
        &self.upkeep
    }

    /// True for spans that are part of another call.
    pub(crate) fn is_plumbing(&self, span: usize) -> bool {
        self.uses[span].is_plumbing
    }

    /// True for outgoing spans that are calls of their own, or carry one.
    pub(crate) fn is_call(&self, tree: &Tree<'_>, span: usize) -> bool {
        tree.side(span) == Side::Out && !self.is_step(span)
    }

    /// True for plumbing and upkeep.
    pub(crate) fn is_step(&self, span: usize) -> bool {
        self.uses[span].is_plumbing || self.uses[span].is_upkeep
    }

    /// The peer that holds the address of an outgoing span: its own, or that of one of its steps.
    pub(crate) fn address(&self, out: usize) -> PeerId {
        self.uses[out].address
    }

    /// Finds the steps of a slice.
    pub(crate) fn find(
        &mut self,
        tree: &Tree<'_>,
        answers: &Answers,
        names: &Tables,
        sink: &mut impl SliceSink,
    ) {
        for list in [&mut self.upkeep, &mut self.left_over, &mut self.lenders] {
            list.clear();
        }
        self.uses.clear();
        self.uses.extend(tree.records().map(|record| Use {
            address: record.peer,
            is_plumbing: false,
            is_upkeep: false,
        }));
        for span in 0..tree.len() {
            let may_lend = match tree.side(span) {
                Side::Out if tree.has_any(STEP_MARKS) => self.judge(tree, answers, span, sink),
                Side::Out | Side::In => false,
                // Internal spans with a peer address.
                Side::Any => true,
            };
            if may_lend && names.peer_traits(self.address(span)).has_address() {
                self.lenders.push(span);
            }
        }
        if self.lenders.is_empty() {
            return;
        }
        let lenders = std::mem::take(&mut self.lenders);
        let left_over = lend_to_owners(tree, answers, names, &lenders, self);
        self.lenders = lenders;
        let left_over = lend_to_siblings(tree, answers, names, left_over, self);
        let named = left_over.into_iter().filter(|step| {
            let record = tree.record(*step);
            record.marks.has(Marks::PLUMBING) && names.peer_traits(record.peer).is_dialled()
        });
        self.left_over.extend(named);
    }

    /// Finds out whether an outgoing span is a step: true if it is one of another call.
    fn judge(
        &mut self,
        tree: &Tree<'_>,
        answers: &Answers,
        span: usize,
        sink: &mut impl SliceSink,
    ) -> bool {
        let marks = tree.record(span).marks;
        if !marks.has(STEP_MARKS) || answers.is_answered(span) {
            return false;
        }
        let is_plumbing = marks.has(Marks::PLUMBING)
            || (marks.has(Marks::SOCKET_ONLY) && tree.owner(span).is_some());
        if is_plumbing {
            self.uses[span].is_plumbing = true;
            sink.event(tree.node(span), Event::Plumbing);
        } else if marks.has(Marks::UPKEEP) {
            self.uses[span].is_upkeep = true;
            self.upkeep.push(span);
        }
        is_plumbing
    }
}

fn needs_address(tree: &Tree<'_>, names: &Tables, out: usize) -> bool {
    !names.peer_traits(tree.record(out).peer).has_address()
}

/// Gives each address-less outgoing span the closest of its own steps. Returns the steps nobody took.
fn lend_to_owners(
    tree: &Tree<'_>,
    answers: &Answers,
    names: &Tables,
    lenders: &[usize],
    steps: &mut Steps,
) -> Vec<usize> {
    let mut by_owner: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut left_over = Vec::new();
    for lender in lenders {
        match real_owner(tree, steps, *lender) {
            Some(owner) => by_owner.entry(owner).or_default().push(*lender),
            None => left_over.push(*lender),
        }
    }
    for (owner, lenders) in by_owner {
        let taken = needs_address(tree, names, owner)
            .then(|| closest(tree, answers, names, owner, &lenders))
            .flatten();
        if let Some(lender) = taken {
            steps.uses[owner].address = tree.record(lender).peer;
        }
        left_over.extend(lenders.iter().filter(|lender| Some(**lender) != taken));
    }
    left_over
}

/// The nearest outgoing span above that is not itself a step.
fn real_owner(tree: &Tree<'_>, steps: &Steps, span: usize) -> Option<usize> {
    let mut owner = tree.owner(span)?;
    while steps.is_plumbing(owner) {
        owner = tree.owner(owner)?;
    }
    Some(owner)
}

fn closest(
    tree: &Tree<'_>,
    answers: &Answers,
    names: &Tables,
    owner: usize,
    lenders: &[usize],
) -> Option<usize> {
    let answer_start = answers
        .of(owner)
        .iter()
        .map(|answer| tree.record(*answer).start_ns)
        .min();
    let has_name = |lender: &usize| names.peer_traits(tree.record(*lender).peer).is_dialled();
    let start = |lender: &usize| tree.record(*lender).start_ns;
    lenders
        .iter()
        .filter(|lender| answer_start.is_none_or(|answer| start(lender) <= answer))
        .max_by_key(|lender| {
            // Without an answer the first step is the call's own; later ones may be redirects.
            let closeness = match answer_start {
                Some(_) => start(lender),
                None => u64::MAX - start(lender),
            };
            (has_name(lender), closeness, std::cmp::Reverse(**lender))
        })
        .copied()
}

/// Gives steps left over, in start order and one each, to address-less unanswered outgoing siblings that contain them
/// in time (X71). Returns the steps nobody took.
fn lend_to_siblings(
    tree: &Tree<'_>,
    answers: &Answers,
    names: &Tables,
    mut left_over: Vec<usize>,
    steps: &mut Steps,
) -> Vec<usize> {
    if left_over.is_empty() {
        return left_over;
    }
    left_over.sort_by_key(|lender| (tree.record(*lender).start_ns, *lender));
    let mut borrowers: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for out in 0..tree.len() {
        let is_open = tree.side(out) == Side::Out
            && !answers.is_answered(out)
            && !steps.is_plumbing(out)
            && steps.address(out) == tree.record(out).peer
            && needs_address(tree, names, out);
        if is_open {
            borrowers.entry(tree.parent(out)).or_default().push(out);
        }
    }
    left_over.retain(|lender| {
        let lender = *lender;
        let Some(candidates) = borrowers.get_mut(&tree.parent(lender)) else {
            return true;
        };
        let step = tree.record(lender);
        let borrower = candidates.iter().position(|out| {
            let call = tree.record(*out);
            tree.node(*out) == tree.node(lender)
                && call.start_ns <= step.start_ns
                && step.end_ns() <= call.end_ns()
        });
        if let Some(position) = borrower {
            steps.uses[candidates.remove(position)].address = step.peer;
        }
        borrower.is_none()
    });
    left_over
}
