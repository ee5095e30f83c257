//! Nested outgoing spans folded into logical operations (inference rule 1.6).
//!
//! An outgoing span that nobody answered, and that contains outgoing spans of its own node, is a *wrapper*: an SDK over
//! HTTP, an ORM over a driver, a pool over a query. Wrapper and contents are one unit. A span that was answered is a
//! call of its own, and what it contains are further calls (X72).

use super::answers::Answers;
use super::steps::Steps;
use super::tree::{Side, Tree};

/// One logical operation: its outermost span and the innermost spans that carried it.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) top: usize,
    /// Innermost outgoing spans; `[top]` when nothing is wrapped.
    pub(super) leaves: Vec<usize>,
    /// Every outgoing span of the unit, outermost first.
    pub(super) members: Vec<usize>,
}

impl Unit {
    /// The outermost span, if it wraps others.
    pub(super) fn wrapper(&self) -> Option<usize> {
        (self.leaves != [self.top]).then_some(self.top)
    }
}

/// All units of a slice, in canonical order of their outermost spans.
pub(super) fn find(tree: &Tree, answers: &Answers, steps: &Steps) -> Vec<Unit> {
    let count = tree.records().len();
    let mut leaves: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut units = Vec::new();
    for &span in tree.top_down().iter().rev() {
        let is_call =
            tree.side(span) == Side::Out && !steps.is_plumbing(span) && !steps.is_upkeep(span);
        if !is_call {
            continue;
        }
        let mut own_leaves = std::mem::take(&mut leaves[span]);
        let mut own_members = std::mem::take(&mut members[span]);
        if own_leaves.is_empty() {
            own_leaves.push(span);
        }
        own_members.push(span);
        match wrapper_of(tree, answers, steps, span) {
            Some(wrapper) => {
                append(&mut leaves[wrapper], own_leaves);
                append(&mut members[wrapper], own_members);
            }
            None => units.push(Unit {
                top: span,
                leaves: own_leaves,
                members: own_members,
            }),
        }
    }
    for unit in &mut units {
        unit.leaves.sort_unstable();
        unit.members.reverse();
    }
    units.sort_by_key(|unit| unit.top);
    units
}

/// Moves the smaller list into the larger one, so that deep nesting stays linear.
fn append(into: &mut Vec<usize>, mut from: Vec<usize>) {
    if into.is_empty() {
        *into = from;
    } else {
        into.append(&mut from);
    }
}

/// The unanswered outgoing span around this one, looking through steps.
fn wrapper_of(tree: &Tree, answers: &Answers, steps: &Steps, span: usize) -> Option<usize> {
    let mut owner = tree.owner(span)?;
    while steps.is_plumbing(owner) || steps.is_upkeep(owner) {
        owner = tree.owner(owner)?;
    }
    (!answers.is_answered(owner)).then_some(owner)
}
