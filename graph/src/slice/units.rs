//! Nested outgoing spans folded into logical operations (inference rule 1.6).
//!
//! An outgoing span that nobody answered, and that contains outgoing spans of its own node, is a *wrapper*: an SDK over
//! HTTP, an ORM over a driver, a pool over a query. Wrapper and contents are one unit. A span that was answered is a
//! call of its own, and what it contains are further calls (X72).

use super::answers::Answers;
use super::at::SpanAt;
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
    units: Vec<Kept>,
    /// Those of units that wrap anything.
    leaves: Vec<usize>,
    members: Vec<usize>,
    /// By span, where some span wraps another.
    inner: Vec<Inner>,
    /// Spans whose insides are still to be gone through.
    open: Vec<usize>,
}

/// A unit as it is kept.
#[derive(Debug, Clone, Copy)]
struct Kept {
    top: usize,
    /// Where its leaves and members end, if it wraps anything.
    ends: Option<(usize, usize)>,
}

/// The first of the spans that a span wraps, and the next that its own wrapper wraps.
#[derive(Debug, Clone, Copy)]
struct Inner {
    first: SpanAt,
    next: SpanAt,
}

impl Units {
    /// Finds the units of a slice.
    pub(super) fn find(&mut self, tree: &Tree<'_>, answers: &Answers, steps: &Steps) {
        self.units.clear();
        self.leaves.clear();
        self.members.clear();
        let mut has_wrappers = false;
        for top in 0..tree.len() {
            if !steps.is_call(tree, top) {
                continue;
            }
            if wrapper_of(tree, answers, steps, top).is_some() {
                has_wrappers = true;
            } else {
                self.units.push(Kept { top, ends: None });
            }
        }
        if has_wrappers {
            self.find_inner(tree, answers, steps);
            self.fill();
        }
    }

    fn find_inner(&mut self, tree: &Tree<'_>, answers: &Answers, steps: &Steps) {
        let none = Inner {
            first: SpanAt::NONE,
            next: SpanAt::NONE,
        };
        self.inner.clear();
        self.inner.resize(tree.len(), none);
        // From the bottom up, so that the lists are in the order from the top down.
        for &span in tree.top_down().iter().rev() {
            if steps.is_call(tree, span)
                && let Some(wrapper) = wrapper_of(tree, answers, steps, span)
            {
                let next = std::mem::replace(&mut self.inner[wrapper].first, SpanAt::to(span));
                self.inner[span].next = next;
            }
        }
    }

    /// Puts what is wrapped into its unit.
    fn fill(&mut self) {
        for unit in &mut self.units {
            if self.inner[unit.top].first.is_none() {
                continue;
            }
            let first_leaf = self.leaves.len();
            self.open.push(unit.top);
            while let Some(span) = self.open.pop() {
                self.members.push(span);
                let mut inner = self.inner[span].first;
                if inner.is_none() {
                    self.leaves.push(span);
                }
                let first = self.open.len();
                while let Some(span) = inner.get() {
                    self.open.push(span);
                    inner = self.inner[span].next;
                }
                self.open[first..].reverse();
            }
            self.leaves[first_leaf..].sort_unstable();
            unit.ends = Some((self.leaves.len(), self.members.len()));
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Unit<'_>> {
        let mut starts = (0, 0);
        self.units.iter().map(move |unit| {
            let Some((leaves, members)) = unit.ends else {
                let alone = std::slice::from_ref(&unit.top);
                return Unit {
                    top: unit.top,
                    leaves: alone,
                    members: alone,
                };
            };
            let begun = std::mem::replace(&mut starts, (leaves, members));
            Unit {
                top: unit.top,
                leaves: &self.leaves[begun.0..leaves],
                members: &self.members[begun.1..members],
            }
        })
    }
}

/// The unanswered outgoing span around this one, looking through steps.
fn wrapper_of(tree: &Tree<'_>, answers: &Answers, steps: &Steps, span: usize) -> Option<usize> {
    let mut owner = tree.owner(span)?;
    while steps.is_step(owner) {
        owner = tree.owner(owner)?;
    }
    (!answers.is_answered(owner)).then_some(owner)
}
