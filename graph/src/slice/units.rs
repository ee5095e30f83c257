//! Nested outgoing spans folded into logical operations (inference rule 1.6).
//!
//! An outgoing span that nobody answered, and that contains outgoing spans of its own node, is a *wrapper*: an SDK over
//! HTTP, an ORM over a driver, a pool over a query. Wrapper and contents are one unit. A span that was answered is a
//! call of its own, and what it contains are further calls (X72).

use super::answers::Answers;
use super::steps::Steps;
use super::tree::Tree;

/// One logical operation: its outermost span and the innermost spans that carried it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit<'a> {
    pub(super) top: usize,
    /// Innermost outgoing spans; `[top]` when nothing is wrapped.
    pub(super) leaves: &'a [usize],
    /// Every outgoing span of the unit, outermost first.
    pub(super) members: &'a [usize],
}

impl Unit<'_> {
    /// The outermost span, if it wraps others.
    pub(super) fn wrapper(&self) -> Option<usize> {
        (self.leaves != [self.top]).then_some(self.top)
    }
}

/// All units of a slice, in canonical order of their outermost spans; reused from slice to slice.
#[derive(Debug, Default)]
pub(super) struct Units {
    /// Outermost span of each, and where its leaves and members end.
    ends: Vec<(usize, usize, usize)>,
    leaves: Vec<usize>,
    members: Vec<usize>,
    /// By span: the first of those that it wraps, and the next that its own wrapper wraps.
    first_inner: Vec<usize>,
    next_inner: Vec<usize>,
    is_wrapped: Vec<bool>,
    /// Spans whose insides are still to be gone through.
    open: Vec<usize>,
}

/// No span.
const NONE: usize = usize::MAX;

impl Units {
    /// Finds the units of a slice.
    pub(super) fn find(&mut self, tree: &Tree<'_>, answers: &Answers, steps: &Steps) {
        let count = tree.len();
        for list in [&mut self.first_inner, &mut self.next_inner] {
            list.clear();
            list.resize(count, NONE);
        }
        self.is_wrapped.clear();
        self.is_wrapped.resize(count, false);
        self.ends.clear();
        self.leaves.clear();
        self.members.clear();
        // From the bottom up, so that the lists are in the order from the top down.
        for &span in tree.top_down().iter().rev() {
            if steps.is_call(tree, span)
                && let Some(wrapper) = wrapper_of(tree, answers, steps, span)
            {
                self.is_wrapped[span] = true;
                self.next_inner[span] = std::mem::replace(&mut self.first_inner[wrapper], span);
            }
        }
        for top in 0..count {
            if steps.is_call(tree, top) && !self.is_wrapped[top] {
                self.add(top);
            }
        }
    }

    /// Adds the unit of an outermost span.
    fn add(&mut self, top: usize) {
        let first_leaf = self.leaves.len();
        self.open.push(top);
        while let Some(span) = self.open.pop() {
            self.members.push(span);
            let mut inner = self.first_inner[span];
            if inner == NONE {
                self.leaves.push(span);
            }
            let first = self.open.len();
            while inner != NONE {
                self.open.push(inner);
                inner = self.next_inner[inner];
            }
            self.open[first..].reverse();
        }
        self.leaves[first_leaf..].sort_unstable();
        let ends = (self.leaves.len(), self.members.len());
        self.ends.push((top, ends.0, ends.1));
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Unit<'_>> {
        let mut starts = (0, 0);
        self.ends.iter().map(move |(top, leaves, members)| {
            let begun = std::mem::replace(&mut starts, (*leaves, *members));
            Unit {
                top: *top,
                leaves: &self.leaves[begun.0..*leaves],
                members: &self.members[begun.1..*members],
            }
        })
    }
}

/// The unanswered outgoing span around this one, looking through steps.
fn wrapper_of(tree: &Tree<'_>, answers: &Answers, steps: &Steps, span: usize) -> Option<usize> {
    let mut owner = tree.owner(span)?;
    while steps.is_plumbing(owner) || steps.is_upkeep(owner) {
        owner = tree.owner(owner)?;
    }
    (!answers.is_answered(owner)).then_some(owner)
}
