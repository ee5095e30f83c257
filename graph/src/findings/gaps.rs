//! Gaps in the trace data that put other findings in doubt.

use std::collections::BTreeMap;

use super::model::{Cases, Counted, Finding, ServiceGap, Severity};
use super::select::{Draft, permille, sum, threshold};
use crate::snapshot::{GraphSnapshot, NodeKind, ServiceDiagnostics};

/// Traces closed before their last span, for want of memory: the rest of each looks orphaned.
pub(super) fn traces_cut(snapshot: &GraphSnapshot) -> Option<Finding> {
    counter(snapshot, "slices_closed_early", |_| (Severity::Critical, 0))?.finish(
        |case| case.count,
        |case| case,
        Cases::TracesCut,
    )
}

/// Names beyond the caps of the tables.
pub(super) fn names_folded(snapshot: &GraphSnapshot) -> Option<Finding> {
    let spans = snapshot.diagnostics.spans;
    let weigh = |count| (severity(permille(count, spans)), spans);
    counter(snapshot, "names_folded", weigh)?.finish(
        |case| case.count,
        |case| case,
        Cases::NamesFolded,
    )
}

/// A counter of the diagnostics that ought to be 0; `weigh` gives severity and whole.
fn counter(
    snapshot: &GraphSnapshot,
    name: &str,
    weigh: impl Fn(u64) -> (Severity, u64),
) -> Option<Draft<Counted>> {
    let count = *snapshot.diagnostics.counters.get(name)?;
    let (severity, whole) = weigh(count);
    let case = Counted {
        name: name.to_owned(),
        count,
    };
    Some(Draft {
        severity,
        part: count,
        whole,
        cases: if count > 0 { vec![case] } else { Vec::new() },
    })
}

/// Spans that could not be used or had to be given up.
pub(super) fn spans_lost(snapshot: &GraphSnapshot) -> Option<Finding> {
    let diagnostics = &snapshot.diagnostics;
    let reasons = diagnostics.rejected.iter().chain(&diagnostics.dropped);
    let cases: Vec<Counted> = reasons
        .filter(|(_, count)| **count > 0)
        .map(|(name, count)| Counted {
            name: name.clone(),
            count: *count,
        })
        .collect();
    let part = sum(cases.iter().map(|reason| reason.count));
    let share = permille(part, diagnostics.spans);
    if share < threshold::GAP / 5 {
        return None;
    }
    let draft = Draft {
        severity: severity(share),
        part,
        whole: diagnostics.spans,
        cases,
    };
    draft.finish(|case| case.count, |case| case, Cases::SpansLost)
}

/// Outgoing calls that name no destination.
pub(super) fn unresolved_calls(snapshot: &GraphSnapshot) -> Option<Finding> {
    let outgoing = |service: &ServiceDiagnostics| {
        let count = |kind| service.kinds.get(kind).copied().unwrap_or(0);
        count("client").saturating_add(count("producer"))
    };
    service_gaps(
        snapshot,
        |service| service.unresolved,
        outgoing,
        Cases::UnresolvedCalls,
    )
}

/// Spans whose parent was never seen.
pub(super) fn orphaned_spans(snapshot: &GraphSnapshot) -> Option<Finding> {
    let orphans = ServiceDiagnostics::unexplained_orphans;
    service_gaps(
        snapshot,
        orphans,
        |service| service.spans,
        Cases::OrphanedSpans,
    )
}

/// Services with a notable share of gaps, those with most of them first; the worst share decides the severity.
fn service_gaps(
    snapshot: &GraphSnapshot,
    count: impl Fn(&ServiceDiagnostics) -> u64,
    of: impl Fn(&ServiceDiagnostics) -> u64,
    wrap: fn(Vec<ServiceGap>) -> Cases,
) -> Option<Finding> {
    let services = snapshot.diagnostics.per_service.iter();
    let mut cases: Vec<ServiceGap> = services
        .map(|service| ServiceGap {
            service: service.service.clone(),
            count: count(service),
            of: of(service),
        })
        .filter(|gap| gap.count >= threshold::COUNT && share(gap) >= threshold::GAP)
        .collect();
    cases.sort_by(|a, b| a.service.cmp(&b.service));
    let worst = cases.iter().max_by_key(|gap| gap.count).map_or(0, share);
    let draft = Draft {
        severity: severity(worst),
        part: sum(cases.iter().map(|gap| gap.count)),
        whole: sum(cases.iter().map(|gap| gap.of)),
        cases,
    };
    draft.finish(|gap| gap.count, |gap| gap, wrap)
}

fn share(gap: &ServiceGap) -> u64 {
    permille(gap.count, gap.of)
}

/// Spans without any identity.
pub(super) fn nameless_spans(snapshot: &GraphSnapshot) -> Option<Finding> {
    let services = snapshot.diagnostics.per_service.iter();
    let spans: BTreeMap<&str, u64> = services
        .map(|service| (service.service.as_str(), service.spans))
        .collect();
    let nodes = snapshot.nodes.iter();
    let cases: Vec<Counted> = nodes
        .filter(|node| node.kind == NodeKind::Unidentified)
        .map(|node| Counted {
            name: node.id.clone(),
            count: spans.get(node.id.as_str()).copied().unwrap_or(0),
        })
        .collect();
    let draft = Draft {
        severity: Severity::Low,
        part: sum(cases.iter().map(|node| node.count)),
        whole: snapshot.diagnostics.used,
        cases,
    };
    draft.finish(|node| node.count, |node| node, Cases::NamelessSpans)
}

/// Wide gaps come before everything: what is not seen cannot be judged.
const fn severity(share: u64) -> Severity {
    if share >= threshold::WIDE_GAP {
        Severity::Critical
    } else {
        Severity::Medium
    }
}
