//! What planning costs, beside a list pass over the same graph in the same run.

use std::time::Duration;

use tracemesh_generator::placement::by_order;
use tracemesh_generator::plan_graphs::power_law;
use tracemesh_graph::onboarding::{PlanInput, PlanOptions, Status, plan};

use crate::clock::timed;
use crate::glue::{self, Judge};
use crate::table::Report;

pub(crate) fn run(report: &mut Report) {
    report.heading("Time on one core");
    report.line("Time that the core worked, without what others took of it.\n");
    let mut rows = Vec::new();
    for (services, calls, seconds) in [(300, 825, 1.0), (1000, 3000, 1.0), (5000, 20_000, 10.0)] {
        let input = glue::input(&power_law(1, services, calls));
        let (plan, took) = timed(|| plan(&input, &PlanOptions::default(), None));
        let plan = plan.expect("there are no pins");
        let judge = Judge::new(&input, &plan);
        let order: Vec<usize> = (0..services).collect();
        // The clock of a core is coarse.
        let (_, lists) = timed(|| {
            (0..200)
                .map(|_| by_order(&judge.placement, &order).1)
                .sum::<usize>()
        });
        let list = lists / 200;
        let name = format!("{services} services, {calls} calls");
        report.at_most(&format!("{name}: seconds"), took.as_secs_f64(), seconds);
        rows.push(vec![
            name,
            format!("{:.1}", millis(took)),
            format!("{:.2}", millis(list)),
            format!("{:.0}", took.as_secs_f64() / list.as_secs_f64()),
        ]);
    }
    report.table(&["graph", "plan ms", "one list pass ms", "ratio"], &rows);
    propagation(report);
}

/// With every service excluded nothing is scheduled: what is left is reading the graph, breaking cycles, criticality, amplification
/// and risk.
fn propagation(report: &mut Report) {
    report.line("Reading the graph, cycles, criticality, amplification and risks alone:\n");
    let sizes = [(5000, 20_000), (20_000, 80_000)];
    let measured = sizes.map(|(services, calls)| {
        let mut input = glue::input(&power_law(1, services, calls));
        for service in input.services.values_mut() {
            service.status = Status::Excluded;
        }
        let best = (0..5).map(|_| excluded(&input)).min();
        (
            format!("{services} services, {calls} calls"),
            best.unwrap_or_default(),
        )
    });
    let rows = measured
        .each_ref()
        .map(|(name, took)| vec![name.clone(), format!("{:.1}", millis(*took))]);
    report.table(&["graph", "ms"], &rows);
    let ratio = measured[1].1.as_secs_f64() / measured[0].1.as_secs_f64();
    report.line(&format!(
        "Four times the calls take {ratio:.1} times as long.\n"
    ));
    // 4 if linear, 16 if quadratic; in between are sorting and caches that overflow.
    report.at_most("time for four times the calls", ratio, 10.0);
}

fn excluded(input: &PlanInput) -> Duration {
    let (plan, took) = timed(|| plan(input, &PlanOptions::default(), None));
    assert!(plan.expect("there are no pins").waves.is_empty());
    took
}

fn millis(of: Duration) -> f64 {
    of.as_secs_f64() * 1000.0
}
