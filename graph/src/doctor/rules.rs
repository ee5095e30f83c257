//! The rules for one service. Each gives at most one finding, and stays silent without its numbers.

use super::facts::{Graph, Service, sum};
use super::grade::{Grade, of_share};
use super::report::{About, Finding, Problem};
use crate::snapshot::{Edge, NodeKind, Relation, SampledOut};

/// Names listed per finding.
const MAX_ABOUT: usize = 5;

/// All findings about a service, worst first.
pub(super) fn findings(graph: &Graph<'_>, service: &Service<'_>) -> Vec<Finding> {
    let rules: [fn(&Graph<'_>, &Service<'_>) -> Option<Finding>; 15] = [
        nameless,
        kinds_missing,
        no_server_spans,
        context_broken,
        context_lost,
        orphans,
        unresolved,
        messages_uncorrelated,
        unresolved_links,
        silent_callee,
        no_client_spans,
        address_missing,
        weight_unknown,
        clock_skew,
        duplicates,
    ];
    let mut findings: Vec<Finding> = rules
        .iter()
        .filter_map(|rule| rule(graph, service))
        .collect();
    findings.sort_by(|a, b| b.grade.cmp(&a.grade).then(a.problem.cmp(&b.problem)));
    findings
}

/// A finding about `part` of `whole`, no worse than `floor`; nothing when `part` is 0.
fn finding(
    problem: Problem,
    (part, whole): (u64, u64),
    floor: Grade,
    about: impl Iterator<Item = (String, u64)>,
) -> Option<Finding> {
    if part == 0 {
        return None;
    }
    let mut about: Vec<About> = about
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| About { name, count })
        .collect();
    about.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    let more = about.len().saturating_sub(MAX_ABOUT);
    about.truncate(MAX_ABOUT);
    Some(Finding {
        problem,
        part,
        whole: whole.max(part),
        grade: of_share(part, whole, floor),
        about,
        more: u64::try_from(more).unwrap_or(u64::MAX),
        sampled_out: 0,
        exemplars: Vec::new(),
    })
}

fn no_names() -> impl Iterator<Item = (String, u64)> {
    std::iter::empty()
}

fn nameless(_: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    let node = service.node?;
    let is_nameless =
        node.kind == NodeKind::Unidentified || node.attributes.contains_key("identity");
    let spans = service.diagnostics.spans;
    let part = if is_nameless { spans } else { 0 };
    // A workload name found elsewhere identifies the service well enough for the graph.
    let floor = if node.kind == NodeKind::Unidentified {
        Grade::D
    } else {
        Grade::B
    };
    finding(Problem::Nameless, (part, spans), floor, no_names())
}

fn kinds_missing(_: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    let boundary = ["server", "client", "producer", "consumer"].map(|kind| service.spans(kind));
    let is_inward = boundary.iter().all(|count| *count == 0);
    let unspecified = service.spans("unspecified");
    let part = if is_inward {
        unspecified.saturating_add(service.spans("internal"))
    } else {
        unspecified
    };
    let kinds = service
        .diagnostics
        .kinds
        .iter()
        .map(|(kind, count)| (kind.clone(), *count));
    finding(
        Problem::KindsMissing,
        (part, service.diagnostics.spans),
        Grade::D,
        kinds,
    )
}

fn no_server_spans(_: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    let serves = ["server", "consumer", "unspecified"].map(|kind| service.spans(kind));
    if serves.iter().any(|count| *count > 0) {
        return None;
    }
    let calls = sum(service.callers().map(|edge| edge.calls));
    let callers = service
        .callers()
        .map(|edge| (edge.caller.clone(), edge.calls));
    finding(Problem::NoServerSpans, (calls, calls), Grade::C, callers)
}

/// True when nothing of the trace context of its callers ever arrives: they dial it, and it begins a new trace each time.
fn is_context_broken(service: &Service<'_>) -> bool {
    let servers = service.spans("server");
    let is_joined = |edge: &Edge| edge.evidence.unjoined() < edge.calls;
    servers > 0
        && service.node.is_some_and(|node| node.entry_calls >= servers)
        && service.callers().any(|edge| edge.calls > 0)
        && !service.callers().any(is_joined)
}

fn context_broken(_: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    if !is_context_broken(service) {
        return None;
    }
    let calls = sum(service.callers().map(|edge| edge.calls));
    let callers = service
        .callers()
        .map(|edge| (edge.caller.clone(), edge.calls));
    finding(Problem::ContextBroken, (calls, calls), Grade::D, callers)
}

/// Calls that no server span answered. Both ends send spans, so what is missing is the thread between them, unless the
/// service was sampled less than its callers.
fn context_lost(_: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    if service.spans("server") == 0 || is_context_broken(service) {
        return None;
    }
    let unjoined = |edge: &Edge| sampled_out(edge).unexplained(edge.evidence.unjoined());
    let part = sum(service.callers().map(unjoined));
    let whole = sum(service.callers().map(|edge| edge.calls));
    let callers = service
        .callers()
        .map(|edge| (edge.caller.clone(), unjoined(edge)));
    let found = finding(Problem::ContextLost, (part, whole), Grade::D, callers)?;
    let explained = service.callers().map(|edge| sampled_out(edge).count);
    Some(Finding {
        sampled_out: sum(explained),
        ..found
    })
}

fn sampled_out(edge: &Edge) -> SampledOut {
    let sampling = edge.facts.sampling.unwrap_or_default();
    sampling.sampled_out
}

fn orphans(_: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    let diagnostics = service.diagnostics;
    let share = (diagnostics.unexplained_orphans(), diagnostics.spans);
    let found = finding(Problem::Orphans, share, Grade::D, no_names())?;
    Some(Finding {
        sampled_out: diagnostics.orphans_sampled_out.count,
        exemplars: diagnostics.orphan_exemplars.clone(),
        ..found
    })
}

fn unresolved(_: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    let diagnostics = service.diagnostics;
    let known = match diagnostics.unresolved_by_evidence.is_empty() {
        true => &diagnostics.unresolved_by_protocol,
        false => &diagnostics.unresolved_by_evidence,
    };
    let known = known.iter().map(|(name, count)| (name.clone(), *count));
    let share = (diagnostics.unresolved, service.outgoing());
    let found = finding(Problem::Unresolved, share, Grade::D, known)?;
    Some(Finding {
        exemplars: diagnostics.unresolved_exemplars.clone(),
        ..found
    })
}

/// Messages that came out of a broker, but from no producer that could be named.
fn messages_uncorrelated(graph: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    let (mut consumed, mut correlated) = (0_u64, 0_u64);
    let mut brokers = Vec::new();
    for edge in service
        .into
        .iter()
        .filter(|edge| edge.relation == Relation::Async)
    {
        if graph.kind(&edge.caller) == Some(NodeKind::Broker) {
            consumed = consumed.saturating_add(edge.calls);
            brokers.push((edge.caller.clone(), edge.calls));
        } else {
            correlated = correlated.saturating_add(edge.calls);
        }
    }
    let share = (consumed.saturating_sub(correlated), consumed);
    finding(
        Problem::MessagesUncorrelated,
        share,
        Grade::C,
        brokers.into_iter(),
    )
}

fn unresolved_links(_: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    let share = (
        service.diagnostics.unresolved_links,
        service.spans("consumer"),
    );
    finding(Problem::UnresolvedLinks, share, Grade::C, no_names())
}

fn silent_callee(graph: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    let silent = service
        .out
        .iter()
        .filter(|edge| graph.is_silent_inside(edge));
    let part = sum(silent.clone().map(|edge| edge.calls));
    let hosts = silent.map(|edge| (edge.callee.clone(), edge.calls));
    finding(
        Problem::SilentCallee,
        (part, service.outgoing()),
        Grade::B,
        hosts,
    )
}

/// Dialling a broker is inferred from consumer spans, so it shows nothing of the client libraries.
fn no_client_spans(graph: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    let serves = service
        .spans("server")
        .saturating_add(service.spans("consumer"));
    let calls = service
        .spans("client")
        .saturating_add(service.spans("producer"));
    let dials = |edge: &&Edge| graph.kind(&edge.callee) != Some(NodeKind::Broker);
    if calls > 0 || service.out.iter().copied().any(|edge| dials(&edge)) {
        return None;
    }
    finding(
        Problem::NoClientSpans,
        (serves, serves),
        Grade::B,
        no_names(),
    )
}

fn address_missing(graph: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    let nameless = service.out.iter().filter(|edge| {
        edge.relation == Relation::Sync
            && edge.targets.is_empty()
            && graph.kind(&edge.callee) == Some(NodeKind::Service)
    });
    let part = sum(nameless.clone().map(|edge| edge.calls));
    let callees = nameless.map(|edge| (edge.callee.clone(), edge.calls));
    finding(
        Problem::AddressMissing,
        (part, service.outgoing()),
        Grade::B,
        callees,
    )
}

/// Where no span tells its weight there may be no sampling at all; where some do, the others are a gap.
fn weight_unknown(graph: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    if !graph.is_weight_known_somewhere {
        return None;
    }
    let unknown = service.diagnostics.weight_unknown?;
    finding(
        Problem::WeightUnknown,
        (unknown, service.diagnostics.spans),
        Grade::C,
        no_names(),
    )
}

/// Hosts that keep their time over a network agree within some milliseconds; less is noise.
const MIN_SKEW_MS: u64 = 10;

/// No edge depends on clocks, so this never weighs much. It tells which times not to compare.
fn clock_skew(_: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    let skew = service.diagnostics.clock_skew.as_ref()?;
    let off_ms = skew.ahead_ms.unsigned_abs();
    if off_ms < MIN_SKEW_MS {
        return None;
    }
    let pairs = (skew.instance_pairs, skew.instance_pairs);
    let other = std::iter::once((skew.other.clone(), off_ms));
    finding(Problem::ClockSkew, pairs, Grade::B, other)
}

fn duplicates(_: &Graph<'_>, service: &Service<'_>) -> Option<Finding> {
    let duplicates = service.diagnostics.duplicates;
    let spans = service.diagnostics.spans.saturating_add(duplicates);
    finding(
        Problem::Duplicates,
        (duplicates, spans),
        Grade::B,
        no_names(),
    )
}
