//! Parameters of the plan: the goal, the order, the ramp, the weights of value, the dates, and what people decided.
//!
//! Every value is echoed in the plan, so that a reader can tell why it looks as it does. Values that make no sense (not a number,
//! negative, zero where one is the least) are read as the nearest one that does; nothing here can make planning loop. Only pins that
//! contradict each other make it fail.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dates::{CalendarOptions, Freeze};
use super::input::{Hazard, Pins, Status};

mod effective;
mod ramp;
mod replanning;

pub use ramp::{Limits, Ramp};
pub use replanning::Replanning;

/// How to plan. The defaults are those of the specification and suit a first rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanOptions {
    /// What the plan is best at.
    pub goal: Goal,
    /// Whether callers or callees have to come first.
    pub order: Order,
    /// What the mesh can accept on one port.
    pub mesh_mode: MeshMode,
    /// Limits on each wave.
    pub ramp: Ramp,
    /// What a unit of protection is worth.
    pub weights: Weights,
    /// How many waves change at once.
    pub in_flight: InFlight,
    /// Share of all calls by services from which on two services are adjacent; 0 makes every edge count.
    pub adjacent_share: f64,
    /// Waves that earlier plans carried out: the first one of this plan has the next number and its place on the ramp.
    pub waves_done: u32,
    /// Attempts per call where none were observed or declared, at least 1.
    pub assumed_attempts: f64,
    /// Retries that the mesh may add, as a share of calls, where the configuration sets a retry budget. Without one, mesh retries
    /// stay off until the callee can shed.
    pub retry_budget: Option<f64>,
    /// Effort of the search.
    pub search: Search,
    /// How much of an earlier plan stands.
    pub replanning: Replanning,
    /// Services that have to keep to each other.
    pub groups: Groups,
    /// Days on which nothing may change.
    pub freezes: Vec<Freeze>,
    /// Dates of the waves.
    pub calendar: CalendarOptions,
    /// Node attribute that names the owning team; without it teams come from `facts` only, and a service without a team has no team cap.
    pub team_attribute: Option<String>,
    /// What people know about services, by node id. Not echoed in the plan, because it appears there service by service.
    #[serde(skip_serializing)]
    pub facts: BTreeMap<String, ServiceFacts>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            goal: Goal::default(),
            order: Order::default(),
            mesh_mode: MeshMode::default(),
            ramp: Ramp::default(),
            weights: Weights::default(),
            in_flight: InFlight::default(),
            adjacent_share: 0.0,
            waves_done: 0,
            assumed_attempts: 3.0,
            retry_budget: None,
            search: Search::default(),
            replanning: Replanning::default(),
            groups: Groups::default(),
            freezes: Vec::new(),
            calendar: CalendarOptions::default(),
            team_attribute: None,
            facts: BTreeMap::new(),
        }
    }
}

/// What the plan is best at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Most protection soonest, at bounded risk.
    #[default]
    Balanced,
    /// Services that can refuse plaintext soonest.
    StrictMtls,
    /// Smaller steps: ceilings of risk and traffic as in [`Ramp::cautious`].
    RiskAverse,
}

/// Whether callers or callees have to come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// What the worth of protection suggests, mostly callees first.
    #[default]
    Soft,
    /// Every callee before its callers, but for the arcs that close a cycle.
    CalleeFirst,
    /// Every caller before its callees, but for the arcs that close a cycle.
    CallerFirst,
}

/// What the mesh can accept on one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeshMode {
    /// Plaintext and mTLS on one port.
    #[default]
    Permissive,
    /// mTLS only: callers come first, and services that call each other in a circle join in one wave.
    StrictOnly,
}

impl PlanOptions {
    /// The order that holds: a mesh without a permissive mode asks for callers first, whatever else was asked for.
    #[must_use]
    pub const fn hard_order(&self) -> Order {
        match self.mesh_mode {
            MeshMode::StrictOnly => Order::CallerFirst,
            MeshMode::Permissive => self.order,
        }
    }
}

/// How many waves change at once, at least 1. Services that call each other are never in flight together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InFlight {
    /// While the ramp widens.
    pub ramp: u32,
    /// After it.
    pub after: u32,
}

impl Default for InFlight {
    fn default() -> Self {
        Self { ramp: 1, after: 1 }
    }
}

/// Effort of the search for a better plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    /// Most moves that are tried to improve the best plan of the portfolio; 0 leaves it as it is.
    pub tries: u64,
}

impl Default for Search {
    fn default() -> Self {
        Self { tries: 20_000_000 }
    }
}

/// Services that have to keep to each other, by node id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Groups {
    /// Pairs of which the first has to be in an earlier wave than the second.
    pub before: Vec<(String, String)>,
    /// Services that join in one wave.
    pub together: Vec<Vec<String>>,
    /// Services of which no two join in one wave.
    pub apart: Vec<Vec<String>>,
}

/// Facts that traces do not carry; each one overrides what the snapshot says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceFacts {
    /// Owning team.
    pub team: Option<String>,
    /// Tier 0 (most critical) to 3; larger numbers count as 3.
    pub tier: Option<u8>,
    /// Known hazards of a transparent sidecar.
    pub hazards: Vec<Hazard>,
    /// Codes of hazards that were dealt with: they no longer count.
    pub fixed: Vec<String>,
    /// Where the service stands.
    pub status: Status,
    /// When it may join.
    pub pins: Pins,
    /// Effort for its team, of which the team cap allows so much per wave.
    pub effort: Option<u32>,
    /// Measured share of root requests that pass through the service, 0 to 1.
    pub criticality: Option<f64>,
    /// Attempts that one of its calls makes while the callee fails, where the traces do not tell.
    pub attempts: Option<f64>,
}

/// Worth of each kind of protection; with the defaults they sum to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// Load shedding at the callee.
    pub shed: f64,
    /// Client features at the caller.
    pub client: f64,
    /// Features that need both ends.
    pub both: f64,
    /// Exposure to retry storms that ends.
    pub exposure: f64,
    /// Cost of one more wave, in waves of full protection.
    pub wave: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            shed: 0.35,
            client: 0.15,
            both: 0.25,
            exposure: 0.25,
            wave: 0.05,
        }
    }
}

/// How one pass of the portfolio ranks candidates: by `gain * touched^-share_exponent * (risk + 0.05)^-risk_exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ranking {
    /// Preference for services that touch little traffic.
    pub share_exponent: f64,
    /// Preference for services of little risk.
    pub risk_exponent: f64,
}

impl Default for Ranking {
    fn default() -> Self {
        Self {
            share_exponent: 0.25,
            risk_exponent: 0.0,
        }
    }
}
