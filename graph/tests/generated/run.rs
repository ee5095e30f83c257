//! A company, its traffic, what is done to it, and the graph that comes out.

use tracemesh_generator::degrade::Degradation;
use tracemesh_generator::export::Exporters;
use tracemesh_generator::span::Span;
use tracemesh_generator::traffic::{Request, Traffic};
use tracemesh_generator::truth::Truth;
use tracemesh_generator::world::World;
use tracemesh_graph::snapshot::GraphSnapshot;

use super::cases::Case;
use super::feed::Feeder;

/// What came out.
pub(crate) struct Run {
    pub(crate) truth: Truth,
    pub(crate) graph: GraphSnapshot,
    /// Spans that were sent.
    pub(crate) sent: u64,
}

/// Exporters of the case that some requests are late.
pub(crate) const LATE: Exporters = Exporters {
    seed: 5,
    late_permille: 50,
    late_ms: 120_000,
};

pub(crate) fn run(world: &World, seed: u64, requests: usize, case: &Case) -> Run {
    let mut degradation = Degradation::new(world, seed, case.steps);
    let mut run = Truth::default();
    let mut feeder = Feeder::new(world);
    let mut late: Vec<Span<'_>> = Vec::new();
    let mut sent = 0;
    for request in Traffic::new(world, seed, requests) {
        let facts = request.facts.clone();
        let arrived = degradation.apply(request);
        run.add(&Request {
            facts,
            through: arrived.through,
            spans: Vec::new(),
        });
        sent += arrived.spans.len() as u64;
        if case.is_late {
            late.extend(arrived.spans);
        } else {
            feeder.take(&arrived.spans, 0);
        }
    }
    let graph = if case.is_late {
        feeder.receive(late, &LATE)
    } else {
        feeder.finish()
    };
    Run {
        truth: run,
        graph,
        sent,
    }
}
