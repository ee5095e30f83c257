//! How a service does today, as far as spans tell: what its canary is compared with.
//!
//! Errors are those that callers saw and that were the fault of the service, so a service that only unseen callers call has no known
//! error share. Latency is that of its own server spans. What was not seen is none, never 0.

use std::collections::BTreeMap;

use super::super::input::Health;
use super::rate;
use crate::egress::server_faults;
use crate::snapshot::{GraphSnapshot, Node, Relation, Window};

/// What the edges into a service say of its answers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answers {
    /// Attempts, and those of them that failed by its fault.
    attempts: u64,
    faults: u64,
    /// Calls, corrected for sampling.
    calls: f64,
}

/// By node id of the callee.
pub(super) fn answers(snapshot: &GraphSnapshot) -> BTreeMap<&str, Answers> {
    let mut answers: BTreeMap<&str, Answers> = BTreeMap::new();
    for edge in &snapshot.edges {
        if edge.relation != Relation::Sync {
            continue;
        }
        let sum = answers.entry(edge.callee.as_str()).or_default();
        let faults = server_faults(&edge.errors).min(edge.attempts);
        sum.attempts = sum.attempts.saturating_add(edge.attempts);
        sum.faults = sum.faults.saturating_add(faults);
        sum.calls += rate(edge);
    }
    answers
}

/// `entry_rate` are the calls from outside the traces, corrected for sampling.
pub(super) fn health(node: &Node, answers: Answers, entry_rate: f64, window: Window) -> Health {
    let error_share = answers.faults as f64 / answers.attempts as f64;
    let requests = (answers.calls + entry_rate) / seconds(window);
    let inbound = node.inbound.filter(|inbound| inbound.calls > 0);
    Health {
        error_share: known(error_share).filter(|_| answers.attempts > 0),
        p50_ms: inbound.and_then(|inbound| known(inbound.p50_ms)),
        p99_ms: inbound.and_then(|inbound| known(inbound.p99_ms)),
        requests_per_second: known(requests).filter(|rate| *rate > 0.0),
        instances: instances(node),
    }
}

/// A number from a file that anybody may have written.
fn known(number: f64) -> Option<f64> {
    (number.is_finite() && number >= 0.0).then_some(number)
}

fn seconds(window: Window) -> f64 {
    let start = window.start.map_or(0, |time| time.0);
    let end = window.end.map_or(0, |time| time.0);
    end.saturating_sub(start) as f64 / 1e9
}

/// Those alive together where that is known: a deploy in the window doubles the number of names seen.
fn instances(node: &Node) -> Option<u64> {
    let together = node.inbound.map_or(0.0, |inbound| inbound.instances).ceil();
    let seen = node.instances;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and between 1 and the number of those seen by the condition"
    )]
    let together = (together >= 1.0 && together <= seen as f64).then_some(together as u64);
    together.or(Some(seen)).filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Inbound;
    use crate::time::Timestamp;

    fn node(instances: u64, inbound: Option<Inbound>) -> Node {
        let node = serde_json::json!({
            "id": "service/a", "kind": "service", "name": "a", "namespace": "", "environment": "", "address": null,
            "system": null, "entry_calls": 0, "instances": instances, "facets": {}, "attributes": {}
        });
        let mut node: Node = serde_json::from_value(node).unwrap();
        node.inbound = inbound;
        node
    }

    fn inbound(instances: f64, p99_ms: f64) -> Option<Inbound> {
        Some(Inbound {
            calls: 1,
            instances,
            p99_ms,
            ..Inbound::default()
        })
    }

    #[test]
    fn what_was_not_seen_is_not_known() {
        let health = health(&node(0, None), Answers::default(), 0.0, Window::default());
        assert_eq!(health, Health::UNKNOWN);
    }

    #[test]
    fn rates_and_errors_are_means_over_the_window() {
        let window = Window {
            start: Some(Timestamp(0)),
            end: Some(Timestamp(10_000_000_000)),
        };
        let answers = Answers {
            attempts: 40,
            faults: 1,
            calls: 400.0,
        };
        let health = health(&node(3, inbound(1.5, 20.0)), answers, 100.0, window);
        assert_eq!(health.error_share, Some(0.025));
        assert_eq!(health.requests_per_second, Some(50.0));
        assert_eq!(health.p99_ms, Some(20.0));
        assert_eq!(health.instances, Some(2));
    }

    #[test]
    fn senseless_numbers_of_a_file_are_not_known() {
        let node = node(3, inbound(f64::NAN, f64::INFINITY));
        let health = health(&node, Answers::default(), f64::NAN, Window::default());
        assert_eq!(health.p99_ms, None);
        assert_eq!(health.requests_per_second, None);
        assert_eq!(health.instances, Some(3));
    }
}
