//! What a doctor's report says: the shape of `tracemesh.doctor/v1` but for its words.

use serde::{Deserialize, Serialize};

use super::grade::Grade;
use super::unseen::Unseen;
use crate::snapshot::Window;

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.doctor/v1";

/// The state of the trace data behind a graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Window of the graph.
    pub window: Window,
    /// The worst grade among the reasons.
    pub grade: Grade,
    /// Every problem seen in the graph as a whole, worst first.
    pub reasons: Vec<Reason>,
    /// Node ids of services that serve calls and show none of their own: leaves, or dependencies without trace evidence.
    pub blind: Vec<String>,
    /// Calls not yet seen, over all callers; absent without calls.
    pub unseen: Option<Unseen>,
    /// Every service that emits spans, by node id.
    pub services: Vec<ServiceReport>,
}

/// One problem over the whole graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What is wrong.
    pub problem: Problem,
    /// How many of `whole`; the unit is told by the problem.
    pub part: u64,
    /// Out of how many; 0 when that is unknown.
    pub whole: u64,
    /// Services in which the problem was found; 0 for problems of the input as a whole.
    pub services: u64,
    /// What it does to the grade.
    pub grade: Grade,
}

/// The state of one service's trace data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// Node id.
    pub service: String,
    /// Spans of the service that took part in inference.
    pub spans: u64,
    /// The worst grade among the findings.
    pub grade: Grade,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// Calls of this service not yet seen; absent when it was seen to make none.
    pub unseen: Option<Unseen>,
}

/// One problem of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub problem: Problem,
    /// How many of `whole`; the unit is told by the problem.
    pub part: u64,
    /// Out of how many.
    pub whole: u64,
    /// What it does to the grade of the service.
    pub grade: Grade,
    /// Which callers, callees, protocols or kinds the problem is about, most concerned first.
    pub about: Vec<About>,
    /// How many more there are than `about` lists.
    pub more: u64,
    /// How many more like these sampling explains; they are no part of `part`.
    #[serde(default)]
    pub sampled_out: u64,
    /// Example trace ids, smallest first; empty where the snapshot has none.
    #[serde(default)]
    pub exemplars: Vec<String>,
}

/// Something that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct About {
    /// A node id, or what the problem says (hostile: escape it for your format).
    pub name: String,
    /// Its share of `part`.
    pub count: u64,
}

/// What can be wrong with trace data. Declared in the order in which equally bad ones are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// No span was used: there is nothing to judge. Spans of spans received.
    NoSpans,
    /// Spans rejected, and calls or messages dropped because of a cap. Of spans received.
    SpansLost,
    /// Traces closed before their last span, to stay within memory. Traces, of unknown many.
    TracesCut,
    /// Spans whose names were folded into `other` because a table was full. Of spans.
    NamesFolded,
    /// Spans without `service.name`. Of spans.
    Nameless,
    /// Spans without a kind, or nothing but internal spans. Of spans. About the kinds seen.
    KindsMissing,
    /// Calls to a service that emits no server spans; over all: such services. Of calls to it; of services. About its callers.
    NoServerSpans,
    /// Calls to a service that were not joined with its server spans: known by address or name only, beyond what sampling
    /// explains. Of sync calls to it. About the callers.
    ContextLost,
    /// Callers dial a service, but every request to it begins a trace of its own: context never arrives. Calls to it, of such
    /// calls. About the callers.
    ContextBroken,
    /// Spans whose parent was never seen, beyond what sampling explains. Of spans.
    Orphans,
    /// Outgoing calls without known destination. Of outgoing calls. About what the spans do say.
    Unresolved,
    /// Messages consumed that no producer could be found for. Of messages consumed. About the brokers.
    MessagesUncorrelated,
    /// Links to spans never seen. Of consumer spans, or of themselves when there are more links than those.
    UnresolvedLinks,
    /// Calls to hosts that look internal and emit no spans: what they call is out of sight. Of outgoing calls. About the hosts.
    SilentCallee,
    /// A service with server or consumer spans, and neither client spans nor calls; over all: such services. Of the server and
    /// consumer spans; of services.
    NoClientSpans,
    /// Calls to services whose spans name no address to generate egress from. Of outgoing calls. About the callees.
    AddressMissing,
    /// Spans that do not say how many they stand for, while others do. Of spans.
    WeightUnknown,
    /// Its clock and that of a service it speaks with cannot both be right. Pairs of instances that disagree, of themselves;
    /// over all: such services. About the other service, with milliseconds as the count.
    ClockSkew,
    /// Spans sent more than once. Of spans with their duplicates.
    Duplicates,
}

impl Problem {
    /// The spelling used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSpans => "no_spans",
            Self::SpansLost => "spans_lost",
            Self::TracesCut => "traces_cut",
            Self::NamesFolded => "names_folded",
            Self::Nameless => "nameless",
            Self::KindsMissing => "kinds_missing",
            Self::NoServerSpans => "no_server_spans",
            Self::ContextLost => "context_lost",
            Self::ContextBroken => "context_broken",
            Self::Orphans => "orphans",
            Self::Unresolved => "unresolved",
            Self::MessagesUncorrelated => "messages_uncorrelated",
            Self::UnresolvedLinks => "unresolved_links",
            Self::SilentCallee => "silent_callee",
            Self::NoClientSpans => "no_client_spans",
            Self::AddressMissing => "address_missing",
            Self::WeightUnknown => "weight_unknown",
            Self::ClockSkew => "clock_skew",
            Self::Duplicates => "duplicates",
        }
    }
}
