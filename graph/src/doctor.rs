//! Is this trace data good enough? What is wrong with it, service by service, each fault with the number it rests on.
//!
//! Place in the flow: [`GraphSnapshot`] -> [`examine`] -> [`Report`] -> `tracemesh doctor`. The report is data: the words
//! and the fixes are made where text is made.
//!
//! It refuses to call a graph complete. A dependency can leave no trace evidence at all, so the best grade says only that
//! nothing wrong was *seen*; [`Report::blind`] lists the services that look as if they hid calls, and [`Unseen`] estimates what
//! ordinary chance has kept out of sight.

mod facts;
mod grade;
mod report;
mod rules;
#[cfg(test)]
mod tests;
mod unseen;
mod whole;

pub use grade::Grade;
pub use report::{About, Finding, Problem, Reason, Report, SCHEMA, ServiceReport};
pub use unseen::Unseen;

use crate::snapshot::GraphSnapshot;
use facts::Graph;

/// Judges the trace data behind a graph.
///
/// Total and deterministic: any snapshot gives a report, and the same snapshot the same one. Cost: O(edges log services).
#[must_use]
pub fn examine(snapshot: &GraphSnapshot) -> Report {
    let graph = Graph::new(snapshot);
    let services: Vec<ServiceReport> = graph
        .services()
        .map(|service| {
            let findings = rules::findings(&graph, &service);
            ServiceReport {
                service: service.id().to_owned(),
                spans: service.diagnostics.spans,
                grade: grade::worst(findings.iter().map(|finding| finding.grade)),
                findings,
                unseen: Unseen::of(&service.out),
            }
        })
        .collect();
    let reasons = whole::reasons(&graph, &services);
    let is_blind = |service: &&ServiceReport| {
        let mut findings = service.findings.iter();
        findings.any(|finding| finding.problem == Problem::NoClientSpans)
    };
    let blind = services.iter().filter(is_blind);
    Report {
        schema: SCHEMA.to_owned(),
        window: snapshot.window,
        grade: grade::worst(reasons.iter().map(|reason| reason.grade)),
        blind: blind.map(|service| service.service.clone()).collect(),
        unseen: Unseen::of_all(&services),
        reasons,
        services,
    }
}
