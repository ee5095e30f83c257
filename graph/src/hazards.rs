//! Hazards: how a sidecar that should be transparent is not, as far as spans show who is exposed.
//!
//! ```text
//! GraphSnapshot + EgressModel -> note_hazards -> HazardNote per service (model), HazardEvidence (numbers)
//! ```
//! Each is handled by the generated configuration, or is a decision for the owner of the service. The numbers are those of the list
//! that every one of them was tried from on a real Envoy: `docs/hazards.md`.

mod found;
mod how;
mod sign;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::egress::EgressModel;
use crate::snapshot::GraphSnapshot;
use found::hazards_after;
pub(crate) use found::shows_streams;
pub use found::{FoundHazard, ServiceHazards, hazards_of};
pub use sign::Sign;
pub(crate) use sign::Signs;

macro_rules! hazard_kinds {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $code:literal,)+) => {
        /// A way in which a sidecar changes what an application sees.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum HazardKind {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)+
        }

        impl HazardKind {
            /// Every hazard, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its number in `docs/hazards.md`.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)+ }
            }

            /// The spelling in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

hazard_kinds! {
    /// Calls near or above Envoy's default route timeout of 15 s.
    LongCalls = 1 "long-calls",
    /// Streams that idle timeouts cut.
    IdleStreams = 2 "idle-streams",
    /// Calls that are not safe to send twice.
    UnsafeRetries = 3 "unsafe-retries",
    /// Clients that retry themselves.
    RetriesOnRetries = 4 "retries-on-retries",
    /// Kept connections that the server closes first.
    StaleKeepalive = 5 "stale-keepalive",
    /// HTTP/2 behind a virtual address stays on one pod.
    PinnedHttp2 = 6 "pinned-http2",
    /// Host forms that miss the virtual host.
    HostForms = 7 "host-forms",
    /// Calls aimed at one member, or one name for several targets.
    PinnedMembers = 8 "pinned-members",
    /// Header names in mixed case.
    HeaderCase = 9 "header-case",
    /// HTTP/1.0.
    Http10 = 10 "http-1.0",
    /// Many or large headers.
    LargeHeaders = 11 "large-headers",
    /// Headers that a proxy adds.
    AddedHeaders = 12 "added-headers",
    /// WebSockets and CONNECT.
    Upgrades = 13 "upgrades",
    /// `Expect: 100-continue`.
    ExpectContinue = 14 "expect-continue",
    /// Requests that a strict parser refuses.
    StrictParsing = 15 "strict-parsing",
    /// Clients that fail over when a connection is refused.
    RefusedConnects = 16 "refused-connects",
    /// Concurrency above Envoy's default limits.
    DefaultLimits = 17 "default-limits",
    /// Connections that are idle for long.
    IdleTcp = 18 "idle-tcp",
    /// Servers that send GOAWAY.
    Goaway = 19 "goaway",
    /// Several protocols on one port.
    ProtocolMix = 20 "protocol-mix",
    /// Servers that speak first.
    ServerFirst = 21 "server-first",
    /// gRPC failures that look like successes.
    GrpcTrailers = 22 "grpc-trailers",
    /// Load shedding of healthy traffic.
    LatencyProbes = 23 "latency-probes",
    /// Names that do not resolve.
    UnresolvableNames = 24 "unresolvable-names",
}

/// Who deals with a hazard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// The generated configuration.
    Handled,
    /// The owner of the service has to decide.
    Decision,
}

/// A hazard that a service is exposed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HazardNote {
    /// Which.
    pub hazard: HazardKind,
    /// Who deals with it.
    pub handling: Handling,
    /// What the configuration does, or what is to be decided: a sentence.
    pub how: String,
}

/// The numbers of a hazard of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HazardEvidence {
    /// Spans exposed.
    pub spans: u64,
    /// The same by callee; those of the service's own server spans under its own id.
    pub callees: BTreeMap<String, u64>,
    /// The same by what shows it.
    #[serde(default)]
    pub signs: BTreeMap<Sign, u64>,
    /// Example trace ids, at most three.
    pub exemplars: Vec<String>,
}

/// Fills the hazards of every service of a model, and their numbers.
pub(crate) fn note_hazards(
    model: &mut EgressModel,
    snapshot: &GraphSnapshot,
    previous: Option<&EgressModel>,
) {
    let mut found = hazards_after(snapshot, previous);
    for service in &mut model.services {
        let hazards = found.remove(&service.id).unwrap_or_default();
        service.hazards = hazards
            .iter()
            .map(|(hazard, found)| HazardNote {
                hazard: *hazard,
                handling: found.handling(),
                how: how::how(*hazard, found, service),
            })
            .collect();
        let evidence = model.evidence.services.entry(service.id.clone());
        evidence.or_default().hazards = hazards
            .into_iter()
            .map(|(hazard, found)| (hazard, found.0))
            .collect();
    }
}
