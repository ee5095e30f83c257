//! Facts about a span that fit one bit each.

/// A set of them; each constant is a set of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Marks(u32);

impl Marks {
    /// True when this mark is set.
    pub(crate) const fn has(self, mark: Self) -> bool {
        self.0 & mark.0 != 0
    }

    /// Adds the marks of another set.
    pub(super) const fn add(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// The set as bits, lowest first.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// The set of these bits.
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(super) fn set(&mut self, mark: Self, is_set: bool) {
        if is_set {
            self.0 |= mark.0;
        }
    }
}

/// Gives each mark the bit of its place in the list, so that no two share one.
macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[expect(clippy::upper_case_acronyms, non_camel_case_types, reason = "places of the constants below")]
        enum Bit { $($name,)* }

        impl Marks {
            $($(#[$doc])* pub(crate) const $name: Self = Self(1 << Bit::$name as u32);)*
        }
    };
}

marks! {
    /// Status code ERROR.
    ERROR,
    /// The SDK says that the parent lives in another process.
    REMOTE_PARENT,
    /// A socket, DNS or TLS step of some other call; never a call itself.
    PLUMBING,
    /// Keeps a database or broker connection up: evidence of an edge, not a call.
    UPKEEP,
    /// HTTP status 400 to 499.
    CLIENT_FAULT,
    /// Nothing but the socket peer is known.
    SOCKET_ONLY,
    /// The sampling weight is known.
    WEIGHED,
    /// A name of this span folded into `other` because a table is full.
    FOLDED,
    /// A server span whose caller has a private address, as far as `client.address` tells.
    CLIENT_PRIVATE,
    /// A server span whose caller has a public address; spoofable, so only ever a facet.
    CLIENT_PUBLIC,
    /// Emitted by a proxy: Envoy's tags, as Istio sets them too.
    PROXY,
    /// The proxy is a sidecar: it stands beside one workload.
    SIDECAR,
    /// The half of a sidecar's hop that faces its own workload.
    FACES_WORKLOAD,
    /// A proxy's span for a request that came to it, not the upstream half of another of its spans.
    RECEIVED,
    /// Something that should tell the sampling weight makes no sense.
    WEIGHT_MALFORMED,
    /// Its path has words, but the host has its share of them.
    WORD_REFUSED,
    /// The start is too far from the arrival to be true.
    TIME_OFF,
}
