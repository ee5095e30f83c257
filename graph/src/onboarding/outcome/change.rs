//! How a plan differs from the one before: every move with its reason.

use serde::{Deserialize, Serialize};

use super::LimitName;

/// How a plan differs from the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replan {
    /// The next waves, whose services only move when they can no longer stay.
    pub kept_waves: u32,
    /// Services that both plans move.
    pub common: usize,
    /// Every difference, by service.
    pub moves: Vec<Move>,
    /// Objective of a fresh plan.
    pub fresh_objective: f64,
    /// Objective of this plan as a multiple of it; 1 when it has none to bring.
    pub gap: f64,
    /// Differences that a fresh plan would have.
    #[serde(default)]
    pub fresh_moves: usize,
    /// Whether `gap` is so large, or this plan has so many more exceptions, that a fresh plan is worth its moves.
    #[serde(default)]
    pub advise_full: bool,
    /// Whether the plan is a fresh one, because nothing of the earlier one could be kept.
    #[serde(default)]
    pub replaced: bool,
}

/// A service that is in another wave than before, or new, or gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Move {
    /// Node id.
    pub service: String,
    /// Wave before, 0 when it was in the mesh; none when the earlier plan did not move it.
    pub from: Option<u32>,
    /// Wave now, 0 when it is in the mesh; none when this plan does not move it.
    pub to: Option<u32>,
    /// Why.
    #[serde(flatten)]
    pub reason: MoveReason,
}

/// Why a service moved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum MoveReason {
    /// It was not in the plan before.
    New,
    /// It is in the mesh.
    Done,
    /// It is excluded, held back by a blocking hazard, or not in the graph any more.
    NotPlanned,
    /// It was planned for a wave that is over, and did not join.
    Slipped,
    /// It was in the mesh and is not any more.
    RolledBack,
    /// Its traffic or risk changed, and it no longer fits: the limit.
    RateChanged {
        /// The limit that it would break.
        limit: LimitName,
    },
    /// It calls, or is called by, a service of its wave, and did not before.
    NewEdge {
        /// That service.
        service: String,
    },
    /// A limit became tighter, or others of its wave grew.
    Cap {
        /// The limit.
        limit: LimitName,
    },
    /// A pin, an order or a freeze asks for it.
    Pin,
    /// A service took its place that is worth more than twice as much, or is pinned there, or is the only one to keep the limits.
    Displaced {
        /// That service.
        by: String,
    },
    /// Its new wave would be empty, or an exception, without it.
    Advanced,
    /// Its wave moved as a whole, because an earlier one is empty or over.
    Renumbered,
    /// The earlier plan could not be repaired: this is a new one.
    Replanned,
}
