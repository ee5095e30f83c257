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

use super::input::{Evidence, Hazard};
use super::options::{Limits, PlanOptions};
use super::risk::Risk;
use crate::snapshot::Window;

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.onboarding/v1";

/// An onboarding plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Window of the observations.
    pub window: Window,
    /// The parameters used (without the facts about services, which stand with the services).
    pub options: PlanOptions,
    /// The numbers that sum it up.
    pub summary: Summary,
    /// The traffic that all shares refer to.
    pub traffic: Traffic,
    /// Protection after each wave, wave 0 first.
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
    /// Waves with an exception.
    pub exceptions: usize,
    /// Calls between services whose caller joins before its callee, as a share of all calls by services.
    pub caller_first: f64,
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
    /// Whether its only service is above the traffic cap, which is allowed after the ramp.
    pub alone: bool,
    /// Limits that the wave breaks because no service kept to them.
    pub exceptions: Vec<ExceptionCode>,
    /// Services that can refuse plaintext from this wave on, once no plaintext arrives for the bake time.
    pub strict_ready: Vec<String>,
    /// The services, most valuable first. Empty only when every service left is held back by `not_before`.
    pub services: Vec<PlannedService>,
}

/// A limit that had to be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionCode {
    /// No service was below the risk ceiling.
    RiskCeiling,
    /// No service was below the traffic cap of the ramp.
    TrafficCap,
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
    /// Outgoing calls on which the mesh must not retry yet, unless a retry budget is set.
    pub retries_off: Vec<RetriesOff>,
    /// When it can refuse plaintext.
    pub strict: Strict,
    /// Known hazards.
    pub hazards: Vec<Hazard>,
    /// How well it was observed.
    pub evidence: Evidence,
    /// Requests observed; 0 when unknown.
    pub requests: u64,
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
    /// It would bring the wave above the traffic cap.
    TrafficCap {
        /// The cap.
        cap: f64,
    },
    /// It touches more than the cap and needs a wave of its own, and others came first.
    NeedsOwnWave,
    /// The wave belongs to one service above the traffic cap.
    WaveTaken {
        /// That service.
        by: String,
    },
    /// It calls, or is called by, a service of the wave.
    Adjacent {
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
    /// Hazards that have to be fixed first; empty when the service is excluded.
    pub blockers: Vec<String>,
    /// Services that can never refuse plaintext because this one calls them.
    pub strict_lost: Vec<String>,
}
