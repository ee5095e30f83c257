//! What to watch with which metric, who is not planned, and what to know about the data.

use tracemesh_graph::onboarding::Plan;

use super::{Page, VOICE};
use crate::render::onboarding::text::visible;
use crate::render::onboarding::words::{counted, watch, why};

pub(super) fn metrics(page: &mut Page) {
    page.heading(2, "What to watch");
    page.line(
        "A canary is the first few instances with a sidecar; the bake is the time for which they are watched. Limits stand beside each service; \
         these are the metrics, for Prometheus. `$service` is the name of the service as in this plan, as on the generated dashboard.\n",
    );
    for metric in watch::ALL {
        let described = watch::described(metric);
        page.item(&format!("**{}**: `{}`", described.title, described.query));
        if let Some(panel) = described.panel {
            page.line(&format!("  - Panel of the dashboard: \"{panel}\""));
        }
        page.line(&format!("  - Above the limit: {}", described.then));
    }
}

pub(super) fn unplanned(page: &mut Page, plan: &Plan) {
    if plan.unplanned.is_empty() {
        return;
    }
    page.heading(2, "Not planned");
    for service in &plan.unplanned {
        let name = VOICE.node(&service.service);
        page.item(&format!("**{name}**: {}", why::unplanned(service, VOICE)));
    }
}

pub(super) fn data(page: &mut Page, plan: &Plan) {
    if plan.notes.is_empty() && plan.left_out.is_empty() && plan.cut_arcs.is_empty() {
        return;
    }
    page.heading(2, "What to know about the data");
    for note in &plan.notes {
        // Notes are our own words: only what is invisible needs care.
        page.item(&visible(note));
    }
    if !plan.cut_arcs.is_empty() {
        let arcs = VOICE.edges(&plan.cut_arcs, |edge| {
            VOICE.arrow(&edge.caller, &edge.callee)
        });
        let count = counted(plan.cut_arcs.len(), "call");
        page.item(&format!("Circles broken at {count}: {arcs}"));
    }
    if !plan.broken_arcs.is_empty() {
        let arcs = VOICE.edges(&plan.broken_arcs, |edge| {
            VOICE.arrow(&edge.caller, &edge.callee)
        });
        let count = counted(plan.broken_arcs.len(), "call");
        page.item(&format!(
            "The order is not kept on {count} that close a circle: {arcs}"
        ));
    }
    for (reason, count) in &plan.left_out {
        page.item(&format!("Left out: {count} x {}", (VOICE.name)(reason)));
    }
}
