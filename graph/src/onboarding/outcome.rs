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
use super::input::{Evidence, Hazard, Health};
use super::options::{Limits, PlanOptions};
use super::risk::Risk;
use crate::snapshot::Window;

mod older;

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

/// A service in its wave, with everything a reviewer asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedService {
    /// Node id.
    pub service: String,
    /// Owning team, when known.
    pub team: Option<String>,
    /// Tier, when known.
    pub tier: Option<u8>,
    /// Value of moving it now.
    pub gain: Gain,
    /// Risk with all its parts.
    pub risk: Risk,
    /// Share of all traffic that enters or leaves it.
    pub touched: f64,
    /// Share of root requests that pass through it.
    pub criticality: f64,
    /// Whether `criticality` was estimated from the graph rather than measured.
    pub criticality_estimated: bool,
    /// Load when it fails and every layer above retries.
    pub amplification: Amplification,
    /// Why it is in no earlier wave.
    pub blocked: Vec<Blocked>,
    /// What works from this wave on.
    pub turns_on: TurnsOn,
    /// Outgoing calls on which the mesh must not retry yet; none when a retry budget is set.
    pub retries_off: Vec<RetriesOff>,
    /// When it can refuse plaintext.
    pub strict: Strict,
    /// Known hazards.
    pub hazards: Vec<Hazard>,
    /// How well it was observed.
    pub evidence: Evidence,
    /// Requests observed; 0 when unknown.
    pub requests: u64,
    /// Largest share of its requests that may make a call which nobody saw (rule of three: 3 / requests, with 95 % confidence); none
    /// when the requests are unknown or too few to tell.
    #[serde(default)]
    pub unseen: Option<f64>,
    /// How it does today.
    #[serde(default)]
    pub health: Health,
    /// The canary and what to watch.
    #[serde(default)]
    pub canary: Canary,
    /// What has to be undone before its sidecar is taken away.
    #[serde(default)]
    pub rollback: Vec<RollbackStep>,
}

/// The canary of a service.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Canary {
    /// Instances with a sidecar: 5 % of those seen, at least 1.
    pub instances: u64,
    /// Requests to the canary, and as many to the rest, after which twice the error share of today would show: 16 p (1 - p) / d^2 with p
    /// half way between the two shares and d between them; none when today's share is not known.
    pub requests: Option<u64>,
    /// Days until they are there, at today's mean rate and the canary's share of the instances; none when one of these is not known.
    pub days: Option<f64>,
    /// What to watch, at most five.
    pub watch: Vec<Watch>,
}

/// A metric to watch, and when to act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Which.
    pub metric: WatchMetric,
    /// What it is today, in the unit of the metric; none when it is not known.
    pub today: Option<f64>,
    /// Act above this: roll back, or, for calls through the passthrough and connections in plaintext, find out who makes them.
    pub limit: f64,
}

/// A metric of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchMetric {
    /// Share of requests answered with an error.
    ErrorShare,
    /// 99th percentile of the time per request, in milliseconds.
    P99Ms,
    /// Load of the instances with a sidecar as a multiple of that of the others.
    LoadSkew,
    /// Calls per second to addresses that no egress cluster defines.
    PassthroughCalls,
    /// Share of requests that the sidecar sheds.
    ShedShare,
    /// Connections in plaintext, after strict mTLS is possible.
    PlaintextConnections,
}

/// Something that has to be undone before a sidecar is taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "undo", rename_all = "snake_case")]
pub enum RollbackStep {
    /// A service that refuses plaintext accepts it again: a callee, which would refuse this caller, or the service itself, whose
    /// instances that are left would refuse its callers.
    Permissive {
        /// Node id of the callee.
        callee: String,
        /// Wave from which on it can refuse plaintext.
        from: u32,
    },
    /// In a mesh without a permissive mode: the callee leaves first, because it would refuse this caller.
    CalleeFirst {
        /// Node id of the callee.
        callee: String,
        /// Wave in which it joined.
        from: u32,
    },
    /// A caller switches its mesh retries off: nobody would shed any more. Not needed where a retry budget holds them.
    RetriesOff {
        /// Node id of the caller.
        caller: String,
        /// Wave from which on they may be on.
        from: u32,
    },
    /// A caller sends plaintext again: nobody would take its mTLS any more.
    PlaintextAgain {
        /// Node id of the caller.
        caller: String,
        /// Wave from which on it may use mTLS.
        from: u32,
    },
    /// Its label goes, and a rolling update.
    RemoveLabel,
}

/// Value of a move, split by kind of protection.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Gain {
    /// Load shedding for its callers.
    pub shed: f64,
    /// Client features for its own calls.
    pub client: f64,
    /// Calls with both ends in; a partner that joins later counts half.
    pub both: f64,
    /// Retry-storm exposure that ends.
    pub exposure: f64,
}

impl Gain {
    /// Sum of the parts.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.shed + self.client + self.both + self.exposure
    }
}

/// Load multipliers of a service that fails while every layer above retries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Amplification {
    /// Mean over its traffic, at least 1.
    pub mean: f64,
    /// Worst single path, at least 1.
    pub worst_path: f64,
    /// Whether attempts were assumed somewhere above it.
    pub assumed: bool,
    /// Whether it may be higher, because a cycle was cut above it.
    pub cycle: bool,
}

/// A run of waves that a service could not join, for one reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blocked {
    /// First wave of the run.
    pub from: u32,
    /// Last wave of the run.
    pub to: u32,
    /// The reason.
    #[serde(flatten)]
    pub reason: BlockReason,
}

/// Why a service did not join a wave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum BlockReason {
    /// It must not join yet.
    NotBefore {
        /// First wave allowed.
        wave: u32,
    },
    /// It must not join this late.
    NotAfter {
        /// Last wave allowed.
        wave: u32,
    },
    /// A freeze holds for it.
    Freeze {
        /// Name of the freeze.
        freeze: String,
    },
    /// Another service has to come first.
    After {
        /// That service.
        service: String,
    },
    /// Another service has to come later.
    Before {
        /// That service.
        service: String,
    },
    /// Its risk is above the ceiling.
    RiskCeiling {
        /// The ceiling.
        ceiling: f64,
    },
    /// It alone touches more traffic than the ramp allows.
    TrafficRamp {
        /// The cap.
        cap: f64,
    },
    /// What it moves with is more than the ramp allows.
    SizeRamp {
        /// Services allowed.
        cap: usize,
    },
    /// It would bring the wave above the traffic cap.
    TrafficCap {
        /// The cap.
        cap: f64,
    },
    /// It is above a cap by itself and needs a wave of its own, and others came first.
    NeedsOwnWave,
    /// The wave belongs to a service that is above a cap by itself.
    WaveTaken {
        /// That service.
        by: String,
    },
    /// It calls, or is called by, a service of the wave, or of one that changes at the same time.
    Adjacent {
        /// That service.
        service: String,
        /// Wave of that service.
        in_wave: u32,
    },
    /// It is pinned apart from a service of the wave.
    Apart {
        /// That service.
        service: String,
    },
    /// Its team has enough to do in the wave.
    TeamFull {
        /// The team.
        team: String,
    },
    /// More valuable services filled the wave.
    WaveFull,
    /// Nothing stands against it, but the plan as a whole is better this way.
    WorthLess,
}

/// What a service switches on when it joins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TurnsOn {
    /// Share of all traffic that it now sheds when overloaded.
    pub shed: f64,
    /// Calls that get client features.
    pub client: Vec<EdgeRef>,
    /// Calls, in both directions, that get mTLS and on which mesh retries are now safe.
    pub both: Vec<EdgeRef>,
}

/// Calls between two nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeRef {
    /// Node id of the caller.
    pub caller: String,
    /// Node id of the callee.
    pub callee: String,
    /// Share of all calls by services.
    pub share: f64,
    /// Confidence that the edge is real.
    pub confidence: f64,
}

/// Retries to keep off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetriesOff {
    /// Callee that cannot shed yet.
    pub callee: String,
    /// Wave in which it can; `None` when this plan never moves it.
    pub until: Option<u32>,
}

/// When a service can refuse plaintext.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Strict {
    /// From this wave on.
    Ready {
        /// Wave after which the service and all its callers are in.
        wave: u32,
        /// Callers that join after the service.
        waits_for: Vec<String>,
    },
    /// Not in this plan.
    Never {
        /// All reasons.
        because: Vec<StrictBlock>,
    },
}

/// Why a service cannot refuse plaintext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum StrictBlock {
    /// Calls arrive from outside the traces: their callers are unknown.
    EntryTraffic,
    /// Some of its spans have a parent that was never seen, which may be an unknown caller.
    Orphans {
        /// Number of such spans.
        spans: u64,
    },
    /// A caller cannot join.
    OutsideCaller {
        /// Node id of the caller.
        node: String,
    },
    /// A caller is excluded, or held back by a blocking hazard.
    UnplannedCaller {
        /// Node id of the caller.
        service: String,
    },
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
