//! The graph as a whole: the problems of the input, and those of its services summed up.

use std::collections::BTreeMap;

use super::facts::{Graph, sum};
use super::grade::{Grade, of_share};
use super::report::{Problem, Reason, ServiceReport};
use crate::snapshot::{EvidenceCounts, NodeKind, Relation};

/// Every problem of the graph, worst first.
pub(super) fn reasons(graph: &Graph<'_>, services: &[ServiceReport]) -> Vec<Reason> {
    let mut reasons = of_input(graph);
    reasons.extend(of_services(graph, services));
    reasons.retain(|reason| reason.part > 0 || reason.problem == Problem::NoSpans);
    reasons.sort_by(|a, b| b.grade.cmp(&a.grade).then(a.problem.cmp(&b.problem)));
    reasons
}

/// What was lost before there were services.
fn of_input(graph: &Graph<'_>) -> Vec<Reason> {
    let diagnostics = &graph.snapshot.diagnostics;
    let counter = |name: &str| diagnostics.counters.get(name).copied().unwrap_or_default();
    let lost = sum(diagnostics
        .rejected
        .values()
        .chain(diagnostics.dropped.values())
        .copied());
    let reason = |problem, part, whole, grade| Reason {
        problem,
        part,
        whole,
        services: 0,
        grade,
    };
    let share = |problem, part: u64| {
        let whole = diagnostics.spans.max(part);
        reason(problem, part, whole, of_share(part, whole, Grade::D))
    };
    let cut = counter("slices_closed_early");
    let cut_grade = if cut > 0 { Grade::C } else { Grade::A };
    let mut reasons = vec![
        share(Problem::SpansLost, lost),
        reason(Problem::TracesCut, cut, 0, cut_grade),
        share(Problem::NamesFolded, counter("names_folded")),
    ];
    if diagnostics.used == 0 {
        reasons.push(reason(Problem::NoSpans, 0, diagnostics.spans, Grade::D));
    }
    reasons
}

/// Findings of all services, added up; small ones count here like large ones.
fn of_services(graph: &Graph<'_>, services: &[ServiceReport]) -> Vec<Reason> {
    let mut sums: BTreeMap<Problem, (u64, u64)> = BTreeMap::new();
    for finding in services.iter().flat_map(|service| &service.findings) {
        let sum = sums.entry(finding.problem).or_default();
        sum.0 = sum.0.saturating_add(finding.part);
        sum.1 += 1;
    }
    let bases = Bases::new(graph, services);
    let sums = sums.into_iter();
    sums.map(|(problem, (part, concerned))| {
        let (part, whole, floor) = match problem {
            // A suspicion, or something about whole services: their number counts, not how busy they are.
            Problem::NoClientSpans => (concerned, bases.services, Grade::B),
            Problem::NoServerSpans => (concerned, bases.services, Grade::C),
            Problem::ClockSkew => (concerned, bases.services, Grade::B),
            other => (part, bases.of(other), floor(other)),
        };
        Reason {
            problem,
            part,
            whole: whole.max(part),
            services: concerned,
            grade: of_share(part, whole, floor),
        }
    })
    .collect()
}

/// Problems that leave the edges right cannot spoil the grade alone.
const fn floor(problem: Problem) -> Grade {
    match problem {
        Problem::SilentCallee | Problem::AddressMissing | Problem::Duplicates => Grade::B,
        Problem::WeightUnknown | Problem::MessagesUncorrelated | Problem::UnresolvedLinks => {
            Grade::C
        }
        _ => Grade::D,
    }
}

/// What shares are shares of.
struct Bases {
    services: u64,
    spans: u64,
    received: u64,
    outgoing: u64,
    to_services: u64,
    consumed: u64,
    consumer_spans: u64,
}

impl Bases {
    fn new(graph: &Graph<'_>, services: &[ServiceReport]) -> Self {
        let diagnostics = &graph.snapshot.diagnostics;
        let edges = || graph.snapshot.edges.iter();
        let to_services = edges().filter(|edge| {
            edge.relation == Relation::Sync && graph.kind(&edge.callee) == Some(NodeKind::Service)
        });
        let consumed = edges().filter(|edge| {
            edge.relation == Relation::Async && graph.kind(&edge.caller) == Some(NodeKind::Broker)
        });
        let spans = sum(services.iter().map(|service| service.spans));
        Self {
            services: u64::try_from(services.len()).unwrap_or(u64::MAX),
            spans,
            received: spans.saturating_add(diagnostics.duplicates),
            outgoing: sum(graph.services().map(|service| service.outgoing())),
            to_services: sum(to_services.map(|edge| known_calls(edge.evidence))),
            consumed: sum(consumed.map(|edge| edge.calls)),
            consumer_spans: sum(graph.services().map(|service| service.spans("consumer"))),
        }
    }

    const fn of(&self, problem: Problem) -> u64 {
        match problem {
            Problem::Unresolved | Problem::SilentCallee | Problem::AddressMissing => self.outgoing,
            Problem::ContextLost | Problem::ContextBroken => self.to_services,
            Problem::MessagesUncorrelated => self.consumed,
            Problem::UnresolvedLinks => self.consumer_spans,
            Problem::Duplicates => self.received,
            Problem::NoClientSpans | Problem::NoServerSpans | Problem::ClockSkew => self.services,
            _ => self.spans,
        }
    }
}

/// Calls of all evidence classes.
fn known_calls(evidence: EvidenceCounts) -> u64 {
    let EvidenceCounts {
        paired,
        parent,
        address,
        alias,
        named,
        link,
    } = evidence;
    sum([paired, parent, address, alias, named, link].into_iter())
}
