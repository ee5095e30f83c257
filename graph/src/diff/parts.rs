//! Parts of an edge that are on one side only: addresses, protocols, classes of evidence, topics.
//!
//! A part that had so small a share that it may have been missed on the other side is kept, as uncertain. Lists that were capped
//! (`other`) prove no absence.

use std::collections::BTreeMap;

use super::measure::{Measured, Test};
use super::model::What;
use super::pairs::{burst, worth};
use super::statistics::{Share, float, two_proportions};
use crate::snapshot::{Edge, EvidenceCounts, Target};

/// What stands for everything over a cap.
const REST: &str = "other";

/// Parts of an edge with their counts.
type Counts = fn(&Edge) -> BTreeMap<String, u64>;

/// Tests of every part that is on one side only.
pub(super) fn compare(before: &Edge, after: &Edge) -> Vec<Measured> {
    let kinds: [(What, Counts); 4] = [
        (What::Target, targets),
        (What::Protocol, |edge| edge.protocols.clone()),
        (What::Evidence, |edge| evidence(edge.evidence)),
        (What::Destination, |edge| edge.destination.clone()),
    ];
    let mut measured = Vec::new();
    for (what, parts) in kinds {
        let sides = (Parts::new(before, parts), Parts::new(after, parts));
        measured.extend(one_sided(what, &sides.0, &sides.1));
    }
    measured
}

/// Parts of one side and what they are parts of.
struct Parts {
    counts: BTreeMap<String, u64>,
    whole: u64,
    burst: f64,
}

impl Parts {
    fn new(edge: &Edge, parts: Counts) -> Self {
        let mut counts = parts(edge);
        counts.retain(|_, count| *count > 0);
        let sum = counts
            .values()
            .fold(0, |sum: u64, count| sum.saturating_add(*count));
        Self {
            counts,
            whole: sum.max(edge.calls),
            burst: burst(edge),
        }
    }

    fn count(&self, part: &str) -> u64 {
        self.counts.get(part).copied().unwrap_or_default()
    }

    fn share(&self, part: &str) -> Share {
        let all = worth(self.whole, self.burst);
        Share {
            hits: worth(self.count(part), self.burst).min(all),
            all,
        }
    }
}

fn one_sided(what: What, before: &Parts, after: &Parts) -> Vec<Measured> {
    let is_capped = [before, after]
        .iter()
        .any(|side| side.counts.contains_key(REST));
    let parts = before.counts.keys().chain(after.counts.keys());
    let parts = parts.filter(|part| *part != REST);
    let only = parts.filter(|part| before.count(part) == 0 || after.count(part) == 0);
    only.map(|part| Measured {
        what,
        value: Some(part.clone()),
        before: float(before.count(part)),
        after: float(after.count(part)),
        test: Test::Known(match is_capped {
            true => 1.0,
            false => two_proportions(before.share(part), after.share(part)),
        }),
        is_large: true,
    })
    .collect()
}

fn targets(edge: &Edge) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for target in &edge.targets {
        let count = counts.entry(spelled(target)).or_default();
        *count = count.saturating_add(target.attempts.max(target.calls));
    }
    counts
}

/// `http://cart:8080`, with brackets round an IPv6 address, without what is not known.
fn spelled(target: &Target) -> String {
    let mut text = String::new();
    if !target.scheme.is_empty() {
        text.push_str(&target.scheme);
        text.push_str("://");
    }
    match target.host.contains(':') {
        true => text.push_str(&format!("[{}]", target.host)),
        false => text.push_str(&target.host),
    }
    if let Some(port) = target.port {
        text.push_str(&format!(":{port}"));
    }
    text
}

fn evidence(counts: EvidenceCounts) -> BTreeMap<String, u64> {
    let classes = [
        ("paired", counts.paired),
        ("parent", counts.parent),
        ("address", counts.address),
        ("alias", counts.alias),
        ("named", counts.named),
        ("link", counts.link),
    ];
    classes
        .into_iter()
        .map(|(class, count)| (class.to_owned(), count))
        .collect()
}
