//! All tests together: what counts, in which order it is told, and what it means for egress.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::measure::{Draft, Measured, Spreads, Test};
use super::model::{
    Change, Detail, Difference, EdgeChange, EgressEffect, NodeChange, Noise, Options, Presence,
    RatesPer, SCHEMA, Traffic, What,
};
use super::pairs::{Observed, Sides, burst, worth};
use super::statistics::{Shift, common_spread, largest_significant, median, two_sided};
use crate::snapshot::{Edge, Node, Relation};

/// Edges from which on one can speak of all of them.
const FEWEST_FOR_TRAFFIC: usize = 10;

/// Turns tests into verdicts.
pub(super) fn judge(sides: &Sides<'_>, drafts: &[Draft<'_>], options: Options) -> Difference {
    let shifts = Shifts::of(drafts);
    let spreads = Spreads {
        volume: common_spread(&shifts.volumes),
        latency: common_spread(&shifts.latencies),
    };
    let nodes = one_sided_nodes(sides, spreads);
    let tests = drafts.iter().flat_map(|draft| {
        let measured = draft.measured.iter().map(|measured| measured.test);
        draft.presence.into_iter().chain(measured)
    });
    let p_values = tests.map(|test| test.p_value(spreads));
    let p_values: Vec<f64> = p_values
        .chain(nodes.iter().map(|node| node.p_value))
        .collect();
    let count = p_values.len() as u64;
    let verdict = Verdict {
        largest: largest_significant(p_values, options.fdr),
        spreads,
    };
    let mut noise = Noise {
        rates_per: sides.rates_per,
        tests: count,
        largest_p: (verdict.largest >= 0.0).then(|| rounded(verdict.largest)),
        volume_spread: rounded(spreads.volume),
        latency_spread: rounded(spreads.latency),
        few_calls: drafts.iter().filter(|draft| draft.has_few_calls).count() as u64,
        small_changes: 0,
    };
    let renamed = Renamed::of(drafts);
    let mut edges: Vec<EdgeChange> = Vec::new();
    for draft in drafts {
        edges.extend(verdict.edge(draft, &renamed, &mut noise));
    }
    edges.sort_by_cached_key(importance);
    let nodes = verdict.nodes(nodes);
    let traffic = traffic(sides, &shifts.volumes, options);
    let is_certain = edges.iter().map(|edge| edge.certain);
    let is_certain = is_certain.chain(nodes.iter().map(|node| node.certain));
    Difference {
        schema: SCHEMA,
        differ: traffic.changed || is_certain.into_iter().any(|certain| certain),
        options,
        before: sides.before.facts(),
        after: sides.after.facts(),
        traffic,
        noise,
        nodes,
        edges,
    }
}

/// What most edges did.
struct Shifts {
    volumes: Vec<Shift>,
    latencies: Vec<Shift>,
}

impl Shifts {
    fn of(drafts: &[Draft<'_>]) -> Self {
        let mut shifts = Self {
            volumes: Vec::new(),
            latencies: Vec::new(),
        };
        for measured in drafts.iter().flat_map(|draft| &draft.measured) {
            match measured.test {
                Test::Volume(shift) => shifts.volumes.push(shift),
                Test::Latency(shift) => shifts.latencies.push(shift),
                Test::Known(_) | Test::Split { .. } => {}
            }
        }
        shifts
    }
}

fn traffic(sides: &Sides<'_>, volumes: &[Shift], options: Options) -> Traffic {
    let rate = |side: &Observed<'_>| side.weighted_calls() / side.exposure;
    let ratio = rate(&sides.after) / rate(&sides.before);
    let is_known = sides.rates_per == RatesPer::Second && ratio.is_finite() && ratio > 0.0;
    let typical = median(volumes.iter().map(|shift| shift.log_ratio).collect());
    // Of a median of noise, the deviation is that of a mean times the root of half of pi, at most.
    let variances: f64 = volumes.iter().map(|shift| shift.variance).sum();
    let count = f64::from(u32::try_from(volumes.len()).unwrap_or(u32::MAX));
    let deviation = (std::f64::consts::FRAC_PI_2 * variances).sqrt() / count;
    let is_beyond_noise = deviation > 0.0 && two_sided(typical / deviation) <= options.fdr;
    Traffic {
        ratio: is_known.then(|| rounded(ratio)),
        typical_ratio: (!volumes.is_empty()).then(|| rounded(typical.exp())),
        changed: volumes.len() >= FEWEST_FOR_TRAFFIC
            && is_beyond_noise
            && typical.abs() >= options.min_change.ln(),
    }
}

/// Nodes of one side, uncertain all of them so far.
fn one_sided_nodes(sides: &Sides<'_>, spreads: Spreads) -> Vec<NodeChange> {
    let of = |presence: Presence| {
        let (here, there) = match presence {
            Presence::Gone => (&sides.before, &sides.after),
            Presence::Added => (&sides.after, &sides.before),
        };
        let mut touching: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
        for edge in &here.snapshot.edges {
            let ends = BTreeSet::from([edge.caller.as_str(), edge.callee.as_str()]);
            for end in ends {
                touching.entry(end).or_default().push(edge);
            }
        }
        let nodes = here.snapshot.nodes.iter();
        let only: Vec<NodeChange> = nodes
            .filter(|node| there.snapshot.node(&node.id).is_none())
            .map(|node| {
                let edges = touching
                    .get(node.id.as_str())
                    .map_or(&[][..], Vec::as_slice);
                one_sided(sides, node, edges, (presence, spreads))
            })
            .collect();
        only
    };
    let mut nodes = of(Presence::Added);
    nodes.extend(of(Presence::Gone));
    nodes
}

fn one_sided(
    sides: &Sides<'_>,
    node: &Node,
    edges: &[&Edge],
    (presence, spreads): (Presence, Spreads),
) -> NodeChange {
    let own = [node.requests, node.entry_calls];
    let calls = edges.iter().map(|edge| edge.calls).chain(own).max();
    let events = edges.iter().map(|edge| worth(edge.calls, burst(edge)));
    let events = events.chain(own).max().unwrap_or_default();
    let (before, after) = match presence {
        Presence::Gone => (events, 0),
        Presence::Added => (0, events),
    };
    let test = Test::Split {
        before,
        after,
        odds: sides.odds(&node.id, None, None),
    };
    NodeChange {
        id: node.id.clone(),
        kind: node.kind,
        presence,
        certain: false,
        calls: calls.unwrap_or_default(),
        p_value: test.p_value(spreads),
    }
}

/// Which tests count.
struct Verdict {
    largest: f64,
    spreads: Spreads,
}

impl Verdict {
    fn counts(&self, p_value: f64) -> bool {
        p_value <= self.largest
    }

    fn nodes(&self, mut nodes: Vec<NodeChange>) -> Vec<NodeChange> {
        for node in &mut nodes {
            node.certain = self.counts(node.p_value);
            node.p_value = rounded(node.p_value);
        }
        nodes.sort_by(|a, b| {
            let rank = |node: &NodeChange| (!node.certain, node.presence, Reverse(node.calls));
            rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id))
        });
        nodes
    }

    /// `None` when nothing about the edge is worth telling.
    fn edge(
        &self,
        draft: &Draft<'_>,
        renamed: &Renamed<'_>,
        noise: &mut Noise,
    ) -> Option<EdgeChange> {
        let edge = draft.edge()?;
        let mut details = Vec::new();
        for measured in &draft.measured {
            details.extend(self.detail(measured, noise));
        }
        details.sort_by(|a, b| {
            let rank = |detail: &Detail| (!detail.certain, detail.what, detail.presence);
            rank(a).cmp(&rank(b)).then_with(|| a.value.cmp(&b.value))
        });
        let p_value = draft.presence.map(|test| test.p_value(self.spreads));
        if p_value.is_none() && details.is_empty() {
            return None;
        }
        let [calls_before, calls_after] = draft.calls();
        let same_address_as = renamed.of_edge(draft);
        Some(EdgeChange {
            caller: edge.caller.clone(),
            callee: edge.callee.clone(),
            relation: edge.relation,
            change: draft.change,
            certain: match p_value {
                Some(p) => self.counts(p),
                None => details.iter().any(|detail| detail.certain),
            },
            calls_before,
            calls_after,
            p_value: p_value.map(rounded),
            egress: effects(edge, draft.change, same_address_as, &details),
            same_address_as: same_address_as.map(str::to_owned),
            details,
        })
    }

    /// Numbers are told when they count and are large, parts in any case.
    fn detail(&self, measured: &Measured, noise: &mut Noise) -> Option<Detail> {
        let p_value = measured.test.p_value(self.spreads);
        let certain = self.counts(p_value);
        let is_part = measured.value.is_some();
        let is_told = is_part || (certain && measured.is_large);
        if !is_told {
            noise.small_changes += u64::from(certain);
            return None;
        }
        let (before, after) = (rounded(measured.before), rounded(measured.after));
        let has_ratio = !is_part && measured.before > 0.0 && measured.after > 0.0;
        Some(Detail {
            what: measured.what,
            value: measured.value.clone(),
            presence: is_part.then_some(match measured.before > 0.0 {
                true => Presence::Gone,
                false => Presence::Added,
            }),
            before,
            after,
            ratio: has_ratio.then(|| rounded(measured.after / measured.before)),
            p_value: rounded(p_value),
            certain,
        })
    }
}

/// Callers and addresses of edges on one side: the same address under another name is no new destination.
struct Renamed<'a> {
    added: BTreeMap<Dialled<'a>, &'a str>,
    gone: BTreeMap<Dialled<'a>, &'a str>,
}

/// Caller, host and port.
type Dialled<'a> = (&'a str, &'a str, Option<u16>);

impl<'a> Renamed<'a> {
    fn of(drafts: &[Draft<'a>]) -> Self {
        let dialled = |change: Change| {
            let mut callees: BTreeMap<Dialled<'a>, &'a str> = BTreeMap::new();
            for draft in drafts.iter().filter(|draft| draft.change == change) {
                for (address, callee) in addresses(draft) {
                    callees.entry(address).or_insert(callee);
                }
            }
            callees
        };
        Self {
            added: dialled(Change::Added),
            gone: dialled(Change::Gone),
        }
    }

    fn of_edge(&self, draft: &Draft<'a>) -> Option<&'a str> {
        let others = match draft.change {
            Change::Added => &self.gone,
            Change::Gone => &self.added,
            Change::Changed => return None,
        };
        addresses(draft).find_map(|(address, _)| others.get(&address).copied())
    }
}

fn addresses<'a>(draft: &Draft<'a>) -> impl Iterator<Item = (Dialled<'a>, &'a str)> {
    let edge = draft.edge().filter(|edge| edge.relation == Relation::Sync);
    edge.into_iter().flat_map(|edge| {
        let known = edge.targets.iter().filter(|target| target.port.is_some());
        known.map(|target| {
            let address = (edge.caller.as_str(), target.host.as_str(), target.port);
            (address, edge.callee.as_str())
        })
    })
}

/// What it means for the caller's egress; only edges that dial have any.
fn effects(
    edge: &Edge,
    change: Change,
    same_address_as: Option<&str>,
    details: &[Detail],
) -> Vec<EgressEffect> {
    if edge.relation != Relation::Sync {
        return Vec::new();
    }
    let effects: BTreeSet<EgressEffect> = match (change, same_address_as) {
        (Change::Added | Change::Gone, Some(_)) => {
            BTreeSet::from([EgressEffect::RenamedDestination])
        }
        (Change::Added, None) if edge.targets.is_empty() => {
            BTreeSet::from([EgressEffect::UnaddressedDestination])
        }
        (Change::Added, None) => BTreeSet::from([EgressEffect::NewDestination]),
        (Change::Gone, None) => BTreeSet::from([EgressEffect::UnusedDestination]),
        (Change::Changed, _) => details.iter().filter_map(effect).collect(),
    };
    effects.into_iter().collect()
}

fn effect(detail: &Detail) -> Option<EgressEffect> {
    match (detail.what, detail.presence) {
        (What::Target, Some(Presence::Added)) => Some(EgressEffect::NewAddress),
        (What::Target, _) => Some(EgressEffect::UnusedAddress),
        (What::Protocol, _) => Some(EgressEffect::OtherProtocol),
        (What::Evidence | What::Destination, _) => None,
        _ => Some(EgressEffect::TunedSettings),
    }
}

/// Certain before uncertain, added before gone before changed, then by what changed, then by calls.
fn importance(edge: &EdgeChange) -> impl Ord + use<> {
    let what = edge
        .details
        .first()
        .map(|detail| (!detail.certain, detail.what));
    let calls = edge.calls_before.max(edge.calls_after);
    let names = (edge.caller.clone(), edge.callee.clone(), edge.relation);
    (!edge.certain, edge.change, what, Reverse(calls), names)
}

/// Six significant digits: more are not meant, and the last ones differ with the order of a sum.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}
