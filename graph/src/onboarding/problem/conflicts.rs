//! Pins that contradict each other: two of them are named, and nothing is planned.

use super::super::board::Obstacle;
use super::super::greedy::Stuck;
use super::Problem;

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No plan keeps to both.
    #[error("no plan can keep to both: {first}; {second}")]
    Pins {
        /// A pin in words.
        first: String,
        /// Another one.
        second: String,
    },
}

/// Contradictions between what is said about services, before they are grouped.
pub(super) fn find(_problem: &Problem<'_>) -> Result<(), PlanError> {
    Ok(())
}

/// Narrows the windows along what has to come before what, and finds those that are empty.
pub(super) fn propagate(_problem: &mut Problem<'_>) -> Result<(), PlanError> {
    Ok(())
}

/// The pin `before` with this number closes a circle with those in front of it.
pub(super) fn circle(problem: &Problem<'_>, number: usize) -> PlanError {
    let pins = &problem.options.groups.before;
    let say = |(first, then): &(String, String)| format!("`{first}` before `{then}`");
    let others: Vec<String> = pins.iter().take(number).map(say).collect();
    PlanError::Pins {
        first: say(&pins[number]),
        second: others.join(", "),
    }
}

/// A pass found no wave for an item.
pub(in super::super) fn stuck(problem: &Problem<'_>, stuck: Stuck) -> PlanError {
    let name = |item: usize| problem.model.ids[problem.items[item].members[0]].as_str();
    let own = name(stuck.item);
    PlanError::Pins {
        first: format!(
            "`{own}` not after wave {}",
            problem.items[stuck.item].window.1
        ),
        second: match stuck.obstacle {
            Obstacle::After(other) => format!("`{}` before `{own}`", name(other)),
            Obstacle::Before(other) => format!("`{own}` before `{}`", name(other)),
            Obstacle::Apart(other) => format!("`{own}` apart from `{}`", name(other)),
            Obstacle::Frozen(freeze) => {
                format!("freeze `{}`", problem.options.freezes[freeze].name)
            }
            _ => "the limits of the waves before".to_owned(),
        },
    }
}
