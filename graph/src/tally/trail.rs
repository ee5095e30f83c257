//! What is kept beside the peer of a call that nobody answered: when it started, and the words of its path.

use std::cmp::Ordering;

use crate::names::{Tables, WordId};
use crate::resolve::policy::{IP_STEP_MINUTES, NAME_STEP_MINUTES, minutes_ns};
use crate::segment::Trail;
use crate::slice::Attempt;

/// A [`Trail`] by interned ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TrailIds {
    word: WordId,
    since_min: Option<u32>,
}

impl TrailIds {
    /// Nothing is kept.
    pub(super) const NONE: Self = Self {
        word: WordId::FIRST,
        since_min: None,
    };

    /// The trail of an attempt: none when somebody answered, or when it is a broker's.
    pub(super) fn of(attempt: &Attempt, names: &Tables) -> Self {
        if attempt.callee.is_some() {
            return Self::NONE;
        }
        let base = names.peer_traits(attempt.peer.base);
        let dialled = names.peer_traits(attempt.peer.address);
        let category = if base.is_plain() { dialled } else { base };
        let at = if dialled.has_address() { dialled } else { base };
        let has_name = base.has_name() || dialled.has_name();
        let has_target = at.has_address() || has_name;
        if category.is_messaging() || !has_target {
            return Self::NONE;
        }
        let is_any = category.is_plain() || category.is_rpc();
        let step = match is_any && at.is_private_ip() {
            true => IP_STEP_MINUTES,
            false => NAME_STEP_MINUTES,
        };
        let step_ns = minutes_ns(step);
        let since = (attempt.start_ns / step_ns).saturating_mul(step);
        // Where a name or an RPC service tells more, the path would only multiply edges.
        let reads_words = is_any && !category.has_rpc_service();
        Self {
            word: match reads_words && !has_name {
                true => attempt.word,
                false => WordId::FIRST,
            },
            since_min: u32::try_from(since).ok(),
        }
    }

    /// By the words themselves: their ids depend on who came first.
    pub(super) fn order(self, other: Self, names: &Tables) -> Ordering {
        let key = |trail: Self| (names.word(trail.word), trail.since_min);
        if self == other {
            return Ordering::Equal;
        }
        key(self).cmp(&key(other))
    }

    /// The trail with its word.
    pub(super) fn named(self, names: &Tables) -> Trail {
        Trail {
            word: names.word(self.word).to_owned(),
            since_min: self.since_min,
        }
    }
}
