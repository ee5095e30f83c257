//! What a segment teaches about who answers where, apart from what it counts.

use super::Segment;
use super::stats::NodeStats;

impl Segment {
    /// Votes, hosts, addresses and kinds of nodes; no spans, no calls.
    pub(crate) fn lessons(&self) -> Self {
        let nodes = self.nodes.iter();
        let nodes = nodes.map(|(key, stats)| (key.clone(), stats.lessons()));
        Self {
            nodes: nodes.collect(),
            trail_step_min: self.trail_step_min,
            votes: self.votes.clone(),
            served: self.served.clone(),
            folds: self.folds.clone(),
            ..Self::default()
        }
    }

    /// Exchanges what was learnt with another segment, which knows of all nodes of this one; what is counted stays. Nodes that only
    /// the other knows are here afterwards, with no count. A second time undoes the first, but for those.
    pub(crate) fn swap_lessons(&mut self, other: &mut Self) {
        use std::mem::swap;
        swap(&mut self.votes, &mut other.votes);
        swap(&mut self.served, &mut other.served);
        swap(&mut self.folds, &mut other.folds);
        for (key, stats) in &mut other.nodes {
            let own = self.nodes.entry(key.clone()).or_default();
            swap(&mut own.addresses, &mut stats.addresses);
            swap(&mut own.facets, &mut stats.facets);
            swap(&mut own.attributes, &mut stats.attributes);
        }
    }

    /// How much there is to remember.
    pub(crate) fn lesson_count(&self) -> usize {
        let addresses = self.nodes.values().map(|stats| stats.addresses.len());
        addresses.fold(self.votes.len() + self.served.len(), |sum, count| {
            sum + count
        })
    }
}

impl NodeStats {
    fn lessons(&self) -> Self {
        Self {
            addresses: self.addresses.clone(),
            facets: self.facets.clone(),
            attributes: self.attributes.clone(),
            ..Self::default()
        }
    }
}
