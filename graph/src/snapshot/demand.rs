//! Facts of the snapshot about load over time, which settings of the tuned phase are made from.
//!
//! Peaks are means over a second or over a longer stretch, from a sample of the seconds in which anything happened
//! (`segment/seconds.rs`): lower bounds of the true peaks, corrected for sampling. A burst of seconds in a window of days may
//! be missed; formulas leave room for it.

use serde::{Deserialize, Serialize};

/// Load of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Demand {
    /// Calls that these facts were counted from. Where halves of calls came apart, some that were joined later may be missing.
    pub calls: u64,
    /// Days (UTC) on which calls were made; 128 means at least 128.
    pub active_days: u64,
    /// Most calls in a second, from all instances of the caller. Resends are not counted: they are no demand.
    pub calls_per_second: f64,
    /// The same from one instance of the caller, if the instances share the load; from all when they have no names.
    pub calls_per_second_of_one: f64,
    /// Most attempts under way at once from one instance of the caller, likewise.
    pub concurrency_of_one: f64,
    /// Instances of the caller that were alive together, in the busiest second; 0 when they have no names.
    pub caller_instances: f64,
    /// Instances of the callee that were alive together at the end; 0 when they have no names.
    pub callee_instances: f64,
    /// Whether an instance of the callee ended before another one began: a deploy, or a restart.
    pub callee_was_replaced: bool,
    /// Most attempts of one trace under way at once; 0 when no trace had eight. Exact where peaks are sampled.
    pub most_in_trace: u64,
    /// Longest attempt that did not fail, in milliseconds, as the caller saw it; absent when none succeeded or the caller's
    /// spans are not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slowest_ok_ms: Option<f64>,
}

/// Load of a service: requests of other processes to its server spans, from callers traced or not.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Inbound {
    /// Requests seen.
    pub calls: u64,
    /// Days (UTC) on which requests came; 128 means at least 128.
    pub active_days: u64,
    /// Most requests in a second, to all instances.
    pub calls_per_second: f64,
    /// The same to one instance, if the instances share the load; to all when they have no names.
    pub calls_per_second_of_one: f64,
    /// Most requests under way at once in one instance, likewise.
    pub concurrency_of_one: f64,
    /// Instances alive together in the busiest second; 0 when they have no names.
    pub instances: f64,
    /// Whether an instance ended before another one began: a deploy, or a restart.
    pub was_replaced: bool,
    /// Median time, milliseconds, 3.1 % relative error.
    pub p50_ms: f64,
    /// 90th percentile, likewise.
    pub p90_ms: f64,
    /// 99th percentile, likewise.
    pub p99_ms: f64,
    /// Exact maximum, milliseconds.
    pub max_ms: f64,
}
