//! The plan as a runbook: head, protection, and per wave a checklist with the reasons, the flips, and the retries to keep off.

mod service;

use std::fmt::Write;

use tracemesh_graph::onboarding::{EdgeRef, Plan, PlanOptions, Wave};

use super::text::{markdown as escaped, visible};
use super::words;

/// The runbook, in CommonMark with task lists and tables. Names are escaped; they carry no markup, link, or HTML.
#[must_use]
pub fn markdown(plan: &Plan) -> String {
    let mut page = Page::default();
    page.head(plan);
    page.protection(plan);
    for wave in &plan.waves {
        page.wave(wave);
    }
    page.not_planned(plan);
    page.data(plan);
    page.text
}

fn name(id: &str) -> String {
    escaped(words::short(id))
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("writing to a string does not fail");
    }

    fn head(&mut self, plan: &Plan) {
        let summary = &plan.summary;
        self.line("# Onboarding plan\n");
        self.line(&format!(
            "{} join in {}. Mean wave at which protection arrives: {:.2}; objective {:.3} (smaller is better).",
            words::scope(plan),
            words::counted(summary.waves, "wave"),
            summary.mean_wave,
            summary.objective
        ));
        if summary.exceptions > 0 {
            self.line(&format!(
                "**{} without any service inside the limits**: the least risky one goes alone.",
                words::counted(summary.exceptions, "wave")
            ));
        }
        self.line("");
        if let Some(window) = words::window(plan) {
            self.line(&format!("- Traces: {window}"));
        }
        self.limits(&plan.options);
        self.line(&format!(
            "- Caller joins before callee on {} of the calls by services",
            words::percent(summary.caller_first)
        ));
        self.line("");
    }

    fn limits(&mut self, options: &PlanOptions) {
        let ramp = &options.ramp;
        let cap = ramp.size_cap.map_or_else(
            || "the larger of 5 and a twentieth of the services".to_owned(),
            |cap| cap.to_string(),
        );
        self.line(&format!(
            "- Size: {} at first, times {} per wave, up to {cap}; {} per team and wave",
            ramp.first_size, ramp.growth, ramp.team_cap
        ));
        let whole = |share: f64| format!("{:.0} %", 100.0 * share);
        self.line(&format!(
            "- Touched traffic per wave: {}; a service above the last value goes alone",
            words::ramp(&ramp.traffic_caps, whole)
        ));
        self.line(&format!(
            "- Risk of a service: {}",
            words::ramp(&ramp.risk_ceilings, |risk| format!("{risk:.2}"))
        ));
        self.line("- No two services of a wave call each other");
        let weights = &options.weights;
        self.line(&format!(
            "- Weights: shed {}, client {}, both {}, exposure {}, wave {}",
            weights.shed, weights.client, weights.both, weights.exposure, weights.wave
        ));
    }

    fn protection(&mut self, plan: &Plan) {
        self.line("## Protection\n");
        self.line("| After wave | Services | Touched | Shed | Client | Both | Strict |");
        self.line("|---:|---:|---:|---:|---:|---:|---:|");
        for point in &plan.curves {
            let index = usize::try_from(point.wave).unwrap_or(usize::MAX);
            let wave = index.checked_sub(1).and_then(|index| plan.waves.get(index));
            let (count, touched) = wave.map_or((plan.done.len(), String::new()), |wave| {
                (wave.services.len(), words::percent(wave.touched))
            });
            self.line(&format!(
                "| {} | {count} | {touched} | {} | {} | {} | {} |",
                point.wave,
                words::percent(point.curves.shed),
                words::percent(point.curves.client),
                words::percent(point.curves.both),
                words::percent(point.curves.strict)
            ));
        }
        self.line("");
        self.line("- **Shed**: the callee can shed load (adaptive concurrency, rate limit). Share of all calls.");
        self.line(
            "- **Client**: the caller has timeouts, outlier detection, circuit breaking. Share of calls by services.",
        );
        self.line("- **Both**: mTLS and peer identity. Share of calls by services.");
        self.line(
            "- **Strict**: the callee can refuse plaintext, once no plaintext has arrived for the whole bake time. Share of calls by services.",
        );
        self.line("");
    }

    fn wave(&mut self, wave: &Wave) {
        let limits = &wave.limits;
        self.line(&format!("## Wave {}\n", wave.wave));
        self.line(&format!(
            "{} of at most {}, touching {} of the traffic (cap {}), risk up to {:.2}.",
            words::counted(wave.services.len(), "service"),
            limits.size,
            words::percent(wave.touched),
            words::percent(limits.traffic),
            limits.risk
        ));
        if wave.alone {
            self.line("Its service is above the traffic cap and therefore alone.");
        }
        if wave.services.is_empty() {
            self.line("Every service left is held back by `not_before`.");
        }
        if !wave.exceptions.is_empty() {
            let broken: Vec<&str> = wave.exceptions.iter().map(words::exception).collect();
            self.line(&format!(
                "**Exception ({})**: no service kept to the limits; this one is the least risky.",
                broken.join(", ")
            ));
        }
        self.line("");
        for service in &wave.services {
            self.text.push_str(&service::item(service));
        }
        self.flips(wave);
        self.line("");
    }

    /// What to switch once every service of the wave is fully rolled out.
    fn flips(&mut self, wave: &Wave) {
        let both = wave.services.iter().flat_map(|s| &s.turns_on.both);
        let both: Vec<&EdgeRef> = both.collect();
        if !both.is_empty() {
            let text = edges(both, |edge| {
                format!("{} -> {}", name(&edge.caller), name(&edge.callee))
            });
            self.line(&format!(
                "- [ ] Flip after the rollout: mesh retries are safe on {text}"
            ));
        }
        if !wave.strict_ready.is_empty() {
            let ready: Vec<String> = wave.strict_ready.iter().map(|id| name(id)).collect();
            self.line(&format!(
                "- [ ] Flip after the bake: strict mTLS on {} (first check that no plaintext arrives)",
                words::some(&ready)
            ));
        }
    }

    fn not_planned(&mut self, plan: &Plan) {
        if plan.unplanned.is_empty() {
            return;
        }
        self.line("## Not planned\n");
        for service in &plan.unplanned {
            let mut text = format!("- **{}**: ", name(&service.service));
            if service.blockers.is_empty() {
                text.push_str("excluded");
            } else {
                let blockers: Vec<String> = service.blockers.iter().map(|b| escaped(b)).collect();
                text.push_str(&format!("fix first: {}", words::some(&blockers)));
            }
            if !service.strict_lost.is_empty() {
                let lost: Vec<String> = service.strict_lost.iter().map(|id| name(id)).collect();
                text.push_str(&format!("; strict mTLS never on {}", words::some(&lost)));
            }
            self.line(&text);
        }
        self.line("");
    }

    fn data(&mut self, plan: &Plan) {
        if plan.notes.is_empty() && plan.left_out.is_empty() && plan.cut_arcs.is_empty() {
            return;
        }
        self.line("## What to know about the data\n");
        for note in &plan.notes {
            // Notes are our own words: only what is invisible needs care.
            self.line(&format!("- {}", visible(note)));
        }
        for (reason, count) in &plan.left_out {
            self.line(&format!("- Left out: {count} x {}", escaped(reason)));
        }
        if !plan.cut_arcs.is_empty() {
            let text = edges(plan.cut_arcs.iter().collect(), |edge| {
                format!("{} -> {}", name(&edge.caller), name(&edge.callee))
            });
            self.line(&format!("- Cycles cut at: {text}"));
        }
    }
}

/// Edges as text, busiest first.
fn edges(mut edges: Vec<&EdgeRef>, show: impl Fn(&EdgeRef) -> String) -> String {
    edges.sort_by(|a, b| b.share.total_cmp(&a.share));
    let items: Vec<String> = edges.into_iter().map(show).collect();
    words::some(&items)
}
