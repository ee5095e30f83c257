//! Two kinds of service graph against one truth, group by group of what can be at the other end of a call.
//!
//! A graph names its nodes in its own way, so a claim is first turned into the true nodes that its ends may mean, and is right when
//! one of these pairs really called. A name that several nodes share is no fault; how many true edges are told by names that mean
//! one node only is counted apart.

pub mod otelcol;
pub mod tracemesh;

use std::collections::{BTreeMap, BTreeSet};

use tracemesh_generator::truth::{EdgeKey, NodeIndex, Relation, Truth};
use tracemesh_generator::world::World;

/// What an edge leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Service to service.
    Calls,
    /// Service to service, through messages.
    Messages,
    /// Service to database or cache.
    Databases,
    /// Service to an API or object store outside the company.
    Externals,
    /// Service to the broker that it dials.
    Brokers,
    /// From outside the traces to a service.
    Entries,
}

impl Group {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::Calls,
        Self::Messages,
        Self::Databases,
        Self::Externals,
        Self::Brokers,
        Self::Entries,
    ];

    /// Words for the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "service -> service",
            Self::Messages => "service -> service, messages",
            Self::Databases => "service -> database",
            Self::Externals => "service -> external",
            Self::Brokers => "service -> broker",
            Self::Entries => "outside -> service",
        }
    }

    /// Messages to and from a broker are told by the edges between services and by the dialling.
    fn of(world: &World, callee: NodeIndex, relation: Relation) -> Option<Self> {
        match (world.nodes[callee].kind, relation) {
            ("service", Relation::Async) => Some(Self::Messages),
            ("service", _) => Some(Self::Calls),
            ("database", _) => Some(Self::Databases),
            ("broker", Relation::Sync) => Some(Self::Brokers),
            ("broker", _) => None,
            _ => Some(Self::Externals),
        }
    }
}

/// An edge of a graph, as the true nodes that it may mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Who may be the caller; nobody for calls from outside.
    pub callers: Vec<NodeIndex>,
    /// Who may be the callee.
    pub callees: Vec<NodeIndex>,
    /// How.
    pub relation: Relation,
    /// Attempts counted.
    pub attempts: f64,
    /// As the graph tells it.
    pub text: String,
}

/// One group of edges.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Edges that the graph tells.
    pub claimed: u64,
    /// Those of them that are not true.
    pub wrong: Vec<String>,
    /// True edges.
    pub true_edges: u64,
    /// True edges that a right edge of the graph may mean.
    pub found: u64,
    /// True edges that a right edge of the graph means and no other.
    pub exact: u64,
    /// Attempts of right edges.
    pub attempts: f64,
    /// Attempts that there were.
    pub true_attempts: f64,
}

impl Tally {
    /// Right edges of those told; nothing told is nothing wrong.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        let claimed = self.claimed as f64;
        (self.claimed > 0).then(|| (claimed - self.wrong.len() as f64) / claimed)
    }

    /// Edges found of those that are true.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        (self.true_edges > 0).then(|| self.found as f64 / self.true_edges as f64)
    }

    /// Adds another group.
    pub fn add(&mut self, other: &Self) {
        self.claimed += other.claimed;
        self.wrong.extend(other.wrong.iter().cloned());
        self.true_edges += other.true_edges;
        self.found += other.found;
        self.exact += other.exact;
        self.attempts += other.attempts;
        self.true_attempts += other.true_attempts;
    }
}

/// One graph against the truth.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Score {
    /// By group.
    pub groups: BTreeMap<Group, Tally>,
    /// Edges to something that the graph itself calls unknown.
    pub unnamed: u64,
}

impl Score {
    /// Judges edges, calls from outside, and the number of edges to something unknown.
    #[must_use]
    pub fn of(world: &World, truth: &Truth, (claims, unnamed): (&[Claim], u64)) -> Self {
        let mut score = Self {
            groups: Group::ALL
                .map(|group| (group, Tally::default()))
                .into_iter()
                .collect(),
            unnamed,
        };
        for (key, edge) in &truth.edges {
            if let Some(group) = Group::of(world, key.1, key.2) {
                let tally = score.groups.entry(group).or_default();
                tally.true_edges += 1;
                tally.true_attempts += edge.happened.attempts as f64;
            }
        }
        let entries = score.groups.entry(Group::Entries).or_default();
        entries.true_edges = truth.entries.len() as u64;
        entries.true_attempts = truth.entries.values().sum::<u64>() as f64;
        score.judge(world, truth, claims);
        score
    }

    fn judge(&mut self, world: &World, truth: &Truth, claims: &[Claim]) {
        let mut found: BTreeMap<Group, BTreeSet<Meant>> = BTreeMap::new();
        let mut exact = found.clone();
        for claim in claims {
            let Some(group) = group_of(world, claim) else {
                continue;
            };
            let meant = meanings(truth, claim, group);
            let tally = self.groups.entry(group).or_default();
            tally.claimed += 1;
            if meant.is_empty() {
                tally.wrong.push(claim.text.clone());
                continue;
            }
            tally.attempts += claim.attempts;
            if claim.callers.len() <= 1 && claim.callees.len() == 1 {
                exact.entry(group).or_default().extend(&meant);
            }
            found.entry(group).or_default().extend(&meant);
        }
        for (group, tally) in &mut self.groups {
            tally.found = found.get(group).map_or(0, |keys| keys.len() as u64);
            tally.exact = exact.get(group).map_or(0, |keys| keys.len() as u64);
        }
    }

    /// Several groups together.
    #[must_use]
    pub fn sum(&self, groups: &[Group]) -> Tally {
        let mut sum = Tally::default();
        for tally in groups.iter().filter_map(|group| self.groups.get(group)) {
            sum.add(tally);
        }
        sum
    }
}

/// A true edge, or one from outside.
type Meant = (Option<NodeIndex>, NodeIndex, Relation);

fn group_of(world: &World, claim: &Claim) -> Option<Group> {
    if claim.callers.is_empty() {
        return Some(Group::Entries);
    }
    match claim.callees.first() {
        Some(callee) => Group::of(world, *callee, claim.relation),
        // Leads nowhere that exists.
        None => Some(Group::Externals),
    }
}

fn meanings(truth: &Truth, claim: &Claim, group: Group) -> Vec<Meant> {
    let callees = claim.callees.iter();
    if group == Group::Entries {
        let entered = callees.filter(|callee| truth.entries.contains_key(callee));
        return entered
            .map(|callee| (None, *callee, Relation::Sync))
            .collect();
    }
    let pairs = callees.flat_map(|callee| {
        let callers = claim.callers.iter();
        callers.map(move |caller| (*caller, *callee, claim.relation))
    });
    let is_true = |key: &EdgeKey| truth.edges.contains_key(key);
    let found = pairs.filter(is_true);
    found
        .map(|(caller, callee, relation)| (Some(caller), callee, relation))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::recording::{Company, Delivery, Recording};

    #[test]
    fn a_graph_that_tells_the_truth_is_right_and_complete_and_another_is_not() {
        let company = Company {
            seed: 3,
            services: 10,
            spans: 2_000,
        };
        let (_, world, truth) = Recording::of_company(company, Delivery::AtOnce, 1 << 60);
        let edges = truth.edges.iter();
        let edges = edges.map(|(key, edge)| Claim {
            callers: vec![key.0],
            callees: vec![key.1],
            relation: key.2,
            attempts: edge.happened.attempts as f64,
            text: String::new(),
        });
        let entries = truth.entries.iter().map(|(node, calls)| Claim {
            callers: Vec::new(),
            callees: vec![*node],
            relation: Relation::Sync,
            attempts: *calls as f64,
            text: String::new(),
        });
        let mut claims: Vec<Claim> = edges.chain(entries).collect();
        let score = Score::of(&world, &truth, (&claims, 0));
        let sum = score.sum(&Group::ALL);
        assert_eq!((sum.precision(), sum.recall()), (Some(1.0), Some(1.0)));
        assert_eq!(sum.exact, sum.true_edges);
        assert!((sum.attempts - sum.true_attempts).abs() < 1e-6);

        claims.retain(|claim| claim.relation == Relation::Sync);
        for claim in &mut claims {
            std::mem::swap(&mut claim.callers, &mut claim.callees);
        }
        let sum = Score::of(&world, &truth, (&claims, 0)).sum(&[Group::Messages]);
        assert_eq!(sum.recall(), Some(0.0));
    }
}
