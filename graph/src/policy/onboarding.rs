//! What a company decides about onboarding: the section `onboarding:` of the policy.
//!
//! ```text
//! OnboardingPolicy + GraphSnapshot -> plan_options: PlanOptions by node id, patterns that mean nothing
//!                                 \-> meshes: which service belongs to which mesh
//! ```
//! Patterns become node ids here and nowhere else: the plan knows ids only. A name without `*` decides before a pattern with
//! one; between two of the same kind no order should have to decide, which the reader of the file checks. It refuses to drop a
//! rule silently: a pattern that means no service is told with its line.

use std::fmt;

use jiff::civil::Date;

use super::{Label, ServicePattern};
use crate::onboarding::{Hazard, Pins, PlanOptions};

mod members;
mod resolve;
mod services;
#[cfg(test)]
mod tests;

pub use members::MeshRule;
pub(crate) use services::Services;

/// Everything that the section says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OnboardingPolicy {
    /// Parameters of the plan that name no service; its groups, freezes and facts are empty.
    pub options: PlanOptions,
    /// What is decided for services.
    pub services: Vec<OnboardingRule>,
    /// Days on which nothing may change.
    pub freezes: Vec<FreezeRule>,
    /// Services that join in an earlier wave than others.
    pub before: Vec<BeforeRule>,
    /// Services that join in one wave.
    pub together: Vec<GroupRule>,
    /// Services of which no two join in one wave.
    pub apart: Vec<GroupRule>,
    /// Meshes that are planned apart; one mesh of everything when empty.
    pub meshes: Vec<MeshRule>,
    /// How a sidecar is known in an inventory, beside what is known of common meshes.
    pub sidecars: SidecarRule,
}

/// What is decided for the services that a pattern means.
#[derive(Debug, Clone, PartialEq)]
pub struct OnboardingRule {
    /// Whom it is for.
    pub service: ServicePattern,
    /// Owning team.
    pub team: Option<String>,
    /// Tier 0 (most critical) to 3.
    pub tier: Option<u8>,
    /// Effort for its team.
    pub effort: Option<u32>,
    /// Why it will not join, and who says so.
    pub exclude: Option<Exclusion>,
    /// When it may join.
    pub pins: Pins,
    /// Hazards that people know; one of the same code that was seen gets this severity.
    pub hazards: Vec<Hazard>,
    /// Hazards that were dealt with.
    pub fixed_hazards: Vec<FixedHazard>,
    /// Measured share of root requests that pass through it, 0 to 1.
    pub criticality: Option<f64>,
    /// Attempts that one of its calls makes while the callee fails, where the traces do not tell.
    pub attempts: Option<f64>,
    /// Line in the policy file, for messages.
    pub line: usize,
}

impl OnboardingRule {
    /// A rule that decides nothing.
    #[must_use]
    pub const fn new(service: ServicePattern, line: usize) -> Self {
        Self {
            service,
            team: None,
            tier: None,
            effort: None,
            exclude: None,
            pins: Pins::NONE,
            hazards: Vec::new(),
            fixed_hazards: Vec::new(),
            criticality: None,
            attempts: None,
            line,
        }
    }
}

/// Why a service will not join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.owner)
    }
}

/// A hazard that was dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedHazard {
    /// Its code.
    pub code: String,
    /// How.
    pub reason: Option<String>,
}

/// Days on which nothing may change, for everything or for some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeRule {
    /// What people call it.
    pub name: String,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// Services that it holds for; with no service and no team it holds for everything.
    pub services: Vec<ServicePattern>,
    /// Teams whose services it holds for.
    pub teams: Vec<String>,
    /// Line in the policy file, for messages.
    pub line: usize,
}

/// Services that join in an earlier wave than others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeforeRule {
    /// The earlier ones.
    pub first: ServicePattern,
    /// The later ones.
    pub then: ServicePattern,
    /// Line in the policy file, for messages.
    pub line: usize,
}

/// Services that have to keep to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRule {
    /// Who they are.
    pub services: Vec<ServicePattern>,
    /// Line in the policy file, for messages.
    pub line: usize,
}

/// How a sidecar is known in an inventory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SidecarRule {
    /// Labels or annotations that switch it on, on a namespace or on pods.
    pub labels: Vec<Label>,
    /// Names of its container.
    pub containers: Vec<String>,
}

/// Something of the policy that means nothing in a graph.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmatched {
    /// Line in the policy file.
    pub line: usize,
    /// The pattern or name.
    pub pattern: String,
    /// What is wrong with it.
    pub why: Unmet,
}

impl fmt::Display for Unmatched {
    /// What is wrong, without the line; the pattern is hostile text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pattern = &self.pattern;
        match self.why {
            Unmet::NoService => write!(f, "no service of the graph is meant by `{pattern}`"),
            Unmet::NoTeam => write!(f, "no service belongs to the team `{pattern}`"),
            Unmet::NoNamespace => write!(f, "no service is in the namespace `{pattern}`"),
            Unmet::NoCluster => write!(f, "no service is in the cluster `{pattern}`"),
            Unmet::TooMany => write!(
                f,
                "`{pattern}` means too many services to order them: the rule is left out"
            ),
        }
    }
}

/// Why something of the policy means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unmet {
    /// No service fits a pattern.
    NoService,
    /// No service belongs to a team.
    NoTeam,
    /// No service is in a namespace.
    NoNamespace,
    /// No service is in a cluster.
    NoCluster,
    /// A pattern before a pattern would be millions of pairs.
    TooMany,
}
