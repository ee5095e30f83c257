//! The egress model: what each service has been seen to dial, in a form that no mesh product owns.
//!
//! ```text
//! GraphSnapshot -> derive -> EgressModel -> one renderer per target (cli)
//!                              \-> EgressEvidence (the numbers behind it)
//! ```
//! Its JSON is a public format (`tracemesh.egress/v1`). It holds only facts that change the egress: counts and times
//! live in [`EgressEvidence`], so that ten per cent more traffic gives the same bytes.
//!
//! It refuses to invent: an address comes from the caller's spans, from other callers of the same callee or from the
//! callee's own server spans, and the source is recorded; anything else is listed as unresolved with its reason.
//! Every edge of the snapshot ends in exactly one class of [`Conservation`].

mod address;
mod claim;
mod derive;
mod destination;
mod evidence;
mod host;
mod inbound;
mod known;
mod kube;
mod kube_facts;
mod lifecycle;
mod model;
mod names;
mod pins;
mod protocol;
mod settings;
mod template;
mod tune;
mod unresolved;
mod vouch;

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::inventory::Inventory;
use crate::policy::Policy;

pub use derive::derive;
pub use evidence::{
    EVIDENCE_SCHEMA, EdgeEvidence, EgressEvidence, EvidenceTarget, ServiceEvidence,
};
pub use host::{Host, HostFault};
pub use known::KnownName;
pub(crate) use known::KnownNames;
pub(crate) use kube::named_workload;
pub use model::{
    AddressSource, Confidence, Conflict, ConflictReason, Conservation, Destination,
    DestinationKind, DestinationProtocol, DestinationState, EgressKnowledge, EgressModel,
    EgressTarget, EvidenceClass, InboundPort, PinNote, PinnedOut, RawTarget, SCHEMA, ServiceEgress,
    TargetMatch, TargetProtocol, Unresolved, UnresolvedReason,
};
pub(crate) use names::own_namespaces;

pub(crate) use protocol::{classify as protocol_of, is_http_system, is_server_first};
pub use settings::{
    Absent, Feature, Phase, Setting, SettingName, SettingSource, SettingValue, Tuning,
};
pub(crate) use tune::server_faults;

/// What steers [`derive()`].
#[derive(Debug, Clone, PartialEq)]
pub struct EgressOptions {
    /// DNS domain of the Kubernetes clusters, in lower case, without dots at its ends. When absent, the domain in the
    /// complete names that were dialled is used if there is only one; else names stay as dialled.
    pub cluster_domain: Option<String>,
    /// Takes `service.namespace` for the Kubernetes namespace of a service even where nothing in the snapshot shows
    /// that a namespace of this name exists. Wrong for services outside Kubernetes: their short names would be
    /// completed to names that do not resolve.
    pub assume_kubernetes: bool,
    /// Ports that the sidecar itself uses; nothing is generated for them.
    pub reserved_ports: BTreeSet<u16>,
    /// Accepts loopback addresses as destinations: for tests on one machine, where every fake lives on 127/8.
    pub accept_loopback: bool,
    /// Furthest phase that any destination may be in; one gets there only with evidence that suffices.
    pub phase: Phase,
    /// What the company decided.
    pub policy: Policy,
    /// What the cluster says.
    pub inventory: Option<Inventory>,
    /// The model of the last run, for hysteresis and for destinations that are no longer seen.
    pub previous: Option<Box<EgressModel>>,
    /// Lets go of destinations whose removal the previous model proposes, unless they were seen again.
    pub accept_removals: bool,
    /// The day on which pins are judged; the last day of the window when not given.
    pub today: Option<Date>,
}

impl Default for EgressOptions {
    fn default() -> Self {
        Self {
            cluster_domain: None,
            assume_kubernetes: false,
            reserved_ports: BTreeSet::from([15000, 15001, 15006]),
            accept_loopback: false,
            phase: Phase::Transparent,
            policy: Policy::default(),
            inventory: None,
            previous: None,
            accept_removals: false,
            today: None,
        }
    }
}

#[cfg(test)]
mod tests;
