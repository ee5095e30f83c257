//! The curves: what is protected after each wave, what is left of the exposure to retry storms, and the most that can be reached.

use tracemesh_graph::onboarding::{CurvePoint, Curves, Plan, Wave};

use super::Page;
use crate::render::onboarding::words::{self, percent};

pub(super) fn curves(page: &mut Page, plan: &Plan) {
    let has_dates = plan.calendar.is_some();
    page.heading(&row(
        ["WAVE", "CANARY", "SVCS", "TOUCHED"],
        ["SHED", "CLIENT", "BOTH", "STRICT", "STORMS"],
        has_dates,
    ));
    for point in &plan.curves {
        let wave = plan.waves.iter().find(|wave| wave.wave == point.wave);
        let (count, touched) = wave.map_or((plan.done.len(), String::new()), |wave| {
            (wave.services.len(), percent(wave.touched))
        });
        let canary = words::dates(plan, point.wave).map(|dates| dates.canary.to_string());
        let left = [
            &point.wave.to_string(),
            &canary.unwrap_or_default(),
            &count.to_string(),
            &touched,
        ];
        let text = row(
            left.map(String::as_str),
            shares(point).each_ref().map(String::as_str),
            has_dates,
        );
        page.line(&format!("{text}{}", wave.map_or("", mark)));
    }
    let most = CurvePoint {
        wave: 0,
        curves: plan.maximum,
        exposure: plan.curves.last().map_or(0.0, |last| last.exposure),
    };
    let cells = shares(&most);
    page.line(&row(
        ["most", "", "", ""],
        cells.each_ref().map(String::as_str),
        has_dates,
    ));
    page.say(
        "TOUCHED: traffic that enters or leaves the services of the wave. Then, after it: SHED: calls whose callee can shed load, of all \
         calls. CLIENT: calls whose caller has timeouts, outlier detection and circuit breaking, BOTH: calls with mTLS, STRICT: calls whose \
         callee can refuse plaintext, of the calls by services. STORMS: exposure to retry storms that is left.",
    );
}

fn shares(point: &CurvePoint) -> [String; 5] {
    let Curves {
        shed,
        client,
        both,
        strict,
    } = point.curves;
    [shed, client, both, strict, point.exposure].map(percent)
}

fn row(left: [&str; 4], right: [&str; 5], has_dates: bool) -> String {
    let [wave, canary, count, touched] = left;
    let canary = if has_dates {
        format!("  {canary:<10}")
    } else {
        String::new()
    };
    let right = right.map(|cell| format!("{cell:>8}")).concat();
    format!("{wave:>4}{canary}  {count:>4}  {touched:>7} |{right}")
}

/// What is special about a wave.
const fn mark(wave: &Wave) -> &'static str {
    if !wave.exceptions.is_empty() {
        " !"
    } else if wave.alone {
        " 1"
    } else if wave.services.is_empty() {
        " -"
    } else {
        ""
    }
}
