//! The settings of one destination.

mod balancing;

use std::collections::BTreeMap;

use super::super::model::{Destination, DestinationProtocol};
use super::super::settings::{Feature, Phase, SettingName, Tuning};
use super::draft::{Draft, Formula};
use super::facts::{
    CONCURRENCY, FAULT_SHARE, Facts, HOSTS, IN_TRACE, KEEPALIVE, P999, RATE, RATE_OF_ONE,
    RETRY_SHARE, SAFE_SHARE, SLOWEST_OK, TIMED_CALLS,
};
use super::formulas;
use super::gate::Gate;
use super::hosts::Hosts;
use super::keepalive::Keepalive;
use super::rounding::whole_to_f64;
use super::streams;
use crate::inventory::Addressing;
use crate::policy::Thresholds;
use crate::snapshot::Edge;

/// Limits of the transparent phase: those of the passthrough. Envoy's default of 1024 would refuse calls that pass as long
/// as nobody defines their destination.
const NO_LIMIT: u64 = 1_000_000;

/// Everything that decides about a destination.
pub(super) struct Outbound<'a> {
    pub(super) destination: &'a Destination,
    /// The synchronous edge; a destination by decision has none.
    pub(super) edge: Option<&'a Edge>,
    pub(super) facts: Facts,
    pub(super) hosts: Hosts,
    /// Calls by zone of the caller, where nearly all spans name one.
    pub(super) client_zones: Option<BTreeMap<&'a str, u64>>,
    /// What the server does with idle connections.
    pub(super) keepalive: Option<Keepalive>,
    pub(super) gate: Gate,
    pub(super) thresholds: &'a Thresholds,
}

impl Outbound<'_> {
    /// Decides.
    pub(super) fn decide(self, mut draft: Draft<'_>) -> (Tuning, BTreeMap<String, f64>) {
        self.constants(&mut draft);
        self.opaque(&mut draft);
        self.balancing(&mut draft);
        if self.is_http() {
            self.retries(&mut draft);
            self.timeouts(&mut draft);
            self.limits(&mut draft);
            self.idle(&mut draft);
        }
        let (tuning, computed) = draft.finish();
        let mut evidence = self.facts.into_evidence();
        evidence.extend(computed);
        (tuning, evidence)
    }

    const fn is_http(&self) -> bool {
        matches!(
            self.destination.protocol,
            DestinationProtocol::Http1
                | DestinationProtocol::Http2
                | DestinationProtocol::Grpc
                | DestinationProtocol::Http
        )
    }

    /// Several calls may share a connection.
    const fn may_multiplex(&self) -> bool {
        matches!(
            self.destination.protocol,
            DestinationProtocol::Http2 | DestinationProtocol::Grpc | DestinationProtocol::Http
        )
    }

    fn is_tuned(&self) -> bool {
        self.gate.phase == Phase::Tuned
    }

    /// What is missing for values from facts; says so and returns true.
    fn is_short_of_evidence(&self, feature: Feature, draft: &mut Draft<'_>) -> bool {
        if let Some(missing) = &self.gate.missing {
            draft.withhold(feature, missing);
        }
        self.gate.missing.is_some()
    }

    fn constants(&self, draft: &mut Draft<'_>) {
        use SettingName as Name;
        let kubernetes = self
            .destination
            .targets
            .iter()
            .all(|target| target.kubernetes);
        let (connect_ms, why) = match (self.is_tuned(), kubernetes) {
            (false, _) => (10_000, "that of the passthrough"),
            (true, true) => (1_000, "1 s inside a cluster"),
            (true, false) => (5_000, "5 s outside of clusters"),
        };
        draft.number(Name::ConnectTimeout, connect_ms, why);
        for limit in [
            Name::MaxRequests,
            Name::MaxPendingRequests,
            Name::MaxConnections,
        ] {
            draft.number(limit, NO_LIMIT, "that of the passthrough");
        }
        if self.is_http() {
            draft.number(Name::RouteTimeout, 0, "none, instead of Envoy's 15 s");
        }
        let mut targets = self.destination.targets.iter();
        let may_pin = self.may_multiplex()
            && targets
                .any(|target| target.kubernetes && target.addressing != Some(Addressing::Headless));
        if may_pin {
            let why = "60 s: HTTP/2 stays on one pod of a virtual address as long as its connection lives";
            draft.number(Name::MaxConnectionDuration, 60_000, why);
        }
    }

    /// What needs requests does nothing, or cannot be told, where bytes are passed on.
    fn opaque(&self, draft: &mut Draft<'_>) {
        if self.destination.protocol == DestinationProtocol::Mixed {
            for feature in [
                Feature::Timeouts,
                Feature::Retries,
                Feature::CircuitBreakers,
            ] {
                let why = "several protocols are spoken with it, and facts do not tell them apart";
                draft.withhold(feature, why);
            }
        } else if !self.is_http() {
            for feature in [Feature::Timeouts, Feature::Retries] {
                draft.inert(feature, "bytes are passed on: there are no requests");
            }
            let why = "spans tell calls, not the connections of a pool, most of which are idle";
            draft.withhold(Feature::CircuitBreakers, why);
        }
    }

    fn retries(&self, draft: &mut Draft<'_>) {
        use SettingName as Name;
        if self.is_tuned() {
            draft.number(Name::RetryBudget, 20, "20 % of the calls under way");
        }
        if self.is_short_of_evidence(Feature::Retries, draft) {
            return;
        }
        let concurrency = self.facts.get(CONCURRENCY).unwrap_or(0.0);
        let formula = Formula {
            text: "clamp(0.1 x concurrency_of_one, 1, 3)",
            facts: &[CONCURRENCY],
        };
        let least = formulas::retry_min_concurrency(concurrency);
        draft.at_least(Name::RetryMinConcurrency, least, 1, formula);
        let Some(resent) = self.facts.get(RETRY_SHARE) else {
            draft.withhold(Feature::Retries, "whether the client retries is unknown");
            return;
        };
        let slack = match draft.was_observed(Name::UnsentRetries) {
            true => 1.0 + whole_to_f64(self.thresholds.hysteresis_percent.min(90)) / 100.0,
            false => 1.0,
        };
        if resent > RARE_RETRIES * slack {
            let why = "the client retries itself: retries of the sidecar would multiply its own";
            draft.withhold(Feature::Retries, why);
            return;
        }
        let formula = Formula {
            text: "1 when the client does not retry: only what was certainly not processed",
            facts: &[RETRY_SHARE],
        };
        draft.exact(Name::UnsentRetries, 1, formula);
        match self.facts.get(SAFE_SHARE) {
            Some(safe) if safe > 0.0 => {
                let formula = Formula {
                    text: "1 for GET, HEAD and OPTIONS when the client does not retry",
                    facts: &[RETRY_SHARE, SAFE_SHARE],
                };
                draft.exact(Name::SafeRetries, 1, formula);
            }
            Some(_) => draft.inert(
                Feature::Retries,
                "no call with a safe method: failed replies are not retried",
            ),
            None => draft.withhold(
                Feature::Retries,
                "methods are unknown: failed replies are not retried",
            ),
        }
    }

    fn timeouts(&self, draft: &mut Draft<'_>) {
        use SettingName as Name;
        if self.is_short_of_evidence(Feature::Timeouts, draft) {
            return;
        }
        let known = (self.facts.get(P999), self.facts.get(SLOWEST_OK));
        let (Some(p999), Some(slowest)) = known else {
            let why = "how long successful calls take is unknown: the caller's spans of them are missing, or the graph is of an older version";
            draft.withhold(Feature::Timeouts, why);
            return;
        };
        let timed = self.facts.get(TIMED_CALLS).unwrap_or(0.0);
        if timed < 0.5 * whole_to_f64(self.thresholds.tuned_calls) {
            draft.withhold(
                Feature::Timeouts,
                "the caller's spans of too few calls were seen",
            );
            return;
        }
        if let Some(why) = self
            .edge
            .and_then(|edge| streams::why_lasting(edge, slowest, p999))
        {
            draft.inert(Feature::Timeouts, why);
            return;
        }
        let may_repeat = draft
            .decided(Name::SafeRetries)
            .is_some_and(|retries| retries > 0);
        if may_repeat {
            let formula = Formula {
                text: "max(2 x p999_ms, 50)",
                facts: &[P999],
            };
            let per_try = formulas::per_try_timeout_ms(p999);
            draft.at_least(Name::PerTryTimeout, per_try, 1, formula);
        }
        let per_try = may_repeat
            .then(|| draft.decided(Name::PerTryTimeout))
            .flatten();
        let formula = Formula {
            text: match per_try {
                Some(_) => {
                    "max(3 x p999_ms, 1.5 x slowest_ok_ms, 2 x per_try_timeout_ms + 50, 250)"
                }
                None => "max(3 x p999_ms, 1.5 x slowest_ok_ms, 250)",
            },
            facts: &[P999, SLOWEST_OK],
        };
        let route = formulas::route_timeout_ms(p999, slowest, per_try.map(whole_to_f64));
        // Both tries must fit, whatever stayed as it was.
        let floor = per_try.map_or(0, |per_try| per_try.saturating_mul(2).saturating_add(50));
        draft.at_least(Name::RouteTimeout, route, floor, formula);
    }

    fn limits(&self, draft: &mut Draft<'_>) {
        use SettingName as Name;
        if self.is_short_of_evidence(Feature::CircuitBreakers, draft) {
            return;
        }
        let known = (self.facts.get(CONCURRENCY), self.facts.get(RATE_OF_ONE));
        let (Some(concurrency), Some(rate)) = known else {
            draft.withhold(
                Feature::CircuitBreakers,
                "peak rate and concurrency are unknown: facts of this edge are missing, or the graph is of an older version",
            );
            return;
        };
        let timeouts = [Name::PerTryTimeout, Name::RouteTimeout];
        let timeout = timeouts
            .iter()
            .find_map(|name| draft.decided(*name).filter(|ms| *ms > 0));
        let timeout_ms = whole_to_f64(timeout.unwrap_or(1000));
        let formula = Formula {
            text: "max(32, 3 x concurrency_of_one, 2 x most_in_trace, 0.8 x calls_per_second_of_one x per-try timeout, else route timeout, else 1 s)",
            facts: &[CONCURRENCY, IN_TRACE, RATE_OF_ONE],
        };
        let in_trace = self.facts.get(IN_TRACE).unwrap_or(0.0);
        let requests = formulas::max_requests((concurrency, in_trace), rate, timeout_ms);
        for name in [Name::MaxRequests, Name::MaxPendingRequests] {
            draft.at_least(name, requests, 1, formula);
        }
        self.connections(draft);
    }

    fn connections(&self, draft: &mut Draft<'_>) {
        use SettingName as Name;
        let requests = draft.decided(Name::MaxRequests).unwrap_or(NO_LIMIT);
        let http2 = matches!(
            self.destination.protocol,
            DestinationProtocol::Http2 | DestinationProtocol::Grpc
        );
        if http2 {
            let formula = Formula {
                text: "max(64, 8 x hosts)",
                facts: &[HOSTS],
            };
            let hosts = self.facts.get(HOSTS).unwrap_or(1.0);
            let connections = formulas::max_connections_http2(hosts);
            draft.at_least(Name::MaxConnections, connections, 64, formula);
        } else {
            let formula = Formula {
                text: "max(64, max_requests)",
                facts: &[CONCURRENCY, RATE_OF_ONE],
            };
            let connections = formulas::max_connections_http1(whole_to_f64(requests));
            draft.at_least(Name::MaxConnections, connections, requests, formula);
        }
    }

    /// HTTP/1.1 only: HTTP/2 servers say that they close.
    fn idle(&self, draft: &mut Draft<'_>) {
        let http1 = matches!(
            self.destination.protocol,
            DestinationProtocol::Http1 | DestinationProtocol::Http
        );
        if !http1 || !self.is_tuned() {
            return;
        }
        match (self.keepalive, self.facts.get(KEEPALIVE)) {
            (Some(Keepalive::Never), _) => {}
            (Some(Keepalive::After(_)), Some(keepalive)) => {
                let formula = Formula {
                    text: "0.8 x server_keepalive_ms",
                    facts: &[KEEPALIVE],
                };
                let idle = formulas::upstream_idle_ms(keepalive);
                draft.at_most(SettingName::UpstreamIdle, idle, formula);
            }
            _ => draft.withhold(
                Feature::Connections,
                "when the server closes idle connections is unknown: its language is; the policy can say (`keepalive`)",
            ),
        }
    }

    /// Failures in a row that eject a host.
    fn row(&self) -> Option<f64> {
        let share = self.facts.get(FAULT_SHARE)?;
        let rate = self.facts.get(RATE)?;
        formulas::consecutive_5xx(rate, self.facts.get(HOSTS)?, share)
    }
}

/// Share of resent attempts up to which a client counts as one that does not retry: a single one by hand must not decide.
const RARE_RETRIES: f64 = 0.001;
