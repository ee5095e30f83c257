//! What a verification says: the shape of `tracemesh.verify/v1`.

use serde::{Deserialize, Serialize};

use crate::snapshot::{TraceCounts, Window};

/// Value of the `schema` field.
pub const SCHEMA: &str = "tracemesh.verify/v1";

/// How a configuration would have served the calls of some traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Window of the traces.
    pub window: Window,
    /// Distinct traces.
    pub traces: TraceCounts,
    /// Where all calls are.
    pub conservation: Conservation,
    /// Calls of all callers.
    pub calls: Counts,
    /// Edges of all callers, each counted once, at the worst of its calls.
    pub edges: Counts,
    /// What neither the configuration nor these traces show, over all callers.
    pub unseen: Option<UnseenByTraces>,
    /// Every service that dials, by node id.
    pub callers: Vec<CallerReport>,
}

/// Every call of the traces is in exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Conservation {
    /// Calls of all edges of the graph.
    pub calls: u64,
    /// Judged here: dialled by a service.
    pub judged: u64,
    /// Messages between a service and another or a broker: what is dialled for them is an edge of its own.
    pub asynchronous: u64,
    /// Logical calls through a gateway: the calls to and from it are edges of their own.
    pub proxied: u64,
    /// Calls from something that is no service, and so has no sidecar.
    pub caller_is_no_service: u64,
    /// Calls of services that were not asked about.
    pub left_out: u64,
}

impl Conservation {
    /// Whether nothing is missing and nothing counts twice.
    #[must_use]
    pub const fn holds(&self) -> bool {
        let parts = self
            .judged
            .saturating_add(self.asynchronous)
            .saturating_add(self.proxied)
            .saturating_add(self.caller_is_no_service)
            .saturating_add(self.left_out);
        parts == self.calls
    }
}

/// Calls or edges by what would have become of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Reach the cluster of their destination.
    pub covered: u64,
    /// Reach where they were dialled, unmanaged.
    pub passthrough: u64,
    /// How many of `passthrough` go where nothing ever answered in these traces.
    pub passthrough_never_answered: u64,
    /// Reach the cluster of another destination.
    pub conflicting: u64,
    /// Reach nobody.
    pub unroutable: u64,
    /// Cannot be told from the traces.
    pub undecided: u64,
    /// The caller has no configuration.
    pub unknown_caller: u64,
}

impl Counts {
    /// Adds to one class.
    pub fn add(&mut self, verdict: Verdict, never_answered: bool, count: u64) {
        let class = match verdict {
            Verdict::Covered => &mut self.covered,
            Verdict::Passthrough => &mut self.passthrough,
            Verdict::Conflicting => &mut self.conflicting,
            Verdict::Unroutable => &mut self.unroutable,
            Verdict::Undecided => &mut self.undecided,
            Verdict::UnknownCaller => &mut self.unknown_caller,
        };
        *class = class.saturating_add(count);
        if never_answered && verdict == Verdict::Passthrough {
            let never = &mut self.passthrough_never_answered;
            *never = never.saturating_add(count);
        }
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        let pairs = [
            (&mut self.covered, other.covered),
            (&mut self.passthrough, other.passthrough),
            (
                &mut self.passthrough_never_answered,
                other.passthrough_never_answered,
            ),
            (&mut self.conflicting, other.conflicting),
            (&mut self.unroutable, other.unroutable),
            (&mut self.undecided, other.undecided),
            (&mut self.unknown_caller, other.unknown_caller),
        ];
        for (sum, part) in pairs {
            *sum = sum.saturating_add(part);
        }
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        [
            self.covered,
            self.passthrough,
            self.conflicting,
            self.unroutable,
            self.undecided,
            self.unknown_caller,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// What a share of coverage is of: all but what goes where nothing ever answered, which no configuration serves.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.total().saturating_sub(self.passthrough_never_answered)
    }
}

/// What would have become of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It reaches the cluster of its destination.
    Covered,
    /// It cannot be told from the traces.
    Undecided,
    /// It reaches where it was dialled, unmanaged and counted.
    Passthrough,
    /// The caller has no configuration.
    UnknownCaller,
    /// It reaches the cluster of another destination.
    Conflicting,
    /// It reaches nobody.
    Unroutable,
}

/// Why a verdict is what it is. Declared from harmless to harmful within each verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Covered: the cluster was made for this very destination.
    MadeForIt,
    /// Covered: the cluster says nobody or another name of it, and leads to the address that was dialled.
    SameAddress,
    /// Undecided: the spans name no address.
    NoAddress,
    /// Undecided: the spans name no port.
    NoPort,
    /// Undecided: the host that the spans name is no name and no address.
    InvalidHost,
    /// Undecided: nothing tells what is spoken.
    UnknownProtocol,
    /// Undecided: different addresses go different ways, and no span names the address behind the name.
    AddressUnknown,
    /// Passthrough: loopback and IPv6 are not redirected to the sidecar.
    NotCaptured,
    /// Passthrough: no listener for the port.
    UnobservedPort,
    /// Passthrough: no virtual host for the authority.
    UnobservedAuthority,
    /// Passthrough: no filter chain for the server name.
    UnobservedServerName,
    /// Passthrough: no filter chain for the address, or for what is spoken.
    UnobservedAddress,
    /// Unknown caller: it has no directory in the configuration.
    NoDirectory,
    /// Conflicting: it arrives where it was dialled, but counts for and shares the limits of another destination.
    OtherDestination,
    /// Conflicting: the cluster leads to another port.
    OtherPort,
    /// Conflicting: the cluster leads to another host, and nothing ties that to the destination.
    OtherHost,
    /// Unroutable: an inspector waits for a client whose server speaks first.
    Stalls,
    /// Unroutable: the cluster is not there.
    NoCluster,
    /// Unroutable: the cluster has no endpoint.
    NoEndpoint,
    /// Unroutable: no virtual host or route takes the request, or one answers itself.
    NoRoute,
    /// Unroutable: no filter chain takes the connection.
    NoChain,
    /// Unroutable: the filter chain parses HTTP, and this is none.
    NotHttp,
}

impl Reason {
    /// The verdict that it leads to.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::MadeForIt | Self::SameAddress => Verdict::Covered,
            Self::NoAddress
            | Self::NoPort
            | Self::InvalidHost
            | Self::UnknownProtocol
            | Self::AddressUnknown => Verdict::Undecided,
            Self::NotCaptured
            | Self::UnobservedPort
            | Self::UnobservedAuthority
            | Self::UnobservedServerName
            | Self::UnobservedAddress => Verdict::Passthrough,
            Self::NoDirectory => Verdict::UnknownCaller,
            Self::OtherDestination | Self::OtherPort | Self::OtherHost => Verdict::Conflicting,
            Self::Stalls
            | Self::NoCluster
            | Self::NoEndpoint
            | Self::NoRoute
            | Self::NoChain
            | Self::NotHttp => Verdict::Unroutable,
        }
    }

    /// Whether a call fails or goes astray that would have worked without this configuration.
    #[must_use]
    pub const fn is_harm(self) -> bool {
        matches!(self, Self::OtherPort | Self::OtherHost)
            || matches!(self.verdict(), Verdict::Unroutable)
    }
}

/// How the original address was known on which a verdict rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The application dialled an address.
    DialledAddress,
    /// Spans name the address behind the name.
    SocketAddress,
    /// No address is known: the listener of the port decided alone.
    PortOnly,
    /// Nothing was routed.
    None,
}

/// One service that dials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallerReport {
    /// Node id.
    pub service: String,
    /// Its calls.
    pub calls: Counts,
    /// Its edges, each counted once, at the worst of its calls.
    pub edges: Counts,
    /// What neither the configuration nor these traces show; absent when no trace of it was seen.
    pub unseen: Option<UnseenByTraces>,
    /// What would have become of its calls, destination by destination: the worst first.
    pub findings: Vec<Finding>,
}

/// Calls of one caller to one address with the same fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What becomes of them.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// Whether it breaks or misleads calls that worked without this configuration.
    pub harm: bool,
    /// Node id of the callee.
    pub callee: String,
    /// Scheme as dialled, empty when unknown.
    pub scheme: String,
    /// Host as dialled, empty when the spans name none.
    pub host: String,
    /// Port as dialled.
    pub port: Option<u16>,
    /// Calls that ended there.
    pub calls: u64,
    /// Whether nothing ever answered on this edge.
    pub never_answered: bool,
    /// How the original address was known.
    pub basis: Basis,
    /// What was sent when it was decided: `host cart:8080`, `sni example.com`, `tcp`, ...; empty when nothing was.
    pub sent: String,
    /// Original address, when it decided.
    pub address: Option<String>,
    /// Listener that decided, if any.
    pub listener: Option<String>,
    /// Virtual host that took it, if any.
    pub virtual_host: Option<String>,
    /// Cluster that it reaches or misses, if any; where the spans name no address, one that was made for the callee.
    pub cluster: Option<String>,
    /// Node id that the cluster was made for, where that is another one.
    pub made_for: Option<String>,
}

/// What chance has kept out of sight of one caller's traces. Traces, not calls, are the sample: calls of one trace are not
/// independent. Both numbers assume that tomorrow's traces are drawn like these.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct UnseenByTraces {
    /// N: traces that passed through the caller.
    pub traces: u64,
    /// f1: destinations that were called for one request only.
    pub seen_once: u64,
    /// Good-Turing, f1/N, at most 1: the expected share of traces with a call to a destination that these do not show.
    pub next_is_new: f64,
    /// Rule of three, 3/N, at most 1: with 95 % confidence, any one destination that these traces do not show occurs in less
    /// than this share.
    pub one_takes_at_most: f64,
}
