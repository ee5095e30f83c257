//! What the plan is made from: services with their rates and facts, and the calls between them.
//!
//! Independent of the snapshot, so that a test, a policy file or another source can state a graph directly. Names are hostile text
//! and are only compared and copied here. Rates share one unit (calls in the window, or per second): the plan uses their ratios.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::snapshot::Window;

/// A graph to plan.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanInput {
    /// Window of the observations, when known.
    #[serde(default)]
    pub window: Window,
    /// Services by node id. A node that cannot join the mesh is not listed: as an end of an edge it counts as outside.
    pub services: BTreeMap<String, PlanService>,
    /// Calls, in any order; edges with the same ends are merged.
    pub edges: Vec<PlanEdge>,
    /// What the source left out before planning: reason -> count.
    #[serde(default)]
    pub left_out: BTreeMap<String, u64>,
}

/// A service that could join the mesh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanService {
    /// Rate of calls from outside the traces.
    #[serde(default)]
    pub entry_rate: f64,
    /// Owning team; a service without one has no team cap.
    #[serde(default)]
    pub team: Option<String>,
    /// Tier 0 (most critical) to 3.
    #[serde(default)]
    pub tier: Option<u8>,
    /// Known hazards.
    #[serde(default)]
    pub hazards: Vec<Hazard>,
    /// Where the service stands.
    #[serde(default)]
    pub status: Status,
    /// When it may join.
    #[serde(default)]
    pub pins: Pins,
    /// Effort for its team, at least 1.
    #[serde(default = "one")]
    pub effort: u32,
    /// Measured share of root requests that pass through it; estimated from the graph when absent.
    #[serde(default)]
    pub criticality: Option<f64>,
    /// How well the service was observed.
    pub evidence: Evidence,
    /// Requests observed (not corrected for sampling); 0 when unknown.
    #[serde(default)]
    pub requests: u64,
    /// Spans whose parent was never seen: each may hide a caller that nobody knows.
    #[serde(default)]
    pub orphans: u64,
    /// How it does today, for the thresholds of its canary.
    #[serde(default)]
    pub health: Health,
}

impl PlanService {
    /// A service of which nothing is known but that its observations leave nothing to doubt.
    #[must_use]
    pub const fn unknown() -> Self {
        Self {
            entry_rate: 0.0,
            team: None,
            tier: None,
            hazards: Vec::new(),
            status: Status::Pending,
            pins: Pins::NONE,
            effort: 1,
            criticality: None,
            evidence: Evidence::FULL,
            requests: 0,
            orphans: 0,
            health: Health::UNKNOWN,
        }
    }
}

const fn one() -> u32 {
    1
}

/// When a service may join, as people decided. Waves count from 1; days need a calendar with a start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pins {
    /// Before or with the first of all others.
    pub first: bool,
    /// After or with the last of all others.
    pub last: bool,
    /// In this wave.
    pub wave: Option<u32>,
    /// First wave allowed.
    pub not_before: Option<u32>,
    /// Last wave allowed.
    pub not_after: Option<u32>,
    /// First day on which its canary may start.
    pub not_before_day: Option<Date>,
    /// Last day of its rolling update.
    pub not_after_day: Option<Date>,
}

impl Pins {
    /// Nothing decided.
    pub const NONE: Self = Self {
        first: false,
        last: false,
        wave: None,
        not_before: None,
        not_after: None,
        not_before_day: None,
        not_after_day: None,
    };
}

/// How a service does today, as far as spans tell.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Share of requests that it answers with an error of its own.
    pub error_share: Option<f64>,
    /// 50th percentile of its own time per request, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the same.
    pub p99_ms: Option<f64>,
    /// Requests per second, of all instances.
    pub requests_per_second: Option<f64>,
    /// Instances seen.
    pub instances: Option<u64>,
}

impl Health {
    /// Nothing known.
    pub const UNKNOWN: Self = Self {
        error_share: None,
        p50_ms: None,
        p99_ms: None,
        requests_per_second: None,
        instances: None,
    };
}

/// Calls from one node to another over a connection that a sidecar would carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanEdge {
    /// Node id of the caller.
    pub caller: String,
    /// Node id of the callee.
    pub callee: String,
    /// Rate of logical calls.
    pub rate: f64,
    /// Attempts that one call makes while its callee fails; `None` lets the plan assume a number and say so.
    #[serde(default)]
    pub attempts: Option<f64>,
    /// Share of the caller's requests that make at least one such call; `None` estimates it as the smaller of 1 and calls per request.
    #[serde(default)]
    pub hit_ratio: Option<f64>,
    /// Confidence that the edge is real, 0 to 1.
    pub confidence: f64,
}

/// Where a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// To be planned.
    #[default]
    Pending,
    /// Already in the mesh: wave 0.
    Done,
    /// Will not join.
    Excluded,
}

/// Something that makes a transparent sidecar less than transparent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hazard {
    /// Short code, e.g. `server-speaks-first`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
}

/// Severity of a hazard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Unlikely to be noticed.
    Low,
    /// Needs a look.
    Medium,
    /// Likely to break something.
    High,
    /// The service cannot join until it is fixed.
    Blocker,
}

impl Severity {
    /// Chance of trouble that the severity stands for; a blocker is no risk but a reason not to plan the service.
    #[must_use]
    pub const fn chance(self) -> f64 {
        match self {
            Self::Low => 0.1,
            Self::Medium => 0.3,
            Self::High | Self::Blocker => 0.6,
        }
    }
}

/// How well a service was observed: four shares in 0..=1, of which the smallest counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// `n / (n + 30)` for n observed requests.
    pub requests: f64,
    /// Days seen, of seven.
    pub days: f64,
    /// Confidence of its edges to other services, weighted by calls.
    pub confidence: f64,
    /// Share of its outgoing calls whose destination is known.
    pub known_peers: f64,
}

impl Evidence {
    /// Nothing left to doubt.
    pub const FULL: Self = Self {
        requests: 1.0,
        days: 1.0,
        confidence: 1.0,
        known_peers: 1.0,
    };

    /// The smallest share and its name.
    #[must_use]
    pub fn weakest(&self) -> (f64, &'static str) {
        [
            (self.requests, "requests"),
            (self.days, "days"),
            (self.confidence, "confidence"),
            (self.known_peers, "known_peers"),
        ]
        .into_iter()
        .map(|(share, name)| (clean_share(share), name))
        .fold((1.0, "requests"), |least, next| {
            if next.0 < least.0 { next } else { least }
        })
    }
}

/// A share inside 0..=1; what is not a number counts as 0.
pub(super) fn clean_share(share: f64) -> f64 {
    if share.is_nan() {
        0.0
    } else {
        share.clamp(0.0, 1.0)
    }
}

/// Largest rate that is taken at its word: sums of it stay finite over any graph that fits into memory.
const MAX_RATE: f64 = 1e18;

/// A rate that is safe to add up; `None` when it is negative, infinite, or not a number.
pub(super) fn clean_rate(rate: f64) -> Option<f64> {
    (rate.is_finite() && rate >= 0.0).then(|| rate.min(MAX_RATE))
}
