//! What chance has kept out of sight: an estimate and a bound of calls to destinations not yet seen.
//!
//! Both assume that tomorrow's calls are drawn like today's and that each call shows in the traces. A job that has not run
//! yet, a failover, or an uninstrumented library is outside what they can know. Calls of one trace are not independent,
//! so the true uncertainty is larger.

use serde::{Deserialize, Serialize};

use super::ServiceReport;
use super::facts::sum;
use crate::snapshot::{Edge, Relation};

/// Estimate for one caller, from the destinations it dialled (sync edges, brokers and databases included).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Unseen {
    /// N: calls seen.
    pub calls: u64,
    /// f1: destinations called exactly once.
    pub seen_once: u64,
    /// Good-Turing, f1/N: the probability that the next call goes to a destination never seen before.
    pub next_is_new: f64,
    /// Rule of three, 3/N, at most 1: with 95 % confidence, any one destination never seen takes less than this share of calls.
    pub one_takes_at_most: f64,
}

impl Unseen {
    /// From the edges of one caller; `None` without calls.
    pub(super) fn of(out: &[&Edge]) -> Option<Self> {
        let dialled = out.iter().filter(|edge| edge.relation == Relation::Sync);
        let calls = dialled.clone().map(|edge| edge.calls);
        let seen_once = dialled.filter(|edge| edge.calls == 1).count();
        Self::new(sum(calls), u64::try_from(seen_once).unwrap_or(u64::MAX))
    }

    /// Over all callers: what fits their estimates together.
    pub(super) fn of_all(services: &[ServiceReport]) -> Option<Self> {
        let all = || services.iter().filter_map(|service| service.unseen);
        Self::new(
            sum(all().map(|unseen| unseen.calls)),
            sum(all().map(|unseen| unseen.seen_once)),
        )
    }

    #[expect(clippy::cast_precision_loss, reason = "shares for display")]
    pub(crate) fn new(calls: u64, seen_once: u64) -> Option<Self> {
        (calls > 0).then(|| Self {
            calls,
            seen_once,
            next_is_new: seen_once as f64 / calls as f64,
            one_takes_at_most: (3.0 / calls as f64).min(1.0),
        })
    }
}
