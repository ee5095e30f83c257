//! Why services moved, in words.

use tracemesh_graph::onboarding::{LimitName, MoveReason};

/// The reason of a move; `name` escapes names.
pub(super) fn why_moved(reason: &MoveReason, name: impl Fn(&str) -> String) -> String {
    match reason {
        MoveReason::New => "new".to_owned(),
        MoveReason::Done => "is in the mesh".to_owned(),
        MoveReason::NotPlanned => "excluded, blocked, or not seen any more".to_owned(),
        MoveReason::Slipped => "its wave is over without it".to_owned(),
        MoveReason::RolledBack => "was rolled back".to_owned(),
        MoveReason::RateChanged { limit } => format!("changed: now above the {}", word(*limit)),
        MoveReason::NewEdge { service } => format!("new calls with {}", name(service)),
        MoveReason::Cap { limit } => format!("no room left under the {}", word(*limit)),
        MoveReason::Pin => "a pin, an order or a freeze".to_owned(),
        MoveReason::Displaced { by } => format!("{} took its place", name(by)),
        MoveReason::Advanced => "the wave would be empty or an exception".to_owned(),
        MoveReason::Renumbered => "its wave has another number".to_owned(),
        MoveReason::Replanned => "the plan is a new one".to_owned(),
    }
}

/// A limit of a wave in words.
pub(super) const fn word(limit: LimitName) -> &'static str {
    match limit {
        LimitName::Size => "size limit",
        LimitName::Team => "team limit",
        LimitName::Traffic => "traffic cap",
        LimitName::Risk => "risk ceiling",
        LimitName::Adjacent => "rule on neighbours",
    }
}
