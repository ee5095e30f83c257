//! What in a graph deserves a look, most important first.
//!
//! Place in the flow: [`GraphSnapshot`] -> [`Finding`]s -> the report of `analyze`. Every rule gives at most one finding: its
//! worst case with the numbers it rests on, how many more there are, and what to ask for to see them. Order: gaps
//! so wide that the graph itself is in doubt, then calls that fail, then retries, then the other gaps, then oddities of
//! routing. A rule that lacks its numbers stays silent; nothing is guessed.

use tracemesh_graph::snapshot::{Edge, GraphSnapshot, NodeKind, ServiceDiagnostics};

use crate::text::{counted, percent, permille, printable, thousands};

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule, a stable word: `spans_lost`, `failing_edge`, ...
    pub rule: &'static str,
    /// One sentence with its numbers, printable, without a final period.
    pub text: String,
    /// What to do about it, printable.
    pub advice: &'static str,
    /// Node id whose neighbourhood shows more; `None` when the finding is about the whole graph.
    pub node: Option<String>,
    rank: u8,
}

/// Shares and counts from which on the rules speak. Starting values, chosen so that one stray span says nothing.
mod threshold {
    /// Share of spans lost or without parent, and of calls without destination, in thousandths.
    pub(super) const GAP: u64 = 50;
    /// Share of gaps that puts the graph itself in doubt.
    pub(super) const WIDE_GAP: u64 = 300;
    /// Share of failed calls.
    pub(super) const FAILING: u64 = 50;
    /// Retries per call.
    pub(super) const RETRIES: u64 = 100;
    /// Calls, spans or gaps below which a share means nothing.
    pub(super) const COUNT: u64 = 10;
}

/// All findings, most important first; the same snapshot gives the same list.
#[must_use]
pub fn find(snapshot: &GraphSnapshot) -> Vec<Finding> {
    let rules: [fn(&GraphSnapshot) -> Option<Finding>; 11] = [
        spans_lost,
        traces_cut,
        names_folded,
        unreachable_host,
        failing_edge,
        retried_edge,
        unresolved_calls,
        orphaned_spans,
        nameless_spans,
        hairpin,
        shared_host,
    ];
    let mut findings: Vec<Finding> = rules.iter().filter_map(|rule| rule(snapshot)).collect();
    findings.sort_by_key(|finding| finding.rank);
    findings
}

/// Findings about bounds that were reached while the graph was made: whoever uses it has to know, asked or not.
#[must_use]
pub fn bounds_reached(snapshot: &GraphSnapshot) -> Vec<Finding> {
    let rules = [traces_cut, names_folded];
    rules.iter().filter_map(|rule| rule(snapshot)).collect()
}

/// Spans that could not be used or had to be given up.
fn spans_lost(snapshot: &GraphSnapshot) -> Option<Finding> {
    let diagnostics = &snapshot.diagnostics;
    let reasons = || diagnostics.rejected.iter().chain(&diagnostics.dropped);
    let lost: u64 = reasons().map(|(_, count)| count).sum();
    let share = permille(lost, diagnostics.spans);
    if lost == 0 || share < threshold::GAP / 5 {
        return None;
    }
    let (reason, count) = reasons().max_by_key(|(reason, count)| (**count, *reason))?;
    Some(Finding {
        rule: "spans_lost",
        text: format!(
            "{} of {} could not be used ({} %), most often because of `{}` ({})",
            thousands(lost),
            counted(diagnostics.spans, "span", "spans"),
            percent(lost, diagnostics.spans),
            printable(reason),
            thousands(*count),
        ),
        advice: "the graph may miss edges: see `diagnostics` in the JSON for all reasons",
        node: None,
        rank: gap_rank(share, 4),
    })
}

/// Traces closed before their last span, for want of memory: the rest of each looks orphaned.
fn traces_cut(snapshot: &GraphSnapshot) -> Option<Finding> {
    let cut = *snapshot.diagnostics.counters.get("slices_closed_early")?;
    Some(Finding {
        rule: "traces_cut",
        text: format!(
            "{} cut short to stay within memory: calls between their parts are missing",
            counted(cut, "trace was", "traces were")
        ),
        advice: "raise `--max-open-spans`, or read fewer files at once",
        node: None,
        rank: 0,
    })
}

/// Names beyond the caps of the tables.
fn names_folded(snapshot: &GraphSnapshot) -> Option<Finding> {
    let folded = *snapshot.diagnostics.counters.get("names_folded")?;
    Some(Finding {
        rule: "names_folded",
        text: format!(
            "{} of {} had a name beyond the limit and count as `other`",
            thousands(folded),
            counted(snapshot.diagnostics.spans, "span", "spans"),
        ),
        advice: "something puts ids into `service.name` or addresses: fix it at its source",
        node: None,
        rank: gap_rank(permille(folded, snapshot.diagnostics.spans), 4),
    })
}

/// Attempts that all failed, without any sign that somebody listens.
fn unreachable_host(snapshot: &GraphSnapshot) -> Option<Finding> {
    let is_dead = |edge: &&Edge| edge.is_never_answered();
    let (worst, more) = worst_edge(snapshot, is_dead, |edge| edge.attempts)?;
    Some(Finding {
        rule: "unreachable_host",
        text: format!(
            "nobody answered {}: all {} by {} failed{}",
            printable(&worst.callee),
            counted(worst.attempts, "attempt", "attempts"),
            printable(&worst.caller),
            and_more(more, "more destination", "more destinations"),
        ),
        advice: "a wrong address, a removed service, or a firewall: fix it before it becomes egress",
        node: Some(worst.callee.clone()),
        rank: 1,
    })
}

/// Edges whose calls fail although somebody answers.
fn failing_edge(snapshot: &GraphSnapshot) -> Option<Finding> {
    let is_failing = |edge: &&Edge| {
        edge.calls >= threshold::COUNT
            && permille(edge.failed, edge.calls) >= threshold::FAILING
            && (edge.evidence.paired > 0 || edge.failed_attempts < edge.attempts)
    };
    let (worst, more) = worst_edge(snapshot, is_failing, |edge| edge.failed)?;
    Some(Finding {
        rule: "failing_edge",
        text: format!(
            "{} of {} from {} to {} failed ({} %){}",
            thousands(worst.failed),
            counted(worst.calls, "call", "calls"),
            printable(&worst.caller),
            printable(&worst.callee),
            percent(worst.failed, worst.calls),
            and_more(more, "more edge", "more edges"),
        ),
        advice: "know the cause before a sidecar gets the blame",
        node: Some(worst.callee.clone()),
        rank: 2,
    })
}

/// Edges whose callers retry: load that grows when the callee is weakest.
fn retried_edge(snapshot: &GraphSnapshot) -> Option<Finding> {
    let is_hot = |edge: &&Edge| {
        edge.calls >= threshold::COUNT && permille(edge.retries, edge.calls) >= threshold::RETRIES
    };
    let by_factor = |edge: &Edge| permille(edge.attempts, edge.calls);
    let (worst, more) = worst_edge(snapshot, is_hot, by_factor)?;
    let factor = permille(worst.attempts, worst.calls) / 10;
    Some(Finding {
        rule: "retry_amplification",
        text: format!(
            "{} turns {} to {} into {} ({}.{:02} each){}",
            printable(&worst.caller),
            counted(worst.calls, "call", "calls"),
            printable(&worst.callee),
            counted(worst.attempts, "attempt", "attempts"),
            factor / 100,
            factor % 100,
            and_more(more, "more edge", "more edges"),
        ),
        advice: "retries of the mesh would multiply with these: move retries to one place first",
        node: Some(worst.callee.clone()),
        rank: 3,
    })
}

/// Outgoing calls that name no destination.
fn unresolved_calls(snapshot: &GraphSnapshot) -> Option<Finding> {
    let outgoing = |service: &ServiceDiagnostics| {
        let count = |kind| service.kinds.get(kind).copied().unwrap_or(0);
        count("client").saturating_add(count("producer"))
    };
    let share = |service: &ServiceDiagnostics| permille(service.unresolved, outgoing(service));
    let (worst, more) = worst_service(snapshot, |service| service.unresolved, share)?;
    Some(Finding {
        rule: "unresolved_calls",
        text: format!(
            "{} of {} of {} name no destination ({} %){}",
            thousands(worst.unresolved),
            counted(outgoing(worst), "outgoing span", "outgoing spans"),
            printable(&worst.service),
            percent(worst.unresolved, outgoing(worst)),
            and_more(more, "more service", "more services"),
        ),
        advice: "set `server.address` on client spans, or instrument the callee",
        node: Some(worst.service.clone()),
        rank: gap_rank(share(worst), 5),
    })
}

/// Spans whose parent was never seen, and not because it was sampled out.
fn orphaned_spans(snapshot: &GraphSnapshot) -> Option<Finding> {
    let orphans = ServiceDiagnostics::unexplained_orphans;
    let share = |service: &ServiceDiagnostics| permille(orphans(service), service.spans);
    let (worst, more) = worst_service(snapshot, orphans, share)?;
    Some(Finding {
        rule: "orphaned_spans",
        text: format!(
            "{} of {} of {} have a parent that was never seen ({} %){}",
            thousands(orphans(worst)),
            counted(worst.spans, "span", "spans"),
            printable(&worst.service),
            percent(orphans(worst), worst.spans),
            and_more(more, "more service", "more services"),
        ),
        advice: "a caller does not export, a proxy changes trace context, or spans were sampled apart",
        node: Some(worst.service.clone()),
        rank: gap_rank(share(worst), 6),
    })
}

/// Spans without any identity.
fn nameless_spans(snapshot: &GraphSnapshot) -> Option<Finding> {
    let mut nameless = snapshot
        .nodes
        .iter()
        .filter(|node| node.kind == NodeKind::Unidentified);
    let first = nameless.next()?;
    let more = nameless.count();
    Some(Finding {
        rule: "nameless_spans",
        text: format!(
            "spans without any service name made {}{}",
            printable(&first.id),
            and_more(more, "more node", "more nodes"),
        ),
        advice: "set `service.name` (OTEL_SERVICE_NAME) on whatever sends them",
        node: Some(first.id.clone()),
        rank: 7,
    })
}

/// Calls that leave the mesh and come back in.
fn hairpin(snapshot: &GraphSnapshot) -> Option<Finding> {
    let calls = |edge: &Edge| edge.flags.get("hairpin").copied().unwrap_or(0);
    let (worst, more) = worst_edge(snapshot, |edge| calls(edge) > 0, calls)?;
    Some(Finding {
        rule: "hairpin",
        text: format!(
            "{} of {} from {} to {} leave the cluster and come back{}",
            thousands(calls(worst)),
            counted(worst.calls, "call", "calls"),
            printable(&worst.caller),
            printable(&worst.callee),
            and_more(more, "more edge", "more edges"),
        ),
        advice: "dial the cluster-local name, or the mesh sees an outside host",
        node: Some(worst.callee.clone()),
        rank: 8,
    })
}

/// One address, several services behind it.
fn shared_host(snapshot: &GraphSnapshot) -> Option<Finding> {
    let is_shared = |edge: &&Edge| {
        snapshot
            .node(&edge.callee)
            .is_some_and(|node| node.kind == NodeKind::SharedHost)
    };
    let (worst, more) = worst_edge(snapshot, is_shared, |edge| edge.calls)?;
    Some(Finding {
        rule: "shared_host",
        text: format!(
            "{} of {} end at {}, where several services answer{}",
            counted(worst.calls, "call", "calls"),
            printable(&worst.caller),
            printable(&worst.callee),
            and_more(more, "more edge", "more edges"),
        ),
        advice: "instrument the callees or the load balancer: telling them apart would be a guess",
        node: Some(worst.callee.clone()),
        rank: 9,
    })
}

/// Wide gaps come before everything: what is not seen cannot be judged.
const fn gap_rank(share: u64, otherwise: u8) -> u8 {
    if share >= threshold::WIDE_GAP {
        0
    } else {
        otherwise
    }
}

/// The edge with the highest measure among those chosen (the first of equals), and how many others there are.
fn worst_edge(
    snapshot: &GraphSnapshot,
    choose: impl Fn(&&Edge) -> bool,
    measure: impl Fn(&Edge) -> u64,
) -> Option<(&Edge, usize)> {
    worst(snapshot.edges.iter().filter(|edge| choose(edge)), measure)
}

/// The service with the most gaps among those with a notable share of them, and how many others there are.
fn worst_service(
    snapshot: &GraphSnapshot,
    count: impl Fn(&ServiceDiagnostics) -> u64,
    share: impl Fn(&ServiceDiagnostics) -> u64,
) -> Option<(&ServiceDiagnostics, usize)> {
    let services = snapshot.diagnostics.per_service.iter();
    let notable = services
        .filter(|service| count(service) >= threshold::COUNT && share(service) >= threshold::GAP);
    worst(notable, &count)
}

fn worst<'a, T>(
    chosen: impl Iterator<Item = &'a T>,
    measure: impl Fn(&T) -> u64,
) -> Option<(&'a T, usize)> {
    let chosen: Vec<&T> = chosen.collect();
    let more = chosen.len().checked_sub(1)?;
    // `max_by_key` keeps the last of equals; reversed, that is the first.
    let worst = chosen.into_iter().rev().max_by_key(|item| measure(item))?;
    Some((worst, more))
}

fn and_more(more: usize, one: &str, many: &str) -> String {
    match more {
        0 => String::new(),
        more => format!(
            "; the same with {}",
            counted(crate::text::count_of(more), one, many)
        ),
    }
}

#[cfg(test)]
mod tests;
