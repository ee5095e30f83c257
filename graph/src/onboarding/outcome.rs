//! The plan: waves, reasons, curves, and what was left out.
//!
//! Its JSON is the public format `tracemesh.onboarding/v1`: fields keep their names and meanings, new fields may appear. All
//! shares and risks are fractions of 1; services are node ids of the snapshot; waves count from 1, and wave 0 means "already in".
//! ```text
//! { "schema": "tracemesh.onboarding/v1", "window": {..}, "options": {..}, "summary": {..}, "traffic": {..},
//!   "curves": [{"wave": 0, "shed": 0, "client": 0, "both": 0, "strict": 0}, ..], "maximum": {..},
//!   "waves": [{"wave": 1, "limits": {..}, "touched": .., "alone": false, "exceptions": [], "strict_ready": [..],
//!              "services": [{"service": .., "gain": {..}, "risk": {"score": .., "parts": [..]}, "blocked": [..],
//!                            "turns_on": {..}, "retries_off": [..], "strict": {..}, ..}]}],
//!   "done": [..], "unplanned": [..], "cut_arcs": [..], "notes": [..], "left_out": {"reason": 0} }
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dates::Calendar;
use super::options::{Limits, PlanOptions};
use crate::snapshot::Window;

mod change;
mod older;
mod service;

pub use change::{Move, MoveReason, Replan};
pub use service::{
    Amplification, BlockReason, Blocked, Canary, EdgeRef, Gain, PlannedService, RetriesOff,
    RollbackStep, Strict, StrictBlock, TurnsOn, Watch, WatchMetric,
};

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.onboarding/v1";

/// An onboarding plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Window of the observations.
    pub window: Window,
    /// Hash of everything that the plan was made from, such as `sha256:2c26..`; empty when nobody computed it.
    #[serde(default)]
    pub input: String,
    /// The mesh, where there are several.
    #[serde(default)]
    pub mesh: Option<String>,
    /// The parameters used (without the facts about services, which stand with the services).
    #[serde(deserialize_with = "older::options")]
    pub options: PlanOptions,
    /// The numbers that sum it up.
    pub summary: Summary,
    /// The traffic that all shares refer to.
    pub traffic: Traffic,
    /// No plan under the same limits without exceptions can be better than this.
    #[serde(default)]
    pub bounds: Bounds,
    /// The passes of the portfolio, in the order of their rules.
    #[serde(default)]
    pub candidates: Vec<CandidatePlan>,
    /// Protection before the first wave and after each.
    pub curves: Vec<CurvePoint>,
    /// Protection when every planned service is in.
    pub maximum: Curves,
    /// The waves in order.
    pub waves: Vec<Wave>,
    /// Services that are in the mesh already.
    pub done: Vec<String>,
    /// Services that the plan does not move, with the consequences.
    pub unplanned: Vec<Unplanned>,
    /// Calls left out of the amplification and criticality estimate to break cycles.
    pub cut_arcs: Vec<EdgeRef>,
    /// Calls that a hard order asks for and the plan may not respect, because they close a circle, or would with services that are
    /// pinned together; empty in the soft order.
    #[serde(default)]
    pub broken_arcs: Vec<EdgeRef>,
    /// Calls whose caller joins before its callee, with the attempts that mesh retries would multiply.
    #[serde(default)]
    pub inverted: Vec<Inverted>,
    /// How this plan differs from the one before; none for a first plan.
    #[serde(default)]
    pub replan: Option<Replan>,
    /// When the waves happen; none without a first day.
    #[serde(default)]
    pub calendar: Option<Calendar>,
    /// Where what people, inventory and spans say of the status of a service differs.
    #[serde(default)]
    pub contradictions: Vec<Contradiction>,
    /// What a reader has to know about the input.
    pub notes: Vec<String>,
    /// What was left out: reason -> count.
    pub left_out: BTreeMap<String, u64>,
}

/// Head of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Services in the input.
    pub services: usize,
    /// Services that some wave moves.
    pub planned: usize,
    /// Waves.
    pub waves: usize,
    /// Mean wave at which a unit of protection arrives, over all that this plan brings; 0 when it brings none.
    pub mean_wave: f64,
    /// Area above the protection curve, in waves: the worth of each protection times the wave in which it arrives.
    pub area: f64,
    /// `area` plus the cost of the waves; smaller is better.
    pub objective: f64,
    /// Waves with an exception, without those in `tolerated`.
    pub exceptions: usize,
    /// Waves over a limit by no more than the tolerance, because they were planned before the numbers moved.
    #[serde(default)]
    pub tolerated: usize,
    /// Calls between services whose caller joins before its callee, as a share of all calls by services.
    pub caller_first: f64,
}

/// What no plan can be better than, under the same limits without exceptions.
///
/// Waves: the ramp with the waves that risk or order allow, teams, cliques, and traffic. Area: every protection of both ends at the
/// mean of its ends, waves filled by the heaviest services that may be in them (Smith's rule with releases).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Bounds {
    /// Waves.
    pub waves: usize,
    /// Area above the protection curve.
    pub area: f64,
    /// `area` and the cost of the waves.
    pub objective: f64,
}

/// A pass of the portfolio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidatePlan {
    /// Name of the rule, such as `value share=0.25 risk=0 laxity`.
    pub rule: String,
    /// Waves.
    pub waves: usize,
    /// Waves with an exception.
    pub exceptions: usize,
    /// Its objective.
    pub objective: f64,
    /// Whether the plan was made from it.
    pub chosen: bool,
}

/// A call whose caller joins before its callee.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inverted {
    /// Node id of the caller.
    pub caller: String,
    /// Node id of the callee.
    pub callee: String,
    /// Waves in which each joins; none for a callee that this plan does not move.
    pub waves: (u32, Option<u32>),
    /// Share of all calls by services.
    pub share: f64,
    /// Attempts of the application per call while the callee fails.
    pub attempts: f64,
    /// Whether they were assumed.
    pub assumed: bool,
    /// Attempts on the wire per call if the sidecar of the caller retries too: `attempts` times one and the retry budget, or, without
    /// one, times the three attempts that meshes make by default.
    #[serde(default)]
    pub with_mesh_retries: f64,
}

/// Sources that say different things about the status of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Contradiction {
    /// Node id, or what the source calls the service.
    pub service: String,
    /// What is taken for true.
    pub taken: super::input::Status,
    /// Who says what, in words.
    pub says: Vec<String>,
}

/// The base of all shares, in the unit of the input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// Calls into services from outside the traces, and from nodes that cannot join.
    pub entry: f64,
    /// Calls by services, whatever the callee: base of `client`, `both` and `strict`.
    pub by_services: f64,
    /// Both together: base of `shed` and `touched`.
    pub all: f64,
    /// Share of `all` that goes to callees which cannot join (databases, brokers, hosts outside): no wave sheds there.
    pub to_outside: f64,
}

/// Shares of traffic that each class of features protects.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Curves {
    /// Callee sheds load (adaptive concurrency, rate limit): callee in.
    pub shed: f64,
    /// Client features (timeouts, outlier detection, circuit breaking, ...): caller in.
    pub client: f64,
    /// mTLS and peer identity: both in.
    pub both: f64,
    /// Callee can refuse plaintext: callee and all its callers in, no caller unknown.
    pub strict: f64,
}

/// The four shares after a wave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Wave; 0 is the state before the plan.
    pub wave: u32,
    /// The shares.
    #[serde(flatten)]
    pub curves: Curves,
    /// Retry-storm exposure that is left, as a share of all there is.
    #[serde(default)]
    pub exposure: f64,
}

/// Services that join together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wave {
    /// Number, from 1.
    pub wave: u32,
    /// What the wave had to keep to.
    pub limits: Limits,
    /// Share of all traffic that enters or leaves its services.
    pub touched: f64,
    /// Share of root requests that pass through its services: their sum, at most 1.
    #[serde(default)]
    pub blast_radius: f64,
    /// Effort by team.
    #[serde(default)]
    pub team_load: BTreeMap<String, u32>,
    /// Whether its only service is above the traffic cap, which is allowed after the ramp.
    pub alone: bool,
    /// Limits that the wave breaks, each with its cause.
    #[serde(deserialize_with = "older::exceptions")]
    pub exceptions: Vec<Exception>,
    /// Calls on which mesh retries may be switched on after this wave, though their caller joined earlier: the callee sheds now. With a
    /// retry budget: calls of this wave's services whose callee does not shed yet.
    #[serde(default)]
    pub retries_on: Vec<EdgeRef>,
    /// Services that can refuse plaintext from this wave on, once no plaintext arrives for the bake time.
    pub strict_ready: Vec<String>,
    /// The services, most valuable first. Empty only when every service left is held back by `not_before`.
    pub services: Vec<PlannedService>,
}

/// A limit that had to be broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exception {
    /// Which.
    pub limit: LimitName,
    /// Why.
    #[serde(flatten)]
    pub because: ExceptionCause,
}

/// A limit of a wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitName {
    /// Services.
    Size,
    /// Effort of one team.
    Team,
    /// Traffic touched.
    Traffic,
    /// Risk of a single service.
    Risk,
    /// No two services that call each other.
    Adjacent,
}

/// Why a limit was broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum ExceptionCause {
    /// No service kept to it: the least risky one goes alone.
    NothingEligible,
    /// A pin asks for this wave, or for one no later.
    Pinned {
        /// The services pinned.
        services: Vec<String>,
    },
    /// These services move in one piece.
    InOnePiece {
        /// The services.
        services: Vec<String>,
    },
    /// The wave was planned before the numbers moved, and is over its limit by no more than the tolerance.
    PlannedBefore,
}

/// A service that the plan does not move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unplanned {
    /// Node id.
    pub service: String,
    /// Why it is excluded, where people told.
    #[serde(default)]
    pub because: Option<String>,
    /// Hazards that have to be fixed first; empty when the service is excluded.
    pub blockers: Vec<String>,
    /// Services that can never refuse plaintext because this one calls them.
    pub strict_lost: Vec<String>,
}
