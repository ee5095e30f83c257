//! The policy of a company: what it decides beside what was observed. Parsed from `tracemesh.yaml` by the CLI.
//!
//! ```text
//! tracemesh.yaml -> (cli) parse, all faults with their lines -> Policy -> egress, onboarding, packs
//! ```
//! It refuses to remove what was seen without a name that answers for it: every pin has a reason, an owner and an expiry.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::egress::{Phase, SettingName, SettingValue, TargetProtocol};
use onboarding::OnboardingPolicy;

pub mod onboarding;
mod pattern;

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.policy/v1";

/// Everything that the policy says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// For every service and edge.
    pub defaults: Overrides,
    /// By service.
    pub services: Vec<ServiceRule>,
    /// By edge; they win over those of services.
    pub edges: Vec<EdgeRule>,
    /// Destinations that are in or out by decision.
    pub pins: Vec<Pin>,
    /// Destinations that every service gets, seen or not.
    pub infra: Vec<InfraDestination>,
    /// Labels of namespaces and workloads.
    pub labels: Labels,
    /// How an unknown address is assumed.
    pub naming: Option<NamingTemplate>,
    /// When evidence suffices.
    pub thresholds: Thresholds,
    /// Onboarding.
    pub onboarding: OnboardingPolicy,
}

/// Values that replace computed ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// Phase, whatever the evidence: `tuned` still needs facts for settings that are not given here.
    pub phase: Option<Phase>,
    /// Settings.
    pub settings: BTreeMap<SettingName, SettingValue>,
}

/// Names services: a node id, `namespace/name`, a name, or one of these with `*` for any run of characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServicePattern(pub String);

/// What is decided for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRule {
    /// Whom it is for.
    pub service: ServicePattern,
    /// For its destinations and its inbound traffic.
    pub overrides: Overrides,
    /// Time after which its servers close idle connections, in milliseconds, where the language does not tell.
    pub keepalive_ms: Option<u64>,
    /// Who answers for it.
    pub owner: Option<String>,
}

/// What is decided for calls from some services to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeRule {
    /// Callers.
    pub caller: ServicePattern,
    /// Callees: services, or node ids of anything else.
    pub callee: ServicePattern,
    /// For these calls.
    pub overrides: Overrides,
}

/// A destination that is in or out by decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Callers.
    pub caller: ServicePattern,
    /// What is pinned.
    pub destination: PinDestination,
    /// In or out.
    pub action: PinAction,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day on which it holds.
    pub expires: Date,
    /// Line in the policy file, for messages.
    pub line: usize,
}

/// What a pin is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinDestination {
    /// A node that was seen. Without a `*` it is also defined for callers that were never seen to call it, at an
    /// address that others dial or that it serves.
    Node(ServicePattern),
    /// An address, seen or not.
    Address(PinnedAddress),
}

/// An address that a person vouches for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinnedAddress {
    /// A valid DNS name in lower case, or an IP address. Every other form of the name means the same.
    pub host: String,
    /// Port.
    pub port: u16,
    /// What is spoken there, for callers that were not seen to dial it. Absent where the address is excluded.
    pub protocol: Option<TargetProtocol>,
}

/// What a pin does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PinAction {
    /// Defined, even if it was not seen for long or ever.
    Include,
    /// Left to the passthrough.
    Exclude,
}

/// A destination that services need whether they were seen to dial it or not: the OTLP collector, DNS, metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InfraDestination {
    /// Name of the destination.
    pub name: String,
    /// Where it is.
    pub address: PinnedAddress,
    /// Who gets it; every service when empty.
    pub callers: Vec<ServicePattern>,
}

/// A Kubernetes label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// Key, with its prefix if it has one.
    pub key: String,
    /// Value.
    pub value: String,
}

/// Labels that the onboarding pack uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// On a workload: its pods get a sidecar.
    pub workload: Label,
    /// On a namespace: its pods may get one.
    pub namespace: Option<Label>,
    /// Key of the pod label that holds the workload's name, for selectors.
    pub selector_key: String,
}

impl Default for Labels {
    fn default() -> Self {
        let label = |key: &str, value: &str| Label {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        Self {
            workload: label("sidecar.istio.io/inject", "true"),
            namespace: None,
            selector_key: "app".to_owned(),
        }
    }
}

/// How the address of a service is assumed where nothing tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamingTemplate {
    /// Host with `{service}`, `{namespace}`, `{environment}` and `{cluster_domain}`.
    pub host: String,
    /// Port.
    pub port: u16,
    /// What is spoken there; taken from the edge when not given.
    pub protocol: Option<TargetProtocol>,
}

/// When evidence suffices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Attempts below which an edge is labelled `low` however it was found. Labels only, never deletes; an edge that
    /// the previous model trusts stays `high`, so that a label does not flap.
    pub low_evidence_calls: u64,
    /// Attempts that settings of the tuned phase need.
    pub tuned_calls: u64,
    /// Days over which they must spread.
    pub tuned_days: u64,
    /// Days without a sight after which a destination is quiet, at least.
    pub quiet_days: u64,
    /// Quiet days after which its removal is proposed.
    pub removal_days: u64,
    /// Relative change below which a limit stays as it was.
    pub hysteresis_percent: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            low_evidence_calls: 5,
            tuned_calls: 10_000,
            tuned_days: 14,
            quiet_days: 14,
            removal_days: 28,
            hysteresis_percent: 20,
        }
    }
}

impl Pin {
    /// Whether it still has effect on a day; without a day it has.
    #[must_use]
    pub fn holds_on(&self, day: Option<Date>) -> bool {
        day.is_none_or(|day| day <= self.expires)
    }
}

impl Policy {
    /// Pins without effect on a day, in the order of the file.
    pub fn expired(&self, day: Date) -> impl Iterator<Item = &Pin> {
        self.pins.iter().filter(move |pin| !pin.holds_on(Some(day)))
    }
}
