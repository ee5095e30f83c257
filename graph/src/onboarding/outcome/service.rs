//! A service in its wave, with everything a reviewer asks for.

use serde::{Deserialize, Serialize};

use super::super::input::{Evidence, Hazard, Health};
use super::super::risk::Risk;

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
