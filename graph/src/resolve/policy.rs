//! Parameters of the address book, in one place. Starting values: change one only with a measurement.
//!
//! Times are nanoseconds of span time. They bound how far a vote reaches, never which spans are used.

const MINUTE_NS: u64 = 60_000_000_000;
const DAY_NS: u64 = 24 * 60 * MINUTE_NS;

/// A vote for the owner of an IP address holds so long before and after it, unless another node's vote lies nearer.
pub(crate) const IP_REACH_NS: u64 = 10 * MINUTE_NS;

/// A vote for the owner of a name holds so long before and after it.
pub(crate) const NAME_REACH_NS: u64 = 7 * DAY_NS;

/// A node that got no vote for so long no longer makes a name shared, if those that did have [`CONFIRMING_VOTES`].
pub(crate) const NAME_QUIET_NS: u64 = DAY_NS;

/// So many votes are no accident: fewer neither end a shared name nor set one caller apart from the others.
pub(crate) const CONFIRMING_VOTES: u64 = 3;

/// Weak votes that weigh as much as one paired call, and the least that name a service alone.
pub(crate) const WEAK_VOTES_PER_VOTE: u64 = 10;

/// A socket address behind more distinct dialled names is a proxy, and tells nothing about who answers.
pub(crate) const MAX_NAMES_PER_SOCKET: usize = 8;

/// Unanswered calls to private IP addresses are kept apart by their start in steps of so many minutes, because such an
/// address may change hands with every rollout.
pub(crate) const IP_STEP_MINUTES: u64 = 1;

/// All other unanswered calls are kept apart by day.
pub(crate) const NAME_STEP_MINUTES: u64 = 24 * 60;

/// Path words told apart per host; further ones count as no word.
pub(crate) const MAX_WORDS_PER_HOST: usize = 64;

/// So many direct subdomains of one domain are tenants or generated names, and become one wildcard node, ...
pub(crate) const MIN_WILDCARD_CHILDREN: usize = 100;

/// ... if one caller dials so many hosts below it: many callers with a few hosts each are a company's own services.
pub(crate) const MIN_WILDCARD_HOSTS_OF_ONE_CALLER: usize = 33;

/// Candidates listed for a name that could be several nodes.
pub(crate) const MAX_CANDIDATES: usize = 16;

/// Minutes of span time to nanoseconds.
pub(crate) const fn minutes_ns(minutes: u64) -> u64 {
    minutes.saturating_mul(MINUTE_NS)
}
