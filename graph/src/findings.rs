//! What in a graph deserves a look: calls that fail, retries that multiply, circles, and calls that take the wrong way.
//!
//! Place in the flow: [`GraphSnapshot`] -> [`report`] -> [`Report`] -> `tracemesh analyze`. One [`Finding`] per rule, most important
//! first, with its cases, worst first. The findings are data: sentences and advice are made where text is made.
//!
//! A rule that lacks its numbers stays silent: nothing is assumed, and an address to use instead is one that was seen. The module
//! does not judge the trace data as a whole, which [`doctor`](crate::doctor) does; of its gaps it tells those that
//! put other findings in doubt.

mod failures;
mod gaps;
mod locality;
mod model;
mod retries;
mod routing;
mod select;
#[cfg(test)]
mod tests;

pub use model::{
    Cases, ClusterEdge, Counted, Crossing, DeadHost, Dialled, EdgeCalls, FailingEdge, Finding,
    Hairpin, IpEdge, Locality, Report, RetriedEdge, RetryPath, RetryStep, SCHEMA, ServiceGap,
    Severity, SharedHost, SyncCycle, Top, ZoneEdge, ZonePair,
};

use crate::snapshot::GraphSnapshot;

/// Everything that deserves a look.
///
/// Total and deterministic: any snapshot gives a report, and the same snapshot the same one. Cost: O(edges log edges), and for each
/// case that is listed O(edges of its callee).
#[must_use]
pub fn report(snapshot: &GraphSnapshot) -> Report {
    Report {
        schema: SCHEMA.to_owned(),
        window: snapshot.window,
        locality: locality::totals(snapshot),
        findings: find(snapshot),
    }
}

/// The findings alone: at most one per rule, by severity, equals in the order of [`Cases`].
#[must_use]
pub fn find(snapshot: &GraphSnapshot) -> Vec<Finding> {
    // In the order of `Cases`; the sort below is stable.
    let rules: [fn(&GraphSnapshot) -> Option<Finding>; 18] = [
        gaps::traces_cut,
        failures::unreachable_host,
        failures::failing_host,
        failures::failing_edge,
        retries::edges,
        retries::paths,
        retries::cycles,
        gaps::spans_lost,
        gaps::names_folded,
        gaps::unresolved_calls,
        gaps::orphaned_spans,
        gaps::nameless_spans,
        routing::hairpin,
        routing::shared_host,
        routing::calls_by_ip,
        locality::cross_cluster,
        locality::cross_zone,
        routing::self_calls,
    ];
    let mut findings: Vec<Finding> = rules.iter().filter_map(|rule| rule(snapshot)).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Findings about bounds that were reached while the graph was made: whoever uses it has to know, asked or not.
#[must_use]
pub fn bounds_reached(snapshot: &GraphSnapshot) -> Vec<Finding> {
    let rules = [gaps::traces_cut, gaps::names_folded];
    rules.iter().filter_map(|rule| rule(snapshot)).collect()
}
