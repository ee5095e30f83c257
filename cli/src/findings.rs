//! Findings in words: one sentence with its numbers and one advice each.
//!
//! Place in the flow: [`Report`] of the graph crate -> [`Told`] -> the summary and the files of `analyze`, and the warnings of
//! reading commands. What is found, and what matters most, is decided in the graph crate; here it is only said.

use tracemesh_graph::findings::{Cases, Finding, Locality, Report};
use tracemesh_graph::snapshot::GraphSnapshot;

mod words;

pub(crate) use words::{address, list, times};

/// A finding as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The rule, a stable word: `spans_lost`, `failing_edge`, ...
    pub rule: &'static str,
    /// One sentence about the worst case with its numbers, and how many more there are; printable, without a final period.
    pub text: String,
    /// What to do about it, printable.
    pub advice: String,
    /// Node id whose neighbourhood shows more; `None` when the finding is about the whole graph.
    pub node: Option<String>,
}

/// The findings of a report in their order.
#[must_use]
pub fn told(report: &Report) -> Vec<Told> {
    let findings = report.findings.iter();
    findings
        .filter_map(|finding| tell(finding, report.locality))
        .collect()
}

/// Findings about bounds that were reached while the graph was made: whoever uses it has to know, asked or not.
#[must_use]
pub fn bounds_reached(snapshot: &GraphSnapshot) -> Vec<Told> {
    let findings = tracemesh_graph::findings::bounds_reached(snapshot);
    let findings = findings.iter();
    findings
        .filter_map(|finding| tell(finding, Locality::default()))
        .collect()
}

/// Words for one finding; none without cases, which the graph crate never gives.
pub(crate) fn tell(finding: &Finding, locality: Locality) -> Option<Told> {
    let words = words::of(finding, locality)?;
    Some(Told {
        rule: finding.cases.rule(),
        text: words.text,
        advice: words.advice,
        node: node(&finding.cases),
    })
}

/// The node around which the worst case is to be seen.
fn node(cases: &Cases) -> Option<String> {
    let id = match cases {
        Cases::TracesCut(_) | Cases::SpansLost(_) | Cases::NamesFolded(_) => return None,
        Cases::UnreachableHost(cases) | Cases::FailingHost(cases) => &cases.first()?.callee,
        Cases::FailingEdge(cases) => &cases.first()?.callee,
        Cases::RetryAmplification(cases) => &cases.first()?.callee,
        Cases::RetryPath(cases) => &cases.first()?.destination,
        Cases::SyncCycle(cases) => cases.first()?.services.listed.first()?,
        Cases::UnresolvedCalls(cases) | Cases::OrphanedSpans(cases) => &cases.first()?.service,
        Cases::NamelessSpans(cases) | Cases::SelfCalls(cases) => &cases.first()?.name,
        Cases::Hairpin(cases) => &cases.first()?.callee,
        Cases::SharedHost(cases) => &cases.first()?.host,
        Cases::CallsByIp(cases) => &cases.first()?.callee,
        Cases::CrossCluster(cases) => &cases.first()?.callee,
        Cases::CrossZone(cases) => &cases.first()?.callee,
    };
    Some(id.clone())
}

#[cfg(test)]
mod tests;
