//! The facts that formulas read, by name. What a setting cites is what the evidence shows, because it is one map.

use std::collections::BTreeMap;

use super::rounding::whole_to_f64;
use crate::hazards::HazardKind;
use crate::snapshot::{Demand, Edge, Inbound};

/// Attempts seen.
pub(super) const CALLS: &str = "calls";
/// Attempts whose time the caller's spans tell.
pub(super) const TIMED_CALLS: &str = "timed_calls";
/// Days (UTC) with calls.
pub(super) const ACTIVE_DAYS: &str = "active_days";
/// Share of the calls that rates and concurrency were counted from; they are scaled up by it.
pub(super) const COVERAGE: &str = "counted_share";
/// Versions of the callee seen.
pub(super) const VERSIONS: &str = "versions";
/// 1 when an instance of the callee ended before another began, else 0.
pub(super) const REPLACED: &str = "instances_replaced";
/// Most calls in a second, from (or to) all instances.
pub(super) const RATE: &str = "calls_per_second";
/// The same of one instance.
pub(super) const RATE_OF_ONE: &str = "calls_per_second_of_one";
/// Most attempts under way at once in one instance.
pub(super) const CONCURRENCY: &str = "concurrency_of_one";
/// Most attempts of one trace under way at once.
pub(super) const IN_TRACE: &str = "most_in_trace";
/// Instances alive together.
pub(super) const INSTANCES: &str = "instances";
/// Instances of the callee alive together.
pub(super) const CALLEE_INSTANCES: &str = "callee_instances";
/// Median latency.
pub(super) const P50: &str = "p50_ms";
/// 90th percentile.
pub(super) const P90: &str = "p90_ms";
/// 99th percentile.
pub(super) const P99: &str = "p99_ms";
/// 99.9th percentile.
pub(super) const P999: &str = "p999_ms";
/// Longest call.
pub(super) const MAX: &str = "max_ms";
/// Longest call that did not fail.
pub(super) const SLOWEST_OK: &str = "slowest_ok_ms";
/// Share of attempts that failed by the callee's fault, or got no reply.
pub(super) const FAULT_SHARE: &str = "server_fault_share";
/// Share of attempts that repeat another one.
pub(super) const RETRY_SHARE: &str = "client_retry_share";
/// Share of attempts with a safe method.
pub(super) const SAFE_SHARE: &str = "safe_method_share";
/// Addresses that load balancing chooses from.
pub(super) const HOSTS: &str = "hosts";
/// Time after which the server closes an idle connection.
pub(super) const KEEPALIVE: &str = "server_keepalive_ms";

/// Numbers by name: finite, not negative, and small enough that no formula overflows.
#[derive(Debug, Default)]
pub(super) struct Facts(BTreeMap<&'static str, f64>);

/// A number from a snapshot that anybody may have written.
pub(super) fn sane(number: f64) -> Option<f64> {
    const LARGEST: f64 = 1e15;
    (number.is_finite() && number >= 0.0).then_some(number.min(LARGEST))
}

impl Facts {
    /// The facts of a synchronous edge, without those that need its ends.
    pub(super) fn of_edge(edge: &Edge) -> Self {
        let mut facts = Self::default();
        facts.count(CALLS, edge.attempts);
        facts.share(RETRY_SHARE, retries(edge), edge.attempts);
        facts.share(FAULT_SHARE, server_faults(&edge.errors), edge.attempts);
        let methods = &edge.facts.methods;
        let all = methods
            .values()
            .fold(0, |sum: u64, n| sum.saturating_add(*n));
        facts.share(SAFE_SHARE, safe(methods), all);
        if let Some(client) = edge.latency.client {
            facts.count(TIMED_CALLS, client.count);
            let times = [
                (P50, client.p50_ms),
                (P99, client.p99_ms),
                (P999, client.p999_ms),
                (MAX, client.max_ms),
            ];
            facts.all(&times);
        }
        if let Some(demand) = &edge.facts.demand {
            facts.of_demand(demand, edge.calls);
        }
        facts
    }

    /// Where halves of calls came apart, those that were joined later are missing in these facts. As they are a matter of
    /// chance, rates are scaled up, as long as there is enough to scale; and the slowest of all stands for the slowest success.
    fn of_demand(&mut self, demand: &Demand, calls: u64) {
        const LEAST: f64 = 0.5;
        const WHOLE: f64 = 0.95;
        self.share(COVERAGE, demand.calls, calls);
        let Some(coverage) = self.get(COVERAGE).filter(|coverage| *coverage >= LEAST) else {
            return;
        };
        self.count(ACTIVE_DAYS, demand.active_days);
        self.count(REPLACED, u64::from(demand.callee_was_replaced));
        self.count(IN_TRACE, demand.most_in_trace);
        self.all(&[
            (RATE, demand.calls_per_second / coverage),
            (RATE_OF_ONE, demand.calls_per_second_of_one / coverage),
            (CONCURRENCY, demand.concurrency_of_one / coverage),
            (INSTANCES, demand.caller_instances),
            (CALLEE_INSTANCES, demand.callee_instances),
        ]);
        let slowest = match coverage >= WHOLE {
            true => demand.slowest_ok_ms,
            false => self.get(MAX),
        };
        if let Some(slowest) = slowest {
            self.note(SLOWEST_OK, slowest);
        }
    }

    /// The facts of a service's own server spans.
    pub(super) fn of_inbound(inbound: &Inbound) -> Self {
        let mut facts = Self::default();
        facts.count(CALLS, inbound.calls);
        facts.count(TIMED_CALLS, inbound.calls);
        facts.count(ACTIVE_DAYS, inbound.active_days);
        facts.count(REPLACED, u64::from(inbound.was_replaced));
        facts.all(&[
            (RATE, inbound.calls_per_second),
            (RATE_OF_ONE, inbound.calls_per_second_of_one),
            (CONCURRENCY, inbound.concurrency_of_one),
            (INSTANCES, inbound.instances),
            (P50, inbound.p50_ms),
            (P90, inbound.p90_ms),
            (P99, inbound.p99_ms),
            (MAX, inbound.max_ms),
        ]);
        facts
    }

    /// Notes a number; one that is none is unknown.
    pub(super) fn note(&mut self, name: &'static str, number: f64) {
        if let Some(number) = sane(number) {
            self.0.insert(name, number);
        }
    }

    pub(super) fn count(&mut self, name: &'static str, count: u64) {
        self.note(name, whole_to_f64(count));
    }

    /// Unknown when there is nothing to be a share of.
    fn share(&mut self, name: &'static str, part: u64, of: u64) {
        if of > 0 {
            self.note(name, whole_to_f64(part.min(of)) / whole_to_f64(of));
        }
    }

    fn all(&mut self, numbers: &[(&'static str, f64)]) {
        for (name, number) in numbers {
            self.note(name, *number);
        }
    }

    /// A fact, if it is known.
    pub(super) fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// All of them, for the evidence.
    pub(super) fn into_evidence(self) -> BTreeMap<String, f64> {
        let facts = self.0.into_iter();
        facts
            .map(|(name, number)| (name.to_owned(), number))
            .collect()
    }
}

/// Attempts that repeat another one, as inference counted them or as their spans show, whichever is more. Steps of a
/// redirect count as attempts too, and repeat nothing: at least half of those that bear its mark.
fn retries(edge: &Edge) -> u64 {
    let redirects = edge.flags.get("redirect").copied().unwrap_or_default();
    let shown = edge.facts.hazards.get(&HazardKind::RetriesOnRetries);
    let shown = shown.map_or(0, |exposure| exposure.spans);
    edge.retries.saturating_sub(redirects / 2).max(shown)
}

/// Attempts with a method that HTTP calls safe.
fn safe(methods: &BTreeMap<String, u64>) -> u64 {
    ["GET", "HEAD", "OPTIONS"]
        .iter()
        .filter_map(|method| methods.get(*method))
        .fold(0, |sum, count| sum.saturating_add(*count))
}

/// Attempts that the callee did wrong, or never answered, of those listed by error type or status.
pub(crate) fn server_faults(errors: &BTreeMap<String, u64>) -> u64 {
    errors
        .iter()
        .filter(|(label, _)| is_server_fault(label))
        .fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

/// What Envoy counts as a failure of the host: 5xx, the gRPC codes that it maps to 5xx, and no reply at all. Labels that are
/// no status are types of exceptions: the caller got no reply.
fn is_server_fault(label: &str) -> bool {
    const OF_THE_CALLER: [&str; 11] = [
        "OK",
        "CANCELLED",
        "INVALIDARGUMENT",
        "NOTFOUND",
        "ALREADYEXISTS",
        "PERMISSIONDENIED",
        "RESOURCEEXHAUSTED",
        "FAILEDPRECONDITION",
        "ABORTED",
        "OUTOFRANGE",
        "UNAUTHENTICATED",
    ];
    match label.parse::<u16>() {
        // gRPC: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
        Ok(code @ 0..=16) => matches!(code, 2 | 4 | 12..=15),
        Ok(status) => !(100..500).contains(&status),
        Err(_) => {
            // `NOT_FOUND`, `NotFound` and `StatusCode.NOT_FOUND` are one.
            let last = label.rsplit('.').next().unwrap_or_default();
            let name: String = last.chars().filter(|c| *c != '_').collect();
            let name = name.to_ascii_uppercase();
            !OF_THE_CALLER.contains(&name.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_callee_did_wrong_is_its_fault() {
        let faults = [
            "500",
            "503",
            "599",
            "14",
            "4",
            "2",
            "UNAVAILABLE",
            "Unavailable",
            "DEADLINE_EXCEEDED",
            "StatusCode.INTERNAL",
            "error",
            "ECONNRESET",
            "java.net.ConnectException",
            "timeout",
            "UNIMPLEMENTED",
            "",
        ];
        for label in faults {
            assert!(is_server_fault(label), "{label}");
        }
        let fine = [
            "400",
            "404",
            "429",
            "301",
            "5",
            "16",
            "1",
            "NOT_FOUND",
            "NotFound",
            "Cancelled",
            "StatusCode.UNAUTHENTICATED",
            "RESOURCE_EXHAUSTED",
        ];
        for label in fine {
            assert!(!is_server_fault(label), "{label}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_unknown() {
        let mut facts = Facts::default();
        for number in [f64::NAN, f64::INFINITY, -1.0, -f64::INFINITY] {
            facts.note(P50, number);
        }
        assert_eq!(facts.get(P50), None);
        facts.note(P50, 1e300);
        assert_eq!(facts.get(P50), Some(1e15));
        facts.count(CALLS, u64::MAX);
        assert_eq!(facts.get(CALLS), Some(1e15));
    }

    #[test]
    fn an_edge_without_facts_has_no_shares() {
        let mut edge = crate::snapshot::testing::edge("service/a", "service/b", 0);
        edge.errors.insert("500".to_owned(), u64::MAX);
        let facts = Facts::of_edge(&edge);
        assert_eq!(facts.get(FAULT_SHARE), None);
        assert_eq!(facts.get(SAFE_SHARE), None);
        edge.attempts = 10;
        edge.retries = 3;
        edge.flags.insert("redirect".to_owned(), 4);
        edge.facts.methods = BTreeMap::from([("GET".to_owned(), 3), ("POST".to_owned(), 1)]);
        let facts = Facts::of_edge(&edge);
        assert_eq!(facts.get(FAULT_SHARE), Some(1.0));
        assert_eq!(facts.get(RETRY_SHARE), Some(0.1));
        assert_eq!(facts.get(SAFE_SHARE), Some(0.75));
    }
}
