//! How long what is known was not seen, and what that makes of it.

use std::collections::BTreeSet;

use crate::egress::EgressOptions;
use crate::egress::evidence::{EdgeEvidence, EgressEvidence, EvidenceTarget, ServiceEvidence};
use crate::egress::model::{
    AddressSource, Destination, DestinationState, EgressModel, EgressTarget, ServiceEgress,
};
use crate::policy::Thresholds;
use crate::snapshot::{EvidenceCounts, GraphSnapshot, Window};
use crate::time::Timestamp;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Sights that are far apart make a habit: only what is unseen for this many times the longest pause is quiet.
const PAUSES: u64 = 3;

/// Sets the states of services, destinations and addresses, and carries the evidence of what was not seen on.
pub(in crate::egress) fn age(
    model: &mut EgressModel,
    snapshot: &GraphSnapshot,
    options: &EgressOptions,
) {
    let nothing = EgressEvidence::default();
    let previous = options.previous.as_deref();
    let clock = Clock {
        window: snapshot.window,
        past: previous.map_or(&nothing, |previous| &previous.evidence),
        callers: callers(snapshot),
        healthy: is_healthy(snapshot),
        thresholds: options.policy.thresholds,
    };
    let known: BTreeSet<&str> = previous
        .into_iter()
        .flat_map(|previous| &previous.services)
        .map(|service| service.id.as_str())
        .collect();
    let in_graph: BTreeSet<&str> = snapshot.nodes.iter().map(|node| node.id.as_str()).collect();
    for service in &mut model.services {
        let evidence = model.evidence.services.entry(service.id.clone());
        let evidence = evidence.or_default();
        if !in_graph.contains(service.id.as_str()) {
            clock.service(service, evidence);
        }
        let was_known = known.contains(service.id.as_str());
        clock.destinations(service, evidence, was_known);
    }
}

/// Services that were seen to call anything: the silence of the others says nothing about whom they call.
fn callers(snapshot: &GraphSnapshot) -> BTreeSet<&str> {
    let edges = snapshot.edges.iter().map(|edge| edge.caller.as_str());
    let services = snapshot.diagnostics.per_service.iter();
    let calling = services.filter(|service| {
        let calls_out = |kind: &str| matches!(kind, "client" | "producer");
        let mut kinds = service.kinds.iter();
        service.unresolved > 0
            || kinds.any(|(kind, count)| *count > 0 && calls_out(&kind.to_ascii_lowercase()))
    });
    edges
        .chain(calling.map(|service| service.service.as_str()))
        .collect()
}

/// Whether the collector kept what it was sent: at most one call in a hundred spans was given up.
fn is_healthy(snapshot: &GraphSnapshot) -> bool {
    let dropped = snapshot.diagnostics.dropped.values();
    let dropped: u128 = dropped.map(|count| u128::from(*count)).sum();
    dropped * 100 <= u128::from(snapshot.diagnostics.spans)
}

struct Clock<'a> {
    window: Window,
    past: &'a EgressEvidence,
    callers: BTreeSet<&'a str>,
    healthy: bool,
    thresholds: Thresholds,
}

impl Clock<'_> {
    /// A service that is not in the graph.
    fn service(&self, service: &mut ServiceEgress, evidence: &mut ServiceEvidence) {
        let past = self.past.services.get(&service.id);
        if let Some(past) = past {
            evidence.clone_from(past);
            evidence.destinations.clear();
            evidence.window = Some(past.window.unwrap_or(self.past.window));
        }
        let counted = if self.healthy {
            self.new_time_ms(self.past.window)
        } else {
            0
        };
        evidence.unseen_ms = evidence.unseen_ms.saturating_add(counted);
        service.state = self.state(evidence.unseen_ms, 0);
    }

    fn destinations(
        &self,
        service: &mut ServiceEgress,
        evidence: &mut ServiceEvidence,
        was_known: bool,
    ) {
        let past = self.past.services.get(&service.id);
        let counted = self.counted_ms(&service.id, evidence, past);
        let kept: BTreeSet<String> = nodes_of(&service.destinations);
        let displaced = service.displaced.iter_mut();
        let displaced = displaced.filter(|destination| !kept.contains(&destination.node));
        for destination in service.destinations.iter_mut().chain(displaced) {
            let before = past.and_then(|past| past.destinations.get(&destination.node));
            let own_word = destination.address_source == AddressSource::Policy;
            if let Some(found) = evidence.destinations.get_mut(&destination.node) {
                self.seen(found, before, counted);
            } else if before.is_some() || (was_known && !own_word) {
                let mut kept = before.cloned().unwrap_or_else(|| self.lost());
                kept.unseen_ms = kept.unseen_ms.saturating_add(counted);
                for target in &mut kept.targets {
                    target.unseen_ms = target.unseen_ms.saturating_add(counted);
                }
                evidence.destinations.insert(destination.node.clone(), kept);
            }
            if let Some(found) = evidence.destinations.get(&destination.node) {
                self.set_states(destination, found, before);
            }
        }
        for removed in &service.removed {
            let before = past.and_then(|past| past.destinations.get(removed));
            if let Some(before) = before.filter(|_| !evidence.destinations.contains_key(removed)) {
                evidence
                    .destinations
                    .insert(removed.clone(), before.clone());
            }
        }
    }

    /// Evidence of an edge in the snapshot, put after that of earlier runs.
    fn seen(&self, found: &mut EdgeEvidence, before: Option<&EdgeEvidence>, counted: u64) {
        found.unseen_ms = self.since_ms(found.last_seen);
        let Some(before) = before else {
            return;
        };
        let pause = ms_between(before.last_seen, found.first_seen);
        found.longest_gap_ms = before.longest_gap_ms.max(pause);
        for target in &before.targets {
            if !found.targets.iter().any(|other| is_same(other, target)) {
                let mut target = target.clone();
                target.unseen_ms = target.unseen_ms.saturating_add(counted);
                found.targets.push(target);
            }
        }
    }

    fn set_states(
        &self,
        destination: &mut Destination,
        evidence: &EdgeEvidence,
        before: Option<&EdgeEvidence>,
    ) {
        let pinned = destination.pinned.is_some();
        let limited = |state: DestinationState| match state {
            DestinationState::ProposedRemoval if pinned => DestinationState::Quiet,
            state => state,
        };
        let gap = evidence.longest_gap_ms;
        destination.state = limited(self.state(evidence.unseen_ms, gap));
        for target in &mut destination.targets {
            let earlier = before.and_then(|before| find(&before.targets, target));
            let now = find(&evidence.targets, target);
            // Only an address of earlier runs has a life of its own; what is in the snapshot lives with its destination.
            let unseen = match (earlier, now) {
                (Some(earlier), Some(now)) if earlier.last_seen == now.last_seen => now.unseen_ms,
                _ => 0,
            };
            target.state = limited(self.state(unseen, gap));
        }
    }

    /// Evidence of something whose evidence is lost: counting begins with this window.
    fn lost(&self) -> EdgeEvidence {
        let start = self.window.start.unwrap_or_default();
        EdgeEvidence {
            calls: 0,
            attempts: 0,
            failed_attempts: 0,
            evidence: EvidenceCounts::default(),
            confidence: 0.0,
            first_seen: start,
            last_seen: start,
            unseen_ms: 0,
            longest_gap_ms: 0,
            protocols: std::collections::BTreeMap::new(),
            targets: Vec::new(),
            exemplars: Vec::new(),
            facts: std::collections::BTreeMap::new(),
        }
    }

    /// The time of this window that counts against what a service was not seen to call in it: none when it was silent, when
    /// spans were given up, or when it sent less than half the spans per time than in the window before.
    fn counted_ms(
        &self,
        service: &str,
        evidence: &ServiceEvidence,
        past: Option<&ServiceEvidence>,
    ) -> u64 {
        if !self.healthy || !self.callers.contains(service) {
            return 0;
        }
        let window = past.and_then(|past| past.window);
        let window = window.unwrap_or(self.past.window);
        let before = past.map_or(0, |past| past.spans);
        let rate_halved = u128::from(evidence.spans) * 2 * u128::from(length_ms(window))
            < u128::from(before) * u128::from(length_ms(self.window));
        if rate_halved {
            return 0;
        }
        self.new_time_ms(window)
    }

    /// The part of this window that earlier runs have not seen.
    fn new_time_ms(&self, past: Window) -> u64 {
        let (Some(start), Some(end)) = (self.window.start, self.window.end) else {
            return 0;
        };
        let from = past.end.map_or(start, |past| past.max(start));
        ms_between(from, end)
    }

    fn since_ms(&self, last_seen: Timestamp) -> u64 {
        match self.window.end {
            Some(end) if self.healthy => ms_between(last_seen, end),
            _ => 0,
        }
    }

    fn state(&self, unseen_ms: u64, longest_gap_ms: u64) -> DestinationState {
        let days = |days: u64| days.saturating_mul(DAY_MS);
        let habit = longest_gap_ms.saturating_mul(PAUSES);
        let quiet = days(self.thresholds.quiet_days).max(habit);
        let removal = quiet.saturating_add(days(self.thresholds.removal_days));
        if unseen_ms <= quiet {
            DestinationState::Active
        } else if unseen_ms <= removal {
            DestinationState::Quiet
        } else {
            DestinationState::ProposedRemoval
        }
    }
}

fn nodes_of(destinations: &[Destination]) -> BTreeSet<String> {
    let nodes = destinations.iter();
    nodes.map(|destination| destination.node.clone()).collect()
}

fn is_same(one: &EvidenceTarget, other: &EvidenceTarget) -> bool {
    (&one.scheme, &one.host, one.port) == (&other.scheme, &other.host, other.port)
}

fn find<'a>(targets: &'a [EvidenceTarget], wanted: &EgressTarget) -> Option<&'a EvidenceTarget> {
    let port = Some(wanted.port);
    targets.iter().find(|target| {
        (&target.scheme, &target.host, target.port) == (&wanted.scheme, &wanted.host, port)
    })
}

const fn ms_between(from: Timestamp, to: Timestamp) -> u64 {
    to.0.saturating_sub(from.0) / 1_000_000
}

fn length_ms(window: Window) -> u64 {
    match (window.start, window.end) {
        (Some(start), Some(end)) => ms_between(start, end),
        _ => 0,
    }
}
