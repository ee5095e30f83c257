//! The sentences: what the worst case of a rule is, with its numbers, and what to do about it.

use tracemesh_graph::findings::{
    Cases, Counted, DeadHost, FailingEdge, Finding, Locality, ServiceGap, Top,
};

use crate::text::{bracketed, count_of, counted, percent, printable, thousands};

mod retries;
mod routing;

use retries::{retried_edge, retry_path, sync_cycle};
use routing::{calls_by_ip, cross_cluster, cross_zone, hairpin, self_calls, shared_host};

/// Names of a list that are told.
const NAMES: usize = 4;

/// A sentence and an advice.
pub(super) struct Words {
    pub(super) text: String,
    pub(super) advice: String,
}

fn words(text: String, advice: &str) -> Words {
    Words {
        text,
        advice: advice.to_owned(),
    }
}

/// The words for a finding.
pub(super) fn of(finding: &Finding, locality: Locality) -> Option<Words> {
    let (part, whole) = (finding.part, finding.whole);
    let others = |listed: usize| {
        Others(
            finding
                .more
                .saturating_add(count_of(listed.saturating_sub(1))),
        )
    };
    Some(match &finding.cases {
        Cases::TracesCut(_) => traces_cut(part),
        Cases::SpansLost(reasons) => spans_lost(reasons.first()?, part, whole),
        Cases::NamesFolded(_) => names_folded(part, whole),
        Cases::UnreachableHost(hosts) => unreachable_host(hosts.first()?, others(hosts.len())),
        Cases::FailingHost(hosts) => failing_host(hosts.first()?, others(hosts.len())),
        Cases::FailingEdge(edges) => failing_edge(edges.first()?, others(edges.len())),
        Cases::RetryAmplification(edges) => retried_edge(edges.first()?, others(edges.len())),
        Cases::RetryPath(paths) => retry_path(paths.first()?, others(paths.len())),
        Cases::SyncCycle(cycles) => sync_cycle(cycles.first()?, others(cycles.len())),
        Cases::UnresolvedCalls(gaps) => unresolved_calls(gaps.first()?, others(gaps.len())),
        Cases::OrphanedSpans(gaps) => orphaned_spans(gaps.first()?, others(gaps.len())),
        Cases::NamelessSpans(nodes) => nameless_spans(nodes.first()?, others(nodes.len())),
        Cases::Hairpin(edges) => hairpin(edges.first()?, others(edges.len())),
        Cases::SharedHost(hosts) => shared_host(hosts.first()?, others(hosts.len())),
        Cases::CallsByIp(edges) => calls_by_ip(edges.first()?, others(edges.len())),
        Cases::CrossCluster(edges) => cross_cluster(edges.first()?, part, whole, locality),
        Cases::CrossZone(edges) => cross_zone(edges.first()?, part, whole, locality),
        Cases::SelfCalls(services) => self_calls(services.first()?, others(services.len())),
    })
}

/// How many cases there are beside the worst.
#[derive(Clone, Copy)]
struct Others(u64);

impl Others {
    fn of(self, one: &str, many: &str) -> String {
        match self.0 {
            0 => String::new(),
            more => format!("; the same with {}", counted(more, one, many)),
        }
    }
}

fn traces_cut(cut: u64) -> Words {
    words(
        format!(
            "{} cut short to stay within memory: calls between their parts are missing",
            counted(cut, "trace was", "traces were")
        ),
        "raise `--max-open-spans`, or read fewer files at once",
    )
}

fn spans_lost(worst: &Counted, lost: u64, spans: u64) -> Words {
    words(
        format!(
            "{} of {} could not be used ({} %), most often because of `{}` ({})",
            thousands(lost),
            counted(spans, "span", "spans"),
            percent(lost, spans),
            printable(&worst.name),
            thousands(worst.count),
        ),
        "the graph may miss edges: see `diagnostics` in the JSON for all reasons",
    )
}

fn names_folded(folded: u64, spans: u64) -> Words {
    words(
        format!(
            "{} of {} had a name beyond the limit and count as `other`",
            thousands(folded),
            counted(spans, "span", "spans"),
        ),
        "something puts ids into `service.name` or addresses: fix it at its source",
    )
}

/// `a`, `a and 1 more caller`.
fn callers(callers: &Top<Counted>) -> String {
    let first = callers
        .listed
        .first()
        .map_or("", |caller| caller.name.as_str());
    let beside = count_of(callers.listed.len().saturating_sub(1));
    match callers.more.saturating_add(beside) {
        0 => printable(first).into_owned(),
        more => format!(
            "{} and {}",
            printable(first),
            counted(more, "more caller", "more callers")
        ),
    }
}

fn unreachable_host(host: &DeadHost, others: Others) -> Words {
    let text = format!(
        "nobody answered {}: all {} by {} failed{}",
        printable(&host.callee),
        counted(host.attempts, "attempt", "attempts"),
        callers(&host.callers),
        others.of("more destination", "more destinations"),
    );
    if host.reached_by == 0 {
        return words(
            text,
            "a wrong address, a removed service, or a firewall: fix it before it becomes egress",
        );
    }
    Words {
        text,
        advice: format!(
            "{} there: look at the address, the network policy and the credentials of this one",
            counted(
                host.reached_by,
                "other caller gets through",
                "other callers get through"
            ),
        ),
    }
}

fn failing_host(host: &DeadHost, others: Others) -> Words {
    let often = host
        .errors
        .listed
        .first()
        .map_or_else(String::new, |error| {
            format!(
                ", most often with `{}` ({})",
                printable(&error.name),
                thousands(error.count)
            )
        });
    words(
        format!(
            "{} answers with errors only: all {} by {} failed{often}{}",
            printable(&host.callee),
            counted(host.attempts, "attempt", "attempts"),
            callers(&host.callers),
            others.of("more destination", "more destinations"),
        ),
        "a wrong path, missing credentials, or a callee that is broken: as egress it would only count errors",
    )
}

fn failing_edge(edge: &FailingEdge, others: Others) -> Words {
    words(
        format!(
            "{} of {} from {} to {} failed ({} %){}",
            thousands(edge.failed),
            counted(edge.calls, "call", "calls"),
            printable(&edge.caller),
            printable(&edge.callee),
            percent(edge.failed, edge.calls),
            others.of("more edge", "more edges"),
        ),
        "know the cause before a sidecar gets the blame",
    )
}

fn unresolved_calls(gap: &ServiceGap, others: Others) -> Words {
    words(
        format!(
            "{} of {} of {} name no destination ({} %){}",
            thousands(gap.count),
            counted(gap.of, "outgoing span", "outgoing spans"),
            printable(&gap.service),
            percent(gap.count, gap.of),
            others.of("more service", "more services"),
        ),
        "set `server.address` on client spans, or instrument the callee",
    )
}

fn orphaned_spans(gap: &ServiceGap, others: Others) -> Words {
    words(
        format!(
            "{} of {} of {} have a parent that was never seen ({} %){}",
            thousands(gap.count),
            counted(gap.of, "span", "spans"),
            printable(&gap.service),
            percent(gap.count, gap.of),
            others.of("more service", "more services"),
        ),
        "a caller does not export, a proxy changes trace context, or spans were sampled apart",
    )
}

fn nameless_spans(node: &Counted, others: Others) -> Words {
    words(
        format!(
            "spans without any service name made {}{}",
            printable(&node.name),
            others.of("more node", "more nodes"),
        ),
        "set `service.name` (OTEL_SERVICE_NAME) on whatever sends them",
    )
}

/// `a, b and 3 more`.
pub(crate) fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>, more: u64) -> String {
    let more = more.saturating_add(count_of(names.len().saturating_sub(NAMES)));
    let shown: Vec<String> = names
        .take(NAMES)
        .map(|name| printable(name).into_owned())
        .collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), thousands(more)),
    }
}

/// `host:port`, with brackets where the host has colons of its own.
pub(crate) fn address(host: &str, port: Option<u16>) -> String {
    let host = printable(host);
    let host = bracketed(&host);
    port.map_or_else(|| host.to_string(), |port| format!("{host}:{port}"))
}

/// A factor with two digits, cut: never more than was seen.
pub(crate) fn times(factor: f64) -> String {
    format!("{:.2}", (factor * 100.0 + 1e-6).floor() / 100.0)
}
