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

    /// Puts what was learnt elsewhere in the place of what was learnt here; what is counted stays.
    pub(crate) fn borrow_lessons(&mut self, learnt: &Self) {
        self.votes.clone_from(&learnt.votes);
        self.served.clone_from(&learnt.served);
        self.folds.clone_from(&learnt.folds);
        for (key, stats) in &learnt.nodes {
            let own = self.nodes.entry(key.clone()).or_default();
            own.addresses.clone_from(&stats.addresses);
            own.facets.clone_from(&stats.facets);
            own.attributes.clone_from(&stats.attributes);
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
