//! What sampling does to the numbers of the snapshot: estimates, their error, and halves that were sampled out.

use serde::{Deserialize, Serialize};

/// How the calls of an edge were corrected for sampling; in JSON the object `sampling` of an edge.
///
/// ```text
/// "sampling": { "client_estimate": 400.0, "server_estimate": 380.0, "pair_estimate": 400.0, "standard_error": 34.6,
///               "sampled_calls": 100, "weight_unknown": 0, "sampled_out": {"count": 50, "standard_error": 10},
///               "enough_for_rates": true }
/// ```
/// The estimates are never averaged. `weighted_calls` is the client's where there are outgoing spans, else the server's.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EdgeSampling {
    /// Weights of the outgoing halves, summed; absent when none was seen.
    pub client_estimate: Option<f64>,
    /// Weights of the server halves that were joined with a caller, summed; absent when none was seen. Too small where
    /// servers are sampled more than their callers: most of their halves then lack the caller.
    pub server_estimate: Option<f64>,
    /// Calls of which both halves were seen, each with the weight of its rarer half: right for consistent sampling, also
    /// where the other halves could not be attributed.
    pub pair_estimate: Option<f64>,
    /// Standard error of `weighted_calls`: the root of the sum over traces of n^2 w (w - 1), for n calls of weight w in a
    /// trace. Calls that were found in different ways in one trace are combined so that it is never too small. Absent
    /// when the weight of some call is unknown: then so is the error. 0 when everything was sampled.
    pub standard_error: Option<f64>,
    /// Calls that the estimates rest on, as observed.
    pub sampled_calls: u64,
    /// Calls among them of unknown weight, which count as one.
    pub weight_unknown: u64,
    /// Calls without server half that lack it because the callee samples less than the caller.
    pub sampled_out: SampledOut,
    /// True when there are enough calls to derive settings from rates (30 unless configured otherwise).
    pub enough_for_rates: bool,
}

/// Halves of calls that have no partner because that was sampled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SampledOut {
    /// How many sampling explains, from the weights of the pairs that were seen; never more than were seen.
    pub count: u64,
    /// Standard error of that number, rounded up.
    pub standard_error: u64,
}

impl SampledOut {
    /// How many of those seen sampling does not explain; 0 when they are within three standard errors of it.
    #[must_use]
    pub const fn unexplained(self, seen: u64) -> u64 {
        let excess = seen.saturating_sub(self.count);
        if excess <= self.standard_error.saturating_mul(3) {
            0
        } else {
            excess
        }
    }
}
