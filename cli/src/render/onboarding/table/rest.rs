//! Below the waves: who is not planned, calls whose caller comes first, circles, and what to know about the data.

use tracemesh_graph::onboarding::{Inverted, Plan};

use super::{Page, VOICE};
use crate::render::onboarding::text::visible;
use crate::render::onboarding::words::{self, counted, why};

const WHOLE: &str = "`--format json` has all of them";

pub(super) fn unplanned(page: &mut Page, plan: &Plan) {
    if plan.unplanned.is_empty() {
        return;
    }
    page.heading(&format!("NOT PLANNED ({})", plan.unplanned.len()));
    let lines = plan.unplanned.iter();
    let lines = lines.map(|service| {
        let why = why::unplanned(service, VOICE);
        format!("{}: {why}", VOICE.node(&service.service))
    });
    page.list(lines, WHOLE);
}

pub(super) fn inverted(page: &mut Page, plan: &Plan) {
    /// Calls that are told one by one.
    const SHOWN: usize = 3;
    if plan.inverted.is_empty() {
        return;
    }
    page.heading(&format!("CALLER BEFORE CALLEE ({})", plan.inverted.len()));
    let budget = words::budget(&plan.options);
    page.say(&why::inversions(&plan.inverted, budget));
    let mut worst: Vec<&Inverted> = plan.inverted.iter().collect();
    worst.sort_by(|a, b| {
        let by_attempts = b.with_mesh_retries.total_cmp(&a.with_mesh_retries);
        by_attempts.then(b.share.total_cmp(&a.share))
    });
    for edge in worst.iter().take(SHOWN) {
        page.say(&format!("- {}", why::inverted(edge, VOICE)));
    }
    let more = worst.len().saturating_sub(SHOWN);
    if more > 0 {
        page.say(&format!("- and {more} more: {WHOLE}"));
    }
}

pub(super) fn notes(page: &mut Page, plan: &Plan) {
    if plan.notes.is_empty() && plan.left_out.is_empty() && plan.cut_arcs.is_empty() {
        return;
    }
    page.heading("WHAT TO KNOW ABOUT THE DATA");
    for note in &plan.notes {
        page.say(&format!("- {}", visible(note)));
    }
    if !plan.cut_arcs.is_empty() {
        let arcs = VOICE.edges(&plan.cut_arcs, |edge| {
            VOICE.arrow(&edge.caller, &edge.callee)
        });
        let count = counted(plan.cut_arcs.len(), "call");
        page.say(&format!("- circles broken at {count}: {arcs}"));
    }
    if !plan.broken_arcs.is_empty() {
        let arcs = VOICE.edges(&plan.broken_arcs, |edge| {
            VOICE.arrow(&edge.caller, &edge.callee)
        });
        let count = counted(plan.broken_arcs.len(), "call");
        page.say(&format!(
            "- the order is not kept on {count} that close a circle: {arcs}"
        ));
    }
    for (reason, count) in &plan.left_out {
        page.say(&format!("- left out: {count} x {}", visible(reason)));
    }
}
