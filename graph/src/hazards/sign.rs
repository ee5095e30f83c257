//! Signs: what a span, or an edge, shows of a hazard. One hazard may have several.
//!
//! A span has at most one sign of each hazard, the first in the order below, so that the spans of the signs of a hazard add
//! up to the spans exposed to it.

use serde::{Deserialize, Serialize};

use super::HazardKind;

macro_rules! signs {
    ($($(#[$doc:meta])* $variant:ident = $hazard:ident $code:literal,)+) => {
        /// How a hazard shows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Sign {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)+
        }

        impl Sign {
            /// Every sign, by hazard.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The hazard that it shows.
            #[must_use]
            pub const fn hazard(self) -> HazardKind {
                match self { $(Self::$variant => HazardKind::$hazard,)+ }
            }

            /// The spelling in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

signs! {
    /// A call over HTTP that took 12 s or longer.
    Long = LongCalls "long",
    /// A stream: more messages than a request and its answer, or server-sent events.
    Stream = LongCalls "stream",
    /// A connection that changed its protocol: status 101.
    Upgraded = IdleStreams "upgraded",
    /// A call over HTTP of four minutes or more, with fewer messages than would keep it alive.
    Silent = IdleStreams "silent",
    /// A method that is not safe to send twice, or not known to be.
    UnsafeMethod = UnsafeRetries "unsafe-method",
    /// A span that says that it was resent.
    Resent = RetriesOnRetries "resent",
    /// A call after a failed one of the same caller to the same place.
    Repeated = RetriesOnRetries "repeated",
    /// Several server spans answered one client span.
    AnsweredTwice = RetriesOnRetries "answered-twice",
    /// Failed at once with 503 or a closed connection, and no server span. Counts only where server spans are the rule.
    ClosedUnanswered = StaleKeepalive "closed-unanswered",
    /// HTTP/2 to one address that belongs to no instance, behind which several instances answered.
    SharedAddress = PinnedHttp2 "shared-address",
    /// The name was dialled with upper-case letters.
    UpperCase = HostForms "upper-case",
    /// The name was dialled with a dot at its end.
    TrailingDot = HostForms "trailing-dot",
    /// The port is not that of the scheme, and so stands in the Host.
    PortInHost = HostForms "port-in-host",
    /// The same destination was dialled by several names.
    SeveralNames = HostForms "several-names",
    /// The Host is another name than the dialled one.
    OtherHost = PinnedMembers "other-host",
    /// An IP address was dialled.
    IpAddress = PinnedMembers "ip-address",
    /// The name of one member of a set was dialled, such as `db-0.db`.
    Ordinal = PinnedMembers "ordinal",
    /// A system whose clients pick the member themselves.
    Sharded = PinnedMembers "sharded",
    /// A captured header name has upper-case letters.
    MixedCase = HeaderCase "mixed-case",
    /// HTTP/1.0.
    Http10 = Http10 "http-1.0",
    /// More than 100 captured header lines, or more than 48 kB of them.
    ManyHeaders = LargeHeaders "many-headers",
    /// Status 431, and no server span. Counts only where server spans are the rule.
    RefusedHeaders = LargeHeaders "refused-headers",
    /// Headers that sign the request, or are covered by a signature.
    Signed = AddedHeaders "signed",
    /// A WebSocket.
    WebSocket = Upgrades "websocket",
    /// Method CONNECT.
    Connect = Upgrades "connect",
    /// `Expect: 100-continue`.
    Expect = ExpectContinue "expect",
    /// A request of 1 MiB or more, for which many clients ask first.
    LargeUpload = ExpectContinue "large-upload",
    /// A method that is none of HTTP's.
    UnknownMethod = StrictParsing "unknown-method",
    /// Status 400, and no server span. Counts only where server spans are the rule.
    RefusedRequest = StrictParsing "refused-request",
    /// The connection was refused.
    Refused = RefusedConnects "refused",
    /// A list of hosts of which the client takes the first that lets it connect.
    HostList = RefusedConnects "host-list",
    /// A hundred calls or more under way at once from one instance.
    ManyAtOnce = DefaultLimits "many-at-once",
    /// A pool of connections, of which some may be idle for long.
    Pool = IdleTcp "pool",
    /// No call for an hour or longer.
    Gap = IdleTcp "gap",
    /// HTTP/1 and HTTP/2 on one host and port.
    TwoProtocols = ProtocolMix "two-protocols",
    /// A system whose server speaks first.
    SpeaksFirst = ServerFirst "speaks-first",
    /// A gRPC status 4, 13 or 14, which HTTP calls a success.
    GrpcFailure = GrpcTrailers "grpc-failure",
    /// More calls under way at once than the least that a probe lets through.
    ManyServed = LatencyProbes "many-served",
    /// A name that did not resolve.
    Unresolved = UnresolvableNames "unresolved",
}

const _: () = assert!(Sign::ALL.len() <= 64, "a set of signs has 64 bits");

/// A set of signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Signs(u64);

impl Signs {
    /// None.
    pub(crate) const NONE: Self = Self(0);

    /// Signs that mean something only on an outgoing span that nobody was seen to answer.
    pub(crate) const UNANSWERED: [Sign; 3] = [
        Sign::ClosedUnanswered,
        Sign::RefusedHeaders,
        Sign::RefusedRequest,
    ];

    /// Signs by which a server span exposes the service itself: its own sidecar takes part in the call.
    const SERVED: [Sign; 13] = [
        Sign::Long,
        Sign::Stream,
        Sign::Upgraded,
        Sign::Silent,
        Sign::MixedCase,
        Sign::Http10,
        Sign::ManyHeaders,
        Sign::Signed,
        Sign::WebSocket,
        Sign::Connect,
        Sign::Expect,
        Sign::LargeUpload,
        Sign::UnknownMethod,
    ];

    /// The set as bits, in the order of [`Sign::ALL`].
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// The set of these bits.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Adds a sign.
    pub(crate) const fn add(&mut self, sign: Sign) {
        self.0 |= 1 << sign as u32;
    }

    /// Adds a sign if something holds.
    pub(crate) const fn add_if(&mut self, sign: Sign, holds: bool) {
        if holds {
            self.add(sign);
        }
    }

    /// The signs of both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True when there is none.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True when this sign is among them.
    #[cfg(test)]
    pub(crate) const fn has(self, sign: Sign) -> bool {
        self.0 & (1 << sign as u32) != 0
    }

    /// Those that a server span tells about its own service.
    pub(crate) const fn served(self) -> Self {
        Self(self.0 & mask(&Self::SERVED))
    }

    /// Those that hold whether somebody answered or not.
    pub(crate) const fn answered(self) -> Self {
        Self(self.0 & !mask(&Self::UNANSWERED))
    }

    /// The first sign of each hazard.
    pub(crate) fn each(self) -> impl Iterator<Item = Sign> {
        let mut last = None;
        let mut rest = self.0;
        std::iter::from_fn(move || {
            while rest != 0 {
                let sign = Sign::ALL[rest.trailing_zeros() as usize];
                rest &= rest - 1;
                if last != Some(sign.hazard()) {
                    last = Some(sign.hazard());
                    return Some(sign);
                }
            }
            None
        })
    }
}

const fn mask(signs: &[Sign]) -> u64 {
    let (mut mask, mut at) = (0, 0);
    while at < signs.len() {
        mask |= 1 << signs[at] as u32;
        at += 1;
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signs_of_a_hazard_follow_each_other() {
        let hazards: Vec<HazardKind> = Sign::ALL.iter().map(|sign| sign.hazard()).collect();
        assert!(hazards.is_sorted());
    }

    #[test]
    fn every_hazard_that_spans_can_show_has_a_sign() {
        let without: Vec<&HazardKind> = HazardKind::ALL
            .iter()
            .filter(|hazard| Sign::ALL.iter().all(|sign| sign.hazard() != **hazard))
            .collect();
        assert_eq!(without, [&HazardKind::Goaway]);
    }

    #[test]
    fn a_span_has_one_sign_of_each_hazard() {
        let mut signs = Signs::NONE;
        for sign in Sign::ALL {
            signs.add(*sign);
        }
        let hazards: Vec<HazardKind> = signs.each().map(Sign::hazard).collect();
        let known = HazardKind::ALL.iter().copied();
        let all: Vec<HazardKind> = known.filter(|kind| *kind != HazardKind::Goaway).collect();
        assert_eq!(hazards, all);
        assert_eq!(signs.each().next(), Some(Sign::Long));
        assert!(signs.has(Sign::Unresolved));
        assert!(!signs.answered().has(Sign::RefusedRequest));
        assert!(
            signs
                .served()
                .answered()
                .each()
                .all(|sign| sign != Sign::Refused)
        );
        assert_eq!(Signs::NONE.each().next(), None);
    }
}
