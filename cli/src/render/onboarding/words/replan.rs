//! What changed since the plan before, in words.

use tracemesh_graph::onboarding::{Move, MoveReason, Plan, Replan};

use super::why::limit;
use super::{Voice, counted, number};

/// What was kept, and whether keeping it was worth it: sentences.
pub(in super::super) fn summary(plan: &Plan, replan: &Replan) -> String {
    let common = counted(replan.common, "service");
    let are = if replan.common == 1 { "is" } else { "are" };
    if replan.replaced {
        return format!(
            "Nothing of the plan before could be kept: this is a fresh one. {common} {are} in both."
        );
    }
    let advice = if replan.advise_full {
        " That is so far that a fresh plan is worth its moves."
    } else {
        ""
    };
    format!(
        "{common} {are} in both plans; the next {} kept. Objective {:.3}; a fresh plan would have {:.3} and {}, so this one is {} times as far from full protection.{advice}",
        match replan.kept_waves {
            1 => "wave is".to_owned(),
            waves => format!("{waves} waves are"),
        },
        plan.summary.objective,
        replan.fresh_objective,
        counted(replan.fresh_moves, "move"),
        number(replan.gap, 3),
    )
}

/// A move since the plan before.
pub(in super::super) fn moved(step: &Move, voice: Voice) -> String {
    let place = |wave: Option<u32>, none: &str| {
        wave.map_or_else(|| none.to_owned(), |wave| format!("wave {wave}"))
    };
    let (from, to) = (place(step.from, "new"), place(step.to, "not planned"));
    let why = move_reason(&step.reason, voice);
    format!("{}: {from} -> {to}, {why}", voice.node(&step.service))
}

fn move_reason(reason: &MoveReason, voice: Voice) -> String {
    match reason {
        MoveReason::New => "it was not in the plan before".to_owned(),
        MoveReason::Done => "it is in the mesh".to_owned(),
        MoveReason::NotPlanned => "it is excluded, blocked by a hazard, or gone".to_owned(),
        MoveReason::Slipped => "its wave is over and it did not join".to_owned(),
        MoveReason::RolledBack => "it was rolled back".to_owned(),
        MoveReason::RateChanged { limit: broken } => {
            format!(
                "its traffic or risk changed and it no longer fits ({})",
                limit(*broken)
            )
        }
        MoveReason::NewEdge { service } => format!("a new call with {}", voice.node(service)),
        MoveReason::Cap { limit: broken } => {
            format!(
                "others of its wave grew, or a limit shrank ({})",
                limit(*broken)
            )
        }
        MoveReason::Pin => "a pin, an order or a freeze asks for it".to_owned(),
        MoveReason::Displaced { by } => format!("displaced by {}", voice.node(by)),
        MoveReason::Advanced => {
            "its new wave would be empty, or an exception, without it".to_owned()
        }
        MoveReason::Replanned => {
            "the earlier plan could not be repaired: this is a new one".to_owned()
        }
        MoveReason::Renumbered => "its wave got another number".to_owned(),
    }
}
