//! The canary of a service: how many instances, for how many requests, and what to watch while it runs.
//!
//! Thresholds are judgement, tied to what the service does today; what is not known gives no threshold. Nothing here is a promise that
//! a canary within its limits is safe: it says when a difference of the size that people act on would show.

use super::input::Health;
use super::outcome::{Canary, Watch, WatchMetric};

/// One of so many instances gets a sidecar first: 5 %.
const ONE_OF: u64 = 20;
/// Least error share that the limit is twice of: below it, telling the double takes longer than anybody waits.
const LEAST_ERROR_SHARE: f64 = 0.001;
/// How much slower the 99th percentile may become: the sketch that it comes from errs by 3 %, and days differ.
const SLOWER: f64 = 1.2;
/// What a sidecar may add to it, in milliseconds.
const SIDECAR_MS: f64 = 5.0;
/// Load of an instance with a sidecar, as a multiple of the mean.
const SKEW: f64 = 2.0;
/// Callers in the mesh times instances from which on load skew is watched.
const SKEW_FROM: u64 = 20;
/// Share of requests that a healthy service may shed.
const SHED_SHARE: f64 = 0.01;
/// Metrics that a person watches.
const MOST_WATCHED: usize = 5;
/// Requests beyond which waiting for them is no plan.
const MOST_REQUESTS: f64 = 1e9;
const SECONDS_OF_DAY: f64 = 86_400.0;

/// What else the canary depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Circumstances {
    /// Callers that are in the mesh before the service is.
    pub(super) meshed_callers: usize,
    /// Whether it can refuse plaintext some day.
    pub(super) becomes_strict: bool,
}

/// The canary of a service that does as `health` says.
pub(super) fn canary(health: &Health, circumstances: Circumstances) -> Canary {
    let instances = health.instances.unwrap_or(0).div_ceil(ONE_OF).max(1);
    let requests = health.error_share.and_then(requests);
    Canary {
        instances,
        requests,
        days: requests.and_then(|requests| days(requests, instances, health)),
        watch: watch(health, circumstances),
    }
}

/// The error share that counts as worse: twice that of today, or half way to all for a service that fails most of the time.
fn worse(today: f64) -> (f64, f64) {
    let today = today.max(LEAST_ERROR_SHARE);
    (today, (2.0 * today).min(f64::midpoint(1.0, today)))
}

/// Requests per arm that tell one share from the other, by the usual rule for a test of two proportions with a power of 80 %.
fn requests(error_share: f64) -> Option<u64> {
    let (today, worse) = worse(error_share);
    let (mean, apart) = (f64::midpoint(today, worse), worse - today);
    let count = (16.0 * mean * (1.0 - mean) / (apart * apart)).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and between 1 and a billion by the condition"
    )]
    (1.0..=MOST_REQUESTS)
        .contains(&count)
        .then_some(count as u64)
}

fn days(requests: u64, canary: u64, health: &Health) -> Option<f64> {
    let (rate, instances) = (health.requests_per_second?, health.instances?);
    let own = rate * canary as f64 / instances as f64;
    let days = requests as f64 / own / SECONDS_OF_DAY;
    days.is_finite().then_some(days)
}

/// Most telling first; the list ends after five.
fn watch(health: &Health, circumstances: Circumstances) -> Vec<Watch> {
    let errors = health.error_share;
    let mut watch = vec![(
        WatchMetric::ErrorShare,
        errors,
        worse(errors.unwrap_or(0.0)).1,
    )];
    if let Some(today) = health.p99_ms {
        let limit = SLOWER.mul_add(today, SIDECAR_MS);
        watch.push((WatchMetric::P99Ms, Some(today), limit));
    }
    watch.push((WatchMetric::PassthroughCalls, None, 0.0));
    if skews(health, circumstances) {
        watch.push((WatchMetric::LoadSkew, None, SKEW));
    }
    if circumstances.becomes_strict {
        watch.push((WatchMetric::PlaintextConnections, None, 0.0));
    }
    watch.push((WatchMetric::ShedShare, None, SHED_SHARE));
    watch.truncate(MOST_WATCHED);
    let watch = watch.into_iter();
    watch
        .map(|(metric, today, limit)| Watch {
            metric,
            today,
            limit,
        })
        .collect()
}

/// Callers in the mesh may prefer the few instances that are in it too: the first one of a large service then gets all the load
/// (linkerd2#9652).
fn skews(health: &Health, circumstances: Circumstances) -> bool {
    let callers = u64::try_from(circumstances.meshed_callers).unwrap_or(u64::MAX);
    let instances = health.instances.unwrap_or(0);
    instances > 1 && callers.saturating_mul(instances) >= SKEW_FROM
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Circumstances = Circumstances {
        meshed_callers: 0,
        becomes_strict: false,
    };

    fn metrics(canary: &Canary) -> Vec<WatchMetric> {
        canary.watch.iter().map(|watch| watch.metric).collect()
    }

    #[test]
    fn a_canary_of_an_unknown_service_is_one_instance_and_promises_nothing() {
        let canary = canary(&Health::UNKNOWN, ALONE);
        assert_eq!(
            (canary.instances, canary.requests, canary.days),
            (1, None, None)
        );
        assert_eq!(
            metrics(&canary),
            [
                WatchMetric::ErrorShare,
                WatchMetric::PassthroughCalls,
                WatchMetric::ShedShare
            ]
        );
        assert_eq!(canary.watch[0].limit, 0.002);
    }

    #[test]
    fn a_canary_waits_for_the_requests_that_tell_twice_the_errors() {
        let health = Health {
            error_share: Some(0.001),
            p50_ms: Some(4.0),
            p99_ms: Some(100.0),
            requests_per_second: Some(100.0),
            instances: Some(45),
        };
        let canary = canary(&health, ALONE);
        assert_eq!(canary.instances, 3);
        // 24 / p, as the rule of thumb has it.
        assert_eq!(canary.requests, Some(23_964));
        let days = canary.days.unwrap();
        assert!((days - 23_964.0 * 15.0 / 100.0 / 86_400.0).abs() < 1e-9);
        assert_eq!(canary.watch[1].limit, 125.0);
    }

    #[test]
    fn error_shares_that_cannot_double_still_have_a_limit() {
        let of = |share: f64| {
            let health = Health {
                error_share: Some(share),
                ..Health::UNKNOWN
            };
            let canary = canary(&health, ALONE);
            (canary.watch[0].limit, canary.requests)
        };
        assert_eq!(of(0.0), of(0.001));
        assert_eq!(of(0.8).0, 0.9);
        assert_eq!(of(1.0), (1.0, None));
    }

    #[test]
    fn load_skew_is_watched_at_large_callees_of_services_that_are_in() {
        let of = |instances: u64, meshed_callers: usize| {
            let health = Health {
                instances: Some(instances),
                p99_ms: Some(1.0),
                ..Health::UNKNOWN
            };
            let circumstances = Circumstances {
                meshed_callers,
                becomes_strict: true,
            };
            let canary = canary(&health, circumstances);
            assert!(canary.watch.len() <= 5);
            metrics(&canary).contains(&WatchMetric::LoadSkew)
        };
        assert!(of(100, 1) && of(10, 2));
        assert!(!of(100, 0) && !of(1, 100) && !of(4, 4));
    }
}
