//! Inbound load shedding: adaptive concurrency, which lets in as many calls as the service answers without growing slower.

use tracemesh_graph::egress::{SettingName, Tuning};

use super::http;
use super::settings::{duration, number};
use super::yaml::{Node, map};

/// Runtime key with which operators switch it off without a new generation.
const SWITCH: &str = "adaptive_concurrency.enabled";
/// Share of the latencies from which the controller takes its sample.
const PERCENTILE: u64 = 90;
/// Highest limit when the model has none: Envoy's default.
const MAX_CONCURRENCY: u64 = 1000;
/// How often the round trip is measured when the model does not say: Envoy demands a time.
const INTERVAL: &str = "60s";

/// The filter, when the model has what it cannot do without.
///
/// While the ideal round trip is measured, only the least number of calls is let in: with Envoy's default of 3, a healthy
/// service lost one call in six. So there is no filter without a number from the model.
pub(super) fn filter(tuning: &Tuning) -> Option<Node> {
    let least = number(tuning, SettingName::MinConcurrency)?;
    let interval = duration(tuning, SettingName::MinRttInterval);
    let most = number(tuning, SettingName::MaxConcurrency).unwrap_or(MAX_CONCURRENCY);
    let interval = interval.as_deref().unwrap_or(INTERVAL);
    let mut round_trip = map([("interval", interval.into())]);
    if let Some(requests) = number(tuning, SettingName::MinRttRequests) {
        round_trip = round_trip.with("request_count", requests);
    }
    round_trip = round_trip
        // Instances must not all measure at once.
        .with("jitter", percent(10))
        .with("min_concurrency", least);
    if let Some(buffer) = number(tuning, SettingName::RttBuffer) {
        round_trip = round_trip.with("buffer", percent(buffer));
    }
    let limits = map([
        ("concurrency_update_interval", "0.1s".into()),
        ("max_concurrency_limit", most.max(least).into()),
    ]);
    let controller = map([
        ("sample_aggregate_percentile", percent(PERCENTILE)),
        ("concurrency_limit_params", limits),
        ("min_rtt_calc_params", round_trip),
    ]);
    let enabled = map([
        ("default_value", true.into()),
        ("runtime_key", SWITCH.into()),
    ]);
    Some(http::filter(
        "adaptive_concurrency",
        "envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency",
        map([
            ("enabled", enabled),
            ("gradient_controller_config", controller),
        ]),
    ))
}

fn percent(value: u64) -> Node {
    map([("value", value.into())])
}
